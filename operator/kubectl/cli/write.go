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

// WriteFlags are the flags of verbs that write: whether to write at all, and how to show it.
type WriteFlags struct {
	DryRun bool
	Output Output
}

// AddTo adds --dry-run and --output.
func (x *WriteFlags) AddTo(set *pflag.FlagSet) {
	set.BoolVar(&x.DryRun, "dry-run", false, "have the cluster check what would be written, and write nothing")
	x.Output.AddTo(set, "json, yaml or name: show the object that was written")
}

// Check refuses an output that is not known.
func (x *WriteFlags) Check() error { return x.Output.Check("json", "yaml", "name") }

// Describe adds to what was done that it was not, in a dry run.
func (x *WriteFlags) Describe(text string) string {
	if x.DryRun {
		return text + " (dry run: nothing was written)"
	}
	return text
}

// WaitFlags are the flags of verbs that can wait for the operator.
type WaitFlags struct {
	Wait    bool
	Timeout time.Duration
}

// AddTo adds --wait, with a help that says what is waited for, and --timeout.
func (x *WaitFlags) AddTo(set *pflag.FlagSet, does string) {
	set.BoolVar(&x.Wait, "wait", false, does)
	set.DurationVar(&x.Timeout, "timeout", 2*time.Minute, "how long --wait waits")
}

// Check refuses to wait for no time, or for a dry run.
func (x *WaitFlags) Check(dryRun bool) error {
	switch {
	case x.Timeout <= 0:
		return fmt.Errorf("--timeout must be above 0, not %s", x.Timeout)
	case x.Wait && dryRun:
		return errors.New("--dry-run writes nothing that --wait could wait for; give one of them")
	}
	return nil
}

// Result is what came of a verb that writes.
type Result struct {
	Written
	// Text says it in a line.
	Text string
	// Unchanged says that nothing was written, because it was so before.
	Unchanged bool
}

// Print says what was done on the standard output; on the standard error where the object is asked for, or nothing was to be done.
func (r Result) Print(as Output, env Env) error {
	switch {
	case r.Unchanged:
		Say(env.Streams.ErrOut, "%s", r.Text)
		return nil
	case as.IsObject():
		Say(env.Streams.ErrOut, "%s", r.Text)
		return as.PrintObject(r.Object, env.Streams.Out)
	}
	return Write(env.Streams.Out, r.Text+"\n")
}
