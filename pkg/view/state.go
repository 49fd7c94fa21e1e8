package view

import (
	"cmp"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// State is where a Service is, in one word for people. A word that this version does not know is shown as it came.
type State string

// The states; see the table of the package.
const (
	StatePending   State = "Pending"
	StateIdle      State = "Idle"
	StateWaiting   State = "Waiting"
	StatePreparing State = "Preparing"
	StateShifting  State = "Shifting"
	StateHeld      State = "Held"
	StatePaused    State = "Paused"
	StateHandover  State = "Handover"
	StateAborting  State = "Aborting"
	StateDraining  State = "Draining"
	StateRestoring State = "Restoring"
	StatePromoted  State = "Promoted"
	StateAborted   State = "Aborted"
	StateStalled   State = "Stalled"
)

// Tone says how a text is meant, for colours; a text never means anything by its colour alone.
type Tone int

// The tones.
const (
	TonePlain Tone = iota
	ToneFaint
	ToneBusy
	ToneGood
	ToneCareful
	ToneBad
)

// Icon is one character for the state; "?" for a state this version does not know.
func (s State) Icon() string { icon, _ := s.iconAndTone(); return icon }

// Tone is how the state is meant.
func (s State) Tone() Tone { _, tone := s.iconAndTone(); return tone }

func (s State) iconAndTone() (icon string, tone Tone) {
	switch s {
	case StatePending:
		return "…", ToneCareful
	case StateIdle:
		return "○", ToneGood
	case StateWaiting:
		return "◷", ToneCareful
	case StatePreparing:
		return "◔", ToneBusy
	case StateShifting:
		return "◑", ToneBusy
	case StateHeld:
		return "◫", ToneCareful
	case StatePaused:
		return "‖", ToneCareful
	case StateHandover:
		return "◕", ToneBusy
	case StateAborting, StateDraining, StateRestoring:
		return takingBack(s)
	case StatePromoted:
		return "✔", ToneGood
	case StateAborted:
		return "✘", ToneBad
	case StateStalled:
		return "!", ToneBad
	}
	return "?", TonePlain
}

func takingBack(s State) (icon string, tone Tone) {
	switch s {
	case StateAborting:
		return "▼", ToneBad
	case StateDraining:
		return "▽", ToneCareful
	}
	return "↺", ToneBusy
}

// stateOf is the word for the object as a whole: a release that runs comes first, then what needs people.
func stateOf(shift *v1alpha1.TrafficShift) State {
	r := shift.Status.Release
	if r.Running() {
		return running(shift, r)
	}
	ready := condition(shift, v1alpha1.ConditionReady)
	switch state := unreleased(shift, ready); {
	case state != "":
		return state
	case r == nil && (ready == nil || ready.Status == metav1.ConditionUnknown):
		return StatePending
	case r == nil:
		return StateIdle
	case r.State == v1alpha1.StateAborted && ready != nil && ready.Status == metav1.ConditionTrue:
		return StateIdle // the refused template is gone again
	}
	return State(clean(string(r.State)))
}

// unreleased is what keeps an object that runs no release from rest; "" when nothing does.
func unreleased(shift *v1alpha1.TrafficShift, ready *metav1.Condition) State {
	if ready != nil && ready.Status == metav1.ConditionFalse {
		switch v1alpha1.Reason(ready.Reason) {
		case v1alpha1.ReasonAborted:
			return StateAborted
		case v1alpha1.ReasonWaiting, v1alpha1.ReasonWriteFailed, v1alpha1.ReasonWriteDenied:
			return StateWaiting
		case v1alpha1.ReasonPaused:
			return StatePaused
		case v1alpha1.ReasonUnmanaged:
			return StateRestoring
		case v1alpha1.ReasonReleasing, v1alpha1.ReasonPending:
			return ""
		}
		return StateStalled
	}
	if stalled := condition(shift, v1alpha1.ConditionStalled); stalled != nil && stalled.Status == metav1.ConditionTrue {
		return StateStalled
	}
	return ""
}

func running(shift *v1alpha1.TrafficShift, r *v1alpha1.Release) State {
	state := State(cmp.Or(clean(string(r.State)), "Releasing"))
	switch {
	case r.Outcome != nil, r.State != v1alpha1.StatePreparing && r.State != v1alpha1.StateShifting:
		return state
	case shift.Spec.Control == v1alpha1.ControlPaused:
		return StatePaused
	case held(shift, r):
		return StateHeld
	}
	return state
}

// held says whether something other than the step's own hold keeps the weight from being raised.
func held(shift *v1alpha1.TrafficShift, r *v1alpha1.Release) bool {
	if stalled := condition(shift, v1alpha1.ConditionStalled); stalled != nil && stalled.Status == metav1.ConditionTrue {
		return true
	}
	if current := condition(shift, v1alpha1.ConditionEvidenceCurrent); current != nil && current.Status == metav1.ConditionFalse {
		// Before the first traffic only a Prometheus that does not answer matters: there is nothing to count yet.
		if r.State == v1alpha1.StateShifting || current.Reason == string(v1alpha1.ReasonPrometheusUnreachable) {
			return true
		}
	}
	// A share that is not the wanted one holds nothing by itself, nor do routes that are gone: what is left goes on by its counts.
	shifted := condition(shift, v1alpha1.ConditionTrafficShifted)
	if r.State == v1alpha1.StateShifting && shifted != nil && shifted.Reason == string(v1alpha1.ReasonNoTraffic) {
		return true
	}
	_, waits := waitingFor(shift)
	return waits
}

// waitingFor is what the operator itself says a release waits for, other than time.
func waitingFor(shift *v1alpha1.TrafficShift) (v1alpha1.Reason, bool) {
	for _, name := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionReady} {
		c := condition(shift, name)
		if c == nil {
			continue
		}
		switch reason := v1alpha1.Reason(c.Reason); reason {
		case v1alpha1.ReasonNotCleared, v1alpha1.ReasonSuspicious, v1alpha1.ReasonUndetermined, v1alpha1.ReasonSharedBreach,
			v1alpha1.ReasonNoConcurrentControl, v1alpha1.ReasonNoData, v1alpha1.ReasonStale, v1alpha1.ReasonNoTraffic,
			v1alpha1.ReasonPrometheusUnreachable, v1alpha1.ReasonClockSkew, v1alpha1.ReasonNotShifted, v1alpha1.ReasonForeignEdit,
			v1alpha1.ReasonRouteConflict, v1alpha1.ReasonRouteWriteDenied, v1alpha1.ReasonWriteDenied, v1alpha1.ReasonWriteFailed,
			v1alpha1.ReasonInvalid, v1alpha1.ReasonPolicyNotFound, v1alpha1.ReasonWaiting,
			v1alpha1.ReasonClientErrors, v1alpha1.ReasonGateClosed, v1alpha1.ReasonCheckGone, v1alpha1.ReasonPodOutlier, v1alpha1.ReasonSiblingServices:
			return reason, true
		}
	}
	return "", false
}

// gateOf is the gate that the operator says a release waits for; "" where it waits for none.
func gateOf(shift *v1alpha1.TrafficShift) string {
	r := shift.Status.Release
	if reason, waits := waitingFor(shift); !waits || reason != v1alpha1.ReasonGateClosed || !r.Running() {
		return ""
	}
	for _, step := range r.Plan.Steps[min(int(r.Step), len(r.Plan.Steps)):] {
		for _, g := range step.Gates {
			if !r.Open(g) {
				return clean(g.Name)
			}
		}
	}
	return ""
}

func condition(shift *v1alpha1.TrafficShift, name string) *metav1.Condition {
	return meta.FindStatusCondition(shift.Status.Conditions, name)
}
