package steer

import (
	"context"
	"fmt"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// Request is one verb for the release and the weight that a page showed.
type Request struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Verb      view.Verb `json:"verb"`
	// Number of the release and Moves of its weight; Number is 0 where none was shown.
	Number int64  `json:"number"`
	Moves  int32  `json:"moves"`
	Reason string `json:"reason"`
}

// Do is what a verb does, for the release and the weight that were shown. An abort is for the release at any weight, and a pause
// for any release: brakes work also when it has gone on.
func Do(ctx context.Context, c cli.Cluster, o Request, token string) (string, error) {
	c.Namespace = o.Namespace
	given, err := newCommand(string(o.Verb), o.Name, o.Reason)
	if err != nil {
		return "", err
	}
	if o.Number > 0 {
		given.seen = &v1alpha1.Release{Number: o.Number, Moves: o.Moves}
	}
	if control, is := controlOf(o.Verb, given.seen); is {
		control.reason = given.reason
		d, err := control.set(ctx, c, given.service)
		return d.Text, err
	}
	verb, is := verbs()[o.Verb]
	if !is {
		return "", fmt.Errorf("%q is no verb of the dashboard", o.Verb)
	}
	given.perWeight = verb.perWeight
	d, err := (&invocation{verb: verb, command: given}).send(ctx, c, token)
	return d.Text, err
}

// verbs are the verbs of the dashboard that command the operator.
func verbs() map[view.Verb]verb {
	return map[view.Verb]verb{view.VerbPromote: promoteVerb(), view.VerbAbort: abortVerb(), view.VerbUndo: undoVerb(), view.VerbRetry: retryVerb()}
}

// controlOf are those that set control, of a release that was seen where weights may be raised by it.
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
func Refused(c cli.Cluster, verb view.Verb, shift *v1alpha1.TrafficShift) string {
	c.Namespace = shift.Namespace
	order, is := verbs()[verb]
	if !is {
		return ""
	}
	if err := (command{verb: string(verb)}).checkRelease(c, shift, nil); err != nil {
		return err.Error()
	}
	if err := order.check(c, shift); err != nil {
		return err.Error()
	}
	return ""
}
