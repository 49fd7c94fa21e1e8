package kubectl

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// written is a TrafficShift after an edit, as this version knows it and as it is stored.
type written struct {
	shift  *v1alpha1.TrafficShift
	object *unstructured.Unstructured
}

// writing is how an edit is to be made, and shown.
type writing struct {
	dryRun bool
	output output
}

func (x *writing) flags(set *pflag.FlagSet) {
	set.BoolVar(&x.dryRun, "dry-run", false, "have the cluster check what would be written, and write nothing")
	set.StringVarP((*string)(&x.output), "output", "o", "", "json, yaml or name: show the object that was written")
}

func (x *writing) check() error { return x.output.check("json", "yaml", "name") }

// waiting is how long to wait for what the operator makes of an edit.
type waiting struct {
	wait    bool
	timeout time.Duration
}

// flags add --wait, which does what is said of it, and --timeout.
func (x *waiting) flags(set *pflag.FlagSet, does string) {
	set.BoolVar(&x.wait, "wait", false, does)
	set.DurationVar(&x.timeout, "timeout", 2*time.Minute, "how long --wait waits")
}

func (x *waiting) check(dryRun bool) error {
	switch {
	case x.timeout <= 0:
		return fmt.Errorf("--timeout must be above 0, not %s", x.timeout)
	case x.wait && dryRun:
		return errors.New("--dry-run writes nothing that --wait could wait for; give one of them")
	}
	return nil
}

// said is what was done, or would have been.
func (x *writing) said(text string) string {
	if x.dryRun {
		return text + " (dry run: nothing was written)"
	}
	return text
}

// done is what came of a verb that writes.
type done struct {
	written
	// text says it in a line.
	text string
	// already says that it was so before, and nothing was written.
	already bool
}

// tell says what was done on the standard output, or on the standard error where the object is asked for; that there was nothing to do
// is only talk.
func (d done) tell(as output, w World) error {
	switch {
	case d.already:
		say(w.Streams.ErrOut, "%s", d.text)
		return nil
	case as.object():
		say(w.Streams.ErrOut, "%s", d.text)
		return as.print(d.object, w.Streams.Out)
	}
	return write(w.Streams.Out, d.text+"\n")
}
