package steer

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// inTheWay is a command that has no answer yet, and in whose place the new one must not be written.
type inTheWay struct {
	verb string
	// said is the command in words: whose it is, and since when it waits.
	said string
}

func (w inTheWay) Error() string {
	return fmt.Sprintf("%s is not answered yet, so nothing was commanded", w.said)
}

// answerTo is what became of the command with the token; nil while it waits. It is an error that another one has taken its place.
func answerTo(c cli.Cluster, shift *v1alpha1.TrafficShift, token string) (*v1alpha1.CommandAnswer, error) {
	if shift.Status.LastHandledCommand == token {
		return cmp.Or(shift.Status.LastAnswer, &v1alpha1.CommandAnswer{}), nil // an older operator has none
	}
	text := shift.Annotations[v1alpha1.CommandAnnotation]
	now := release.ParseCommand(text, shift.Annotations[v1alpha1.CommandedByAnnotation])
	if now.Token == token {
		return nil, nil
	}
	if r := shift.Status.Release; r != nil {
		// It was answered, and another one since.
		at := slices.IndexFunc(r.Commands, func(x v1alpha1.RecordedCommand) bool { return x.Token == token && x.Result != v1alpha1.CommandReplaced })
		if at >= 0 {
			return &v1alpha1.CommandAnswer{Result: cmp.Or(r.Commands[at].Result, v1alpha1.CommandAccepted), Message: r.Commands[at].Message}, nil
		}
	}
	if text == "" {
		return nil, fmt.Errorf("somebody took the command away before it was carried out; look with: %s", c.CommandLine("why", shift.Name))
	}
	by, why := "", ""
	if now.By != "" {
		by = " of " + now.By
	}
	if now.Why != "" {
		why = " (" + now.Why + ")"
	}
	return nil, fmt.Errorf("the %s%s%s has taken the place of this command; look with: %s", now.Name(), by, why, c.CommandLine("why", shift.Name))
}
