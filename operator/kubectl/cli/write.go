package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Written is a TrafficShift after an edit, as this version knows it and as it is stored.
type Written struct {
	Shift  *v1alpha1.TrafficShift
	Object *unstructured.Unstructured
}

// WriteFlags is how an edit is to be made, and shown.
type WriteFlags struct {
	DryRun bool
	Output Output
}

func (x *WriteFlags) AddTo(set *pflag.FlagSet) {
	set.BoolVar(&x.DryRun, "dry-run", false, "have the cluster check what would be written, and write nothing")
	set.StringVarP((*string)(&x.Output), "output", "o", "", "json, yaml or name: show the object that was written")
}

func (x *WriteFlags) Check() error { return x.Output.Check("json", "yaml", "name") }

// WaitFlags is how long to wait for what the operator makes of an edit.
type WaitFlags struct {
	Wait    bool
	Timeout time.Duration
}

// AddTo add --wait, which does what is said of it, and --timeout.
func (x *WaitFlags) AddTo(set *pflag.FlagSet, does string) {
	set.BoolVar(&x.Wait, "wait", false, does)
	set.DurationVar(&x.Timeout, "timeout", 2*time.Minute, "how long --wait waits")
}

func (x *WaitFlags) Check(dryRun bool) error {
	switch {
	case x.Timeout <= 0:
		return fmt.Errorf("--timeout must be above 0, not %s", x.Timeout)
	case x.Wait && dryRun:
		return errors.New("--dry-run writes nothing that --wait could wait for; give one of them")
	}
	return nil
}

// Describe is what was done, or would have been.
func (x *WriteFlags) Describe(text string) string {
	if x.DryRun {
		return text + " (dry run: nothing was written)"
	}
	return text
}

// Result is what came of a verb that writes.
type Result struct {
	Written
	// Text says it in a line.
	Text string
	// Unchanged says that it was so before, and nothing was written.
	Unchanged bool
}

// Print says what was done on the standard output, or on the standard error where the object is asked for; that there was nothing to do
// is only talk.
func (d Result) Print(as Output, env Env) error {
	switch {
	case d.Unchanged:
		Say(env.Streams.ErrOut, "%s", d.Text)
		return nil
	case as.IsObject():
		Say(env.Streams.ErrOut, "%s", d.Text)
		return as.PrintObject(d.Object, env.Streams.Out)
	}
	return Write(env.Streams.Out, d.Text+"\n")
}
