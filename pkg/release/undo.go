package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenToldToAbort takes the release back. An undo is answered when the template is put back too.
func whenToldToAbort(o Observation, now time.Time) (Decision, bool) {
	undone := o.commanded(undo)
	if !o.running() || o.aborting() || !o.commanded(abortNow) && !undone {
		return Decision{}, false
	}
	message := o.Wanted.Command.because("aborted by command")
	d, ok := abort(o, v1alpha1.ReasonCommanded, v1alpha1.RefuseTemplate, message)
	if undone {
		o.Wanted.Command.record(d.Release, v1alpha1.CommandAccepted, message, o.Wanted.Command.given(o.Release.Pending, now), now)
	} else {
		d.Answer = o.Wanted.Command.accepted(message)
	}
	return d, ok
}

// whenToldToUndo gives the Deployment the template that runs, once the release with the other one is over.
func whenToldToUndo(o Observation, _ time.Time) (Decision, bool) {
	if o.running() || !o.commanded(undo) {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonUpToDate, fmt.Sprintf("the template of ReplicaSet %s is put back into Deployment %s", o.Workload.Stable.Name, o.Workload.Deployment))
	d.Actions = []Action{{Verb: PutBack}}
	d.Answer = o.Wanted.Command.accepted(o.Wanted.Command.because(d.Message))
	return d, true
}

// refuseUndo keeps an undo to the template of the release that it names: one that came since is nobody's to overwrite, and the command
// is over as soon as it is seen.
func refuseUndo(o Observation) string {
	switch w := o.Workload; {
	case o.External:
		return "both destinations are run by their owner; to go back, set spec.destinations.revision to the one before"
	case !w.Waits || !w.Stable.There():
		return "the Deployment's template is the one that runs; there is nothing to put back"
	case w.Template != o.Release.Revision:
		return fmt.Sprintf("the Deployment's template is no longer that of release %d, and is left as it is; to go back, give the Deployment the template it had", o.Release.Number)
	}
	return ""
}
