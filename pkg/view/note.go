package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Note is one fact that a person should know beside the numbers.
type Note struct {
	// Label is one word in capitals.
	Label string `json:"label"`
	// Reason is machine-readable, "" when there is none.
	Reason string `json:"reason,omitempty"`
	// Message says it in a sentence.
	Message string `json:"message"`
	// For is how long it has been so, 0 when unknown.
	For time.Duration `json:"-"`
}

// notedConditions lists the conditions that become notes, in the order of the screen.
var notedConditions = [...]struct{ condition, label string }{
	{v1alpha1.ConditionStalled, "STALLED"},
	{v1alpha1.ConditionEvidenceCurrent, "EVIDENCE"},
	{v1alpha1.ConditionTrafficShifted, "TRAFFIC"},
	{v1alpha1.ConditionWorkloadReady, "PODS"},
	{v1alpha1.ConditionIsolated, "ISOLATION"},
	{v1alpha1.ConditionReachable, "REACH"},
	{v1alpha1.ConditionProxiesRead, "PROXIES"},
	// What these say of the same cause in general comes after what those say in detail.
	{v1alpha1.ConditionReconciling, "HELD"},
	{v1alpha1.ConditionReady, "WAITING"},
}

func notesOf(shift *v1alpha1.TrafficShift, now time.Time) []Note {
	var notes []Note
	if n, waits := commandNote(shift, now); waits {
		notes = append(notes, n)
	}
	said := map[string]bool{}
	for _, w := range notedConditions {
		c := condition(shift, w.condition)
		if c == nil || said[c.Reason] || !worthNoting(shift, c) {
			continue
		}
		said[c.Reason] = true
		note := noteOf(c)
		note.Label = w.label
		if since := faultSince(shift, c); !since.IsZero() {
			note.For = max(now.Sub(since), 0)
		}
		notes = append(notes, note)
	}
	return append(notes, otherNotes(shift, now)...)
}

// noteOf is what a condition says, or what its reason means where it came without a message.
func noteOf(c *metav1.Condition) Note {
	return Note{Reason: clean(c.Reason), Message: cmp.Or(clean(c.Message), meanings[v1alpha1.Reason(c.Reason)])}
}

// faultSince is since when a condition is the fault that it is; zero where that is not known. Stalled may have been so before, for another reason.
func faultSince(shift *v1alpha1.TrafficShift, c *metav1.Condition) time.Time {
	switch t := shift.Status.ReasonSince; {
	case !faultOf(c):
		return time.Time{}
	case c.Type == v1alpha1.ConditionStalled && t != nil && t.After(c.LastTransitionTime.Time):
		return t.Time
	}
	return c.LastTransitionTime.Time
}

// faultOf says whether a condition's status alone is the fault, so that it has lasted since the status changed. Reconciling and Ready keep their
// status through a release, whatever their reasons are.
func faultOf(c *metav1.Condition) bool {
	switch c.Type {
	case v1alpha1.ConditionReconciling, v1alpha1.ConditionReady:
		return false
	case v1alpha1.ConditionStalled:
		return c.Status == metav1.ConditionTrue
	}
	return c.Status == metav1.ConditionFalse
}

// worthNoting says whether a condition is more than the normal course of things.
func worthNoting(shift *v1alpha1.TrafficShift, c *metav1.Condition) bool {
	r := shift.Status.Release
	runs := r.Running()
	switch c.Type {
	case v1alpha1.ConditionStalled:
		// Why a release was aborted is told by its outcome, with the numbers.
		_, another := waitingVersion(shift, StateAborted)
		return c.Status == metav1.ConditionTrue && (c.Reason != string(v1alpha1.ReasonAborted) || another)
	case v1alpha1.ConditionReconciling, v1alpha1.ConditionReady:
		return readinessWorthNoting(shift, c, runs)
	case v1alpha1.ConditionTrafficShifted, v1alpha1.ConditionWorkloadReady:
		return workWorthNoting(r, c, runs)
	case v1alpha1.ConditionEvidenceCurrent:
		return evidenceWorthNoting(r, c, runs)
	case v1alpha1.ConditionProxiesRead:
		return runs && c.Reason == string(v1alpha1.ReasonNotRead)
	}
	return runs && (c.Status == metav1.ConditionFalse || c.Reason == string(v1alpha1.ReasonRulesRelaxed))
}

func workWorthNoting(r *v1alpha1.Release, c *metav1.Condition, runs bool) bool {
	waits := c.Reason == string(v1alpha1.ReasonNoTraffic) && r != nil && r.Outcome == nil // nothing waits for traffic when all is decided
	return c.Reason == string(v1alpha1.ReasonRoutesGone) || runs && (c.Status == metav1.ConditionFalse || waits || c.Reason == string(v1alpha1.ReasonPodsUnequal))
}

func evidenceWorthNoting(r *v1alpha1.Release, c *metav1.Condition, runs bool) bool {
	unreachable := c.Reason == string(v1alpha1.ReasonPrometheusUnreachable)
	early := r != nil && r.State == v1alpha1.StatePreparing && !unreachable
	missing := c.Status == metav1.ConditionFalse && !early && (runs || unreachable)
	return missing || runs && c.Reason == string(v1alpha1.ReasonQualified)
}

func readinessWorthNoting(shift *v1alpha1.TrafficShift, c *metav1.Condition, runs bool) bool {
	if runs {
		reason, waits := waitingFor(shift)
		return waits && c.Reason == string(reason)
	}
	normal := []v1alpha1.Reason{v1alpha1.ReasonAborted, v1alpha1.ReasonReleasing, v1alpha1.ReasonPending, v1alpha1.ReasonPaused}
	return c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionFalse && !slices.Contains(normal, v1alpha1.Reason(c.Reason))
}

// otherNotes are the notes that no condition tells: what other writers did to routes and Service while the release ran, what the operator
// does not know, and a pause.
func otherNotes(shift *v1alpha1.TrafficShift, now time.Time) []Note {
	var notes []Note
	r := shift.Status.Release
	runs := r.Running()
	if runs && r.Contested.Routes > 0 {
		notes = append(notes, Note{Label: "WEIGHTS", Message: clean(fmt.Sprintf("%s wrote the weights; put back %s in the last two minutes", cmp.Or(r.Contested.RoutesBy, "somebody else"), times(r.Contested.Routes)))})
	}
	if runs && r.Contested.Selector > 0 {
		notes = append(notes, Note{Label: "SELECTOR", Message: clean(fmt.Sprintf("%s wrote the Service's selector; put back %s in the last two minutes", cmp.Or(r.Contested.SelectorBy, "somebody else"), times(r.Contested.Selector)))})
	}
	if message := braked(r, now); message != "" {
		notes = append(notes, Note{Label: "BRAKED", Reason: string(v1alpha1.ReasonBraked), Message: message})
	}
	if runs && r.Step > 0 && len(r.Objectives) == 0 && !stale(shift) {
		notes = append(notes, Note{Label: "UNKNOWN", Message: "the operator does not tell the counts of the objectives; it may be older than this plugin (kubectl stagger version)"})
	}
	if message := pauseOf(shift, runs, now); message != "" {
		notes = append(notes, Note{Label: "CONTROL", Reason: "Paused", Message: message})
	}
	return notes
}

// braked says of a running release at a weight that it braked to from where, when and why; "" of others.
func braked(r *v1alpha1.Release, now time.Time) string {
	if !r.Running() || r.Outcome != nil || !release.Braked(r) {
		return ""
	}
	n := len(r.Weights) - 1
	from := "a larger weight"
	if n > 0 {
		from = percent(r.Weights[n-1].Weight)
	}
	return clean(fmt.Sprintf("lowered from %s to %s %s ago, before anything is proven: %s", from, percent(r.Weight), span(now.Sub(r.Weights[n].At.Time)), r.Weights[n].Message))
}

// stale says whether the operator itself says that it has no counts.
func stale(shift *v1alpha1.TrafficShift) bool {
	c := condition(shift, v1alpha1.ConditionEvidenceCurrent)
	return c != nil && c.Status != metav1.ConditionTrue
}

// pauseOf says of a pause what the state does not: that it is there while no release runs, who wrote it and why.
func pauseOf(shift *v1alpha1.TrafficShift, runs bool, now time.Time) string {
	if shift.Spec.Control != v1alpha1.ControlPaused {
		return ""
	}
	said := PausedBy(shift, now)
	switch {
	case !runs && said == "":
		return "no release begins until control is Auto again"
	case !runs:
		return said + "; no release begins until control is Auto again"
	}
	return said
}

// PausedBy says of a TrafficShift that is paused by whom, how long ago and why: "by ops@example.com 3m ago, because: sale until midnight"; ""
// where nothing of it is known.
func PausedBy(shift *v1alpha1.TrafficShift, now time.Time) string {
	said := writtenBy(shift, shift.Annotations[v1alpha1.ControlledByAnnotation], now, "spec", "control")
	if why := clean(shift.Annotations[v1alpha1.PausedAnnotation]); why != "" {
		said = strings.TrimPrefix(said+", because: "+why, ", ")
	}
	return said
}

func times(n int32) string {
	if n == 1 {
		return "once"
	}
	return count(int64(n)) + " times"
}

// meanings are the sentences of reasons that came without a message.
var meanings = map[v1alpha1.Reason]string{
	v1alpha1.ReasonPrometheusUnreachable: "Prometheus does not answer",
	v1alpha1.ReasonClockSkew:             "the operator's clock and Prometheus's are too far apart",
	v1alpha1.ReasonNoData:                "Prometheus has no series of the Service's callers",
	v1alpha1.ReasonStale:                 "the newest counts are too old",
	v1alpha1.ReasonNoTraffic:             "no request reaches the Service",
	v1alpha1.ReasonRoutesGone:            "a VirtualService that carried its weights is gone",
	v1alpha1.ReasonNotShifted:            "the measured share disagrees with the wanted one",
	v1alpha1.ReasonForeignEdit:           "somebody else writes the weights",
	v1alpha1.ReasonNotCleared:            "the counts do not clear the next weight yet",
	v1alpha1.ReasonSuspicious:            "the evidence against the canary forbids a raise and does not suffice for an abort",
	v1alpha1.ReasonClientErrors:          "the canary answers with redirects or client errors more often than the stable does",
	v1alpha1.ReasonGateClosed:            "a gate of its policy is closed",
	v1alpha1.ReasonChecking:              "a check of its policy runs",
	v1alpha1.ReasonCheckGone:             "a check of its policy cannot be run",
	v1alpha1.ReasonSharedBreach:          "both versions break the objective, so the canary is not to blame",
	v1alpha1.ReasonWorkloadUnsupported:   "behind the Service is not exactly one Deployment; nothing was touched",
	v1alpha1.ReasonPolicyNotFound:        "no ShiftPolicy has the name",
	v1alpha1.ReasonRulesChanged:          "a DestinationRule of the Service was changed",
}
