package view

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Screen is everything worth knowing about one Service under management, at one moment. Texts are clean: no control
// characters, no line breaks.
type Screen struct {
	// Namespace and Name of the TrafficShift.
	Namespace, Name string
	// Policy is the name of the ShiftPolicy, "" when unknown.
	Policy string
	// Number of the release, 0 when there has been none.
	Number int64
	// released is the version of the release, also at rest.
	released string
	// Canary and Stable name the versions for people: images where they differ, revisions otherwise; "" when unknown.
	// At rest only the stable is named.
	Canary, Stable string
	// Changes says what the release changes, where that is more than one image; "" at rest.
	Changes string
	// State is where the Service is.
	State State
	// Observed is how long ago the operator last looked at the running release, negative where none runs or the operator does not tell.
	// Unattended says that it was too long ago for an operator to be at work; ByHand is what people can do then, nil when there is nothing.
	// At rest, Observed is how long ago an operator gave the last sign where it is said to give none.
	Observed   time.Duration
	Unattended bool
	ByHand     *Hint
	// TakingBack says that an abort or undo waits to be carried out.
	TakingBack bool
	// Waiting is the version that waits at rest until its release begins, "" where none does.
	Waiting string
	// Operator says which operator works, "" when unknown.
	Operator string
	// Step is the step the release is at, from 1; 0 before the first. Steps is how many the plan has, 0 when unknown.
	Step, Steps int
	// OnTheWay says that the weight is one on the way to the step.
	OnTheWay bool
	// Weight is set while a release runs.
	Weight *Weight
	// gate is the name of the one that a release waits for; "" while it waits for none.
	gate string
	// PlanSteps are the steps of the plan, and what became of them; none at rest.
	PlanSteps []PlanStep
	// Footprint is what the release touches, where it was looked at.
	Footprint *Footprint
	// Objectives are in the plan's order; empty when nothing is known of them.
	Objectives []Objective
	// Against is the evidence against the canary, of which SuspiciousAt forbids a raise.
	Against, SuspiciousAt float64
	// AbortAt and PassAt are the evidence at which the release aborts, and at which an objective passes.
	AbortAt, PassAt float64
	// Exposed is set when requests met the canary, or a release runs.
	Exposed *Exposed
	// Notes are the conditions worth saying, most urgent first.
	Notes []Note
	// Outcome is set when the release has ended or is being taken back.
	Outcome *Outcome
	// Last says how the release before ended while another version waits, "" otherwise: Outcome, Objectives and Exposed, which are nil then, would be
	// taken for what is known of that version. Ended is the outcome of the release Number all the same.
	Last  string
	Ended *Outcome
	// newest is the release as a line of history.
	newest Past
	// news is what was written into the Deployment and no operator has seen.
	news news
	// Next says what happens next, "" when Weight says it.
	Next string
	// History holds the releases before this one, newest first.
	History []Past
}

// Exposed is the blast radius of a release so far.
type Exposed struct {
	// Requests met the canary, Failed of them were bad.
	Requests, Failed int64
	// Expected is how many would have failed at the stable's rate; valid when Compared.
	Expected float64
	Compared bool
	// Lacking says what is not counted, "" when nothing is: then there may be more of all of them.
	Lacking string
	// Unsure says that requests may have met the canary of which nobody knows: its weight was above 0, or may be, and nobody counts.
	Unsure bool
}

// Outcome is how and why a release ended or is being taken back.
type Outcome struct {
	// Result is Promoted or Aborted.
	Result State
	// Reason is machine-readable, Message says it to people with the numbers; either may be "".
	Reason, Message string
	// Ended is how long ago, negative while it has not. Took is from start to end, 0 when unknown.
	Ended, Took time.Duration
	// Peak is the largest weight that was written, "" when unknown.
	Peak string
	// Refused says that the template is not released again until it changes.
	Refused bool
}

// Past is one line of history.
type Past struct {
	Number           int64
	Version          string
	Result           State
	Reason           string
	Peak             string
	Requests, Failed int64
	// Lacking says which requests are not counted, "" when all are.
	Lacking string
	// Ended is how long ago, negative when unknown. Took is from start to end, 0 when unknown.
	Ended, Took time.Duration
}

// Release is the screen of one TrafficShift as of now, where nothing is known beside it.
func Release(shift *v1alpha1.TrafficShift, now time.Time) Screen { return Beside{}.Release(shift, now) }

// Release is the screen of one TrafficShift as of now. It never fails: what the object does not say is missing from the screen.
func (b Beside) Release(shift *v1alpha1.TrafficShift, now time.Time) Screen {
	if shift == nil {
		return Screen{State: StatePending, Observed: -1}
	}
	s := Screen{
		Namespace: clean(shift.Namespace),
		Name:      clean(cmp.Or(shift.Name, shift.Spec.Service.Name)),
		Policy:    clean(shift.Spec.PolicyRef.Name),
		State:     stateOf(shift),
		AbortAt:   abortAt,
		Notes:     notesOf(shift, now),
		History:   historyOf(shift, now),
		Observed:  observedAgo(shift, now),
	}
	b.attend(shift, &s, now)
	if r := shift.Status.Release; r != nil {
		s.Number = r.Number
		s.Canary, s.Stable = versions(shift)
		s.released, s.Changes = released(r.Revision, r.Images, r.Changes), changesOf(r.Changes)
		s.Step, s.Steps, s.OnTheWay = int(r.Step), len(r.Plan.Steps), r.OnTheWay() && r.State == v1alpha1.StateShifting
		s.Against, s.SuspiciousAt = againstOf(r), suspiciousAt(r.Plan.Confidence)
		s.PassAt = passAt(r.Plan.Confidence)
		s.gate = gateOf(shift)
		s.TakingBack = r.Running() && release.InTheWay(shift, string(VerbAbort)) != nil
		if s.Weight = weightOf(shift, s.State, now); s.Weight != nil && s.TakingBack {
			s.Weight.Next, s.Weight.In = "", 0
		}
		s.Objectives = objectivesOf(r)
		s.doubtVerdicts(shift)
		s.Exposed = exposedOf(r, s.blind(shift), lacking(shift, r, s.Unattended, now))
		s.Outcome = outcomeOf(r, now)
		if !s.between() {
			s.PlanSteps = planStepsOf(r, s)
		}
	}
	if s.Number == 0 || s.State == StateIdle {
		s.Canary, s.Stable, s.Changes = "", newest(shift.Status.Stable), ""
	}
	if v, waits := waitingVersion(shift, s.State); waits {
		s.Waiting = newest(v)
		s.Canary, s.Stable = versions(&v1alpha1.TrafficShift{Status: v1alpha1.TrafficShiftStatus{
			Stable: shift.Status.Stable, Release: &v1alpha1.Release{Revision: v.Revision, Images: v.Images}}})
	}
	s.newest, s.Ended = s.newestAsPast(), s.Outcome
	if s.Waiting != "" {
		s.setApart()
	}
	s.Next = nextOf(shift, s, now)
	return s
}

// setApart keeps the release before from being taken for the version that waits.
func (s *Screen) setApart() {
	if o := s.Outcome; o != nil {
		s.Last = s.ending(*o)
		if o.Result != StatePromoted {
			s.Last += "; " + o.why()
		}
	}
	if s.Exposed != nil && s.Last != "" {
		s.Last += "; " + s.Exposed.text()
	}
	s.Outcome, s.Objectives, s.Exposed = nil, nil, nil
}

// Unseen is the screen of an annotated Service that has no TrafficShift yet.
func Unseen(namespace, service, policy string) Screen {
	s := Screen{Namespace: clean(namespace), Name: clean(service), Policy: clean(policy), State: StatePending, Observed: -1}
	s.Next = pendingSentence(s.Policy)
	return s
}

// abortAt is where the evidence against a canary aborts it; the operator scales it so, whatever the policy's confidence.
const abortAt = 100

// passAt is where the evidence for an objective passes: one over falsePromote.
func passAt(c v1alpha1.Confidence) float64 {
	if share := c.FalsePromote.Fraction(); share > 0 {
		return math.Round(1 / share)
	}
	return 20
}

// exposedOf is what met the canary, and what the counts of it lack; unsure says that nobody counts now.
func exposedOf(r *v1alpha1.Release, unsure bool, lacking string) *Exposed {
	e := &Exposed{Requests: max(r.Exposed, 0), Failed: max(r.Failed, 0), Lacking: lacking, Unsure: unsure}
	if r.Exposed <= 0 && r.State.Ended() && e.Lacking == "" {
		return nil
	}
	most := int64(-1)
	for _, o := range r.Objectives {
		// The failures shown are those of the objective that failed most, so the same one gives the rate to compare with.
		if o.Canary.Bad <= most || o.Stable.Requests <= 0 {
			continue
		}
		most = o.Canary.Bad
		e.Compared = true
		e.Expected = float64(e.Requests) * ratio(o.Stable.Bad, o.Stable.Requests)
	}
	return e
}

func outcomeOf(r *v1alpha1.Release, now time.Time) *Outcome {
	if r.Outcome == nil && !r.State.Ended() {
		return nil
	}
	o := &Outcome{Result: StateAborted, Ended: -1, Peak: percent(r.PeakWeight)}
	if r.State == v1alpha1.StatePromoted {
		o.Result = StatePromoted
	}
	if outcome := r.Outcome; outcome != nil {
		o.Result = cmp.Or(State(clean(string(outcome.Result))), o.Result)
		o.Reason, o.Message = clean(string(outcome.Reason)), clean(outcome.Message)
		o.Refused = outcome.Refuse == v1alpha1.RefuseTemplate
	}
	if r.FinishedAt != nil {
		o.Ended = max(now.Sub(r.FinishedAt.Time), 0)
		if !r.StartedAt.IsZero() {
			o.Took = max(r.FinishedAt.Sub(r.StartedAt.Time), 0)
		}
	}
	return o
}

func historyOf(shift *v1alpha1.TrafficShift, now time.Time) []Past {
	var past []Past
	for _, h := range shift.Status.History {
		if r := shift.Status.Release; r != nil && r.Number == h.Number {
			continue
		}
		p := Past{
			Number:   h.Number,
			Version:  released(h.Revision, h.Images, h.Changes),
			Result:   State(clean(string(h.Outcome))),
			Reason:   clean(string(h.Reason)),
			Peak:     percent(h.PeakWeight),
			Requests: max(h.Exposed, 0),
			Failed:   max(h.Failed, 0),
			Lacking:  notCounted(h.Counted),
			Took:     max(h.Duration.Duration(), 0),
			Ended:    -1,
		}
		if !h.StartedAt.IsZero() {
			p.Ended = max(now.Sub(h.StartedAt.Time)-p.Took, 0)
		}
		past = append(past, p)
	}
	return past
}

// between says that the screen is about a time between two releases, and not about the last one.
func (s Screen) between() bool { return s.State == StateIdle || s.Waiting != "" }

// at says where on the plan the release is: "step 2 of 5".
func (s Screen) at() string {
	switch {
	case s.Step <= 0 && s.Steps > 0 && s.Number > 0 && s.Weight != nil:
		return "before step 1 of " + strconv.Itoa(s.Steps)
	case s.OnTheWay:
		return fmt.Sprintf("on the way to step %d of %d", s.Step, s.Steps)
	case s.Step > 0 && s.Steps >= s.Step:
		return fmt.Sprintf("step %d of %d", s.Step, s.Steps)
	case s.Step > 0:
		return "step " + strconv.Itoa(s.Step)
	}
	return ""
}
