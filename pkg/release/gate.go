package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// mostApprovals is how many the record keeps: two for each gate that a plan may have.
const mostApprovals = 64

// whenGateClosed raises nothing before the gates of the steps are open that are entered next, whatever the evidence and whoever promotes.
func whenGateClosed(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	message := o.closedAmong(o.entering())
	if message == "" {
		return Decision{}, false
	}
	return withoutSharedBreach(o, wait(o, v1alpha1.ReasonGateClosed, message)), true
}

// closedAmong says of the first gate of the steps that is closed what there is to say; empty where all are open.
func (o Observation) closedAmong(steps []stage) string {
	for _, step := range steps {
		for _, g := range step.Gates {
			if !o.Release.Open(g) {
				return o.closed(g)
			}
		}
	}
	return ""
}

// closed says of a gate that it is closed, what to type, and who may not.
func (o Observation) closed(g v1alpha1.Gate) string {
	message := fmt.Sprintf("gate %s is closed: kubectl stagger approve %s %s (needs the verb approve on gates.stagger.dev)", g.Name, o.Wanted.Shift, g.Name)
	if g.By != v1alpha1.GateByAnotherPerson {
		return message
	}
	if author := o.Release.Author; author != "" {
		return message + "; another person than " + author + ", who wrote the template, has to"
	}
	message += "; nobody knows who wrote the template, so it takes two people"
	if by := o.Release.Approved(g.Name); len(by) > 0 {
		message += ", of whom " + strings.Join(by, ", ") + " has approved"
	}
	return message
}

// whenToldToApprove takes an approval into the record. It may come before its step, and holds for this release alone.
func whenToldToApprove(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || !o.commanded(approve) {
		return Decision{}, false
	}
	c, r := o.Wanted.Command, o.Release.DeepCopy()
	r.Approvals = append(r.Approvals, v1alpha1.Approval{Gate: c.Gate, By: c.By, Reason: truncate(c.Why, mostWhy), At: *stamp(now)})
	message := fmt.Sprintf("gate %s of release %d is open", c.Gate, r.Number)
	if g, _ := r.Plan.Gate(c.Gate); !r.Open(g) {
		message = fmt.Sprintf("gate %s of release %d takes one more, because nobody knows who wrote the template", c.Gate, r.Number)
	}
	d := Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing, Message: c.because(message), After: time.Millisecond}
	d.Answer = c.accepted(d.Message)
	return d, true
}

// refuseApprove keeps gates to those who may open them. Whether he has the verb, the API server has asked: it names nobody else.
func refuseApprove(o Observation, c *Command) string {
	g, known := o.Release.Plan.Gate(c.Gate)
	switch by := o.Release.Approved(c.Gate); {
	case !known:
		return fmt.Sprintf("the plan of release %d has no gate %s; %s", c.Number, truncate(c.Gate, mostToken), gatesOf(o.Release.Plan))
	case c.By == "":
		return "nobody knows who approves: the admission policies stagger-author, which name him and ask for the verb approve, are not at work in this cluster"
	case o.Release.Open(g):
		return fmt.Sprintf("gate %s is open already, by %s", c.Gate, strings.Join(by, ", "))
	case g.By == v1alpha1.GateByAnotherPerson && c.By == o.Release.Author:
		return fmt.Sprintf("%s wrote the template of release %d, and gate %s takes another person", c.By, c.Number, c.Gate)
	case slices.Contains(by, c.By):
		return fmt.Sprintf("%s has approved gate %s already, and it takes another person too", c.By, c.Gate)
	case len(o.Release.Approvals) >= mostApprovals:
		return fmt.Sprintf("the record of release %d has no room for more approvals: abort it and retry", c.Number)
	}
	return ""
}

// refusePastGates keeps a promotion from waiting for a gate that it would pass: the command would keep the approval out meanwhile.
func refusePastGates(o Observation, c *Command) string {
	step, _ := o.Release.NextStop()
	if c.verb == promoteFull {
		step = int32(len(o.Release.Plan.Steps))
	}
	if closed := o.closedAmong(o.upTo(step)); closed != "" {
		return closed + "; promote when it is open"
	}
	return ""
}

// gatesOf names the gates of a plan in a phrase.
func gatesOf(plan v1alpha1.ShiftPolicySpec) string {
	var names []string
	for _, step := range plan.Steps {
		for _, g := range step.Gates {
			names = append(names, g.Name)
		}
	}
	if len(names) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(names, ", ")
}
