package steer

import (
	"context"
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/view"
)

// Request is one verb as a page asks for it: for the release and the weight that the page showed.
type Request struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Verb      view.Verb `json:"verb"`
	// Number of the release and Moves of its weight; Number is 0 where none was shown.
	Number int64  `json:"number"`
	Moves  int32  `json:"moves"`
	Reason string `json:"reason"`
}

// Do carries out a request and says in a line what was done. An abort is for the release at any weight, and a pause for any release,
// so that both work when the release has moved on since the page was drawn.
func Do(ctx context.Context, c cli.Cluster, r Request, token string, now func() time.Time) (string, error) {
	c.Namespace = r.Namespace
	command, err := newCommand(string(r.Verb), r.Name, r.Reason, now)
	if err != nil {
		return "", err
	}
	if r.Number > 0 {
		command.seen = &v1alpha1.Release{Number: r.Number, Moves: r.Moves}
	}
	if control, is := controlOf(r.Verb, command.seen); is {
		control.reason, control.now = command.reason, now
		d, err := control.set(ctx, c, command.service)
		return d.Text, err
	}
	verb, is := verbs()[r.Verb]
	if !is {
		return "", fmt.Errorf("%q is no verb of the dashboard", r.Verb)
	}
	command.perWeight = verb.perWeight
	d, err := (&invocation{verb: verb, command: command}).send(ctx, c, token)
	return d.Text, err
}

// verbs are the ones that a page offers and that are commands to the operator.
func verbs() map[view.Verb]verb {
	return map[view.Verb]verb{view.VerbPromote: promoteVerb(), view.VerbAbort: abortVerb(), view.VerbUndo: undoVerb(), view.VerbRetry: retryVerb()}
}

// controlOf is the change of control that pause and resume are; false for other verbs. A resume is for the release that was seen.
func controlOf(verb view.Verb, seen *v1alpha1.Release) (*control, bool) {
	switch verb {
	case view.VerbPause:
		return pauseControl(), true
	case view.VerbResume:
		k := resumeControl()
		k.seen = seen
		return k, true
	}
	return nil, false
}

// Refused says why a verb would be refused at this moment, in its own words; "" when it would not.
func Refused(c cli.Cluster, verb view.Verb, shift *v1alpha1.TrafficShift, now time.Time) string {
	c.Namespace = shift.Namespace
	v, is := verbs()[verb]
	if !is {
		return ""
	}
	if err := (command{verb: string(verb)}).checkRelease(c, shift, nil); err != nil {
		return err.Error()
	}
	if err := v.check(c, shift); err != nil {
		return err.Error()
	}
	if release.InTheWay(shift, v.name) != nil {
		return view.Waits(shift, now) + " is not answered yet"
	}
	return ""
}
