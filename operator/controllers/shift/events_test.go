package shift

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// heard records each event as "<object> <related> <reason>: <note>".
type heard struct{ all []string }

func (h *heard) Eventf(regarding, related runtime.Object, _, reason, _, note string, args ...any) {
	kind := func(o runtime.Object) string {
		return strings.TrimPrefix(fmt.Sprintf("%T", o), "*")
	}
	h.all = append(h.all, fmt.Sprintf("%s %s %s: %s", kind(regarding), kind(related), reason, fmt.Sprintf(note, args...)))
}

// Each thing that happens is one event, on the Service; on the TrafficShift where there is no Service.
func TestAHappeningIsOneEvent(t *testing.T) {
	release := func(state v1alpha1.ReleaseState, weight v1alpha1.Percentage, step int32) *v1alpha1.Release {
		return &v1alpha1.Release{Number: 3, Revision: "b", Stable: "a", Images: []string{"app:2"}, Changes: []string{"image of app", "env X of app"}, State: state,
			Weight: weight, Step: step, Policy: "standard", Next: "holding " + string(weight)}
	}
	ended := func(state v1alpha1.ReleaseState, reason v1alpha1.Reason) *v1alpha1.Release {
		r := release(state, "0%", 1)
		r.Outcome = &v1alpha1.Outcome{Reason: reason, Message: "ada: no"}
		return r
	}
	stalled := func(reason v1alpha1.Reason) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: string(reason), Message: "why"}}
	}
	works := func(reason v1alpha1.Reason, weight v1alpha1.Percentage) v1alpha1.TrafficShiftStatus {
		return v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, weight, 1), Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: string(reason), Message: "kubectl-patch (at 12:00:01 UTC) did it"}}}
	}
	stable := v1alpha1.Version{Revision: "a", Images: []string{"app:1"}}
	answered := &v1alpha1.CommandAnswer{Result: v1alpha1.CommandAccepted, Message: "done"}
	policy := map[string]string{v1alpha1.PolicyAnnotation: "standard"}
	cases := map[string]struct {
		before, after v1alpha1.TrafficShiftStatus
		want          []string
	}{
		"nothing": {before: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)}, after: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)}},
		"a release begins": {after: v1alpha1.TrafficShiftStatus{Stable: stable, Release: release(v1alpha1.StatePreparing, "0%", 0)},
			want: []string{"ReleaseStarted: release 3: app:2 and 1 more over 1 (image of app; env X of app), by policy standard"}},
		"a weight": {before: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)}, after: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "25%", 2)},
			want: []string{"WeightChanged: release 3: holding 25%"}},
		"a weight by command": {before: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)},
			after: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "25%", 2), LastHandledCommand: "x", LastAnswer: answered},
			want:  []string{"WeightChanged: release 3: holding 25%"}},
		"a command that moves nothing": {before: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)},
			after: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1), LastHandledCommand: "x", LastAnswer: answered},
			want:  []string{"CommandHandled: command x was carried out: done"}},
		"a command that is refused as the weight changes": {before: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)},
			after: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "25%", 2), LastHandledCommand: "x", LastAnswer: &v1alpha1.CommandAnswer{Result: v1alpha1.CommandRefused, Message: "no"}},
			want:  []string{"WeightChanged: release 3: holding 25%", "CommandHandled: command x was refused: no"}},
		"an abort by command": {before: v1alpha1.TrafficShiftStatus{Release: release(v1alpha1.StateShifting, "5%", 1)},
			after: v1alpha1.TrafficShiftStatus{Release: ended(v1alpha1.StateAborting, v1alpha1.ReasonCommanded), LastHandledCommand: "x", LastAnswer: answered},
			want:  []string{"ReleaseAborting: release 3: Commanded: ada: no"}},
		"the end of an abort": {before: v1alpha1.TrafficShiftStatus{Release: ended(v1alpha1.StateAborting, v1alpha1.ReasonCommanded)},
			after: v1alpha1.TrafficShiftStatus{Release: ended(v1alpha1.StateAborted, v1alpha1.ReasonCommanded)}, want: []string{"ReleaseAborted: release 3: Commanded: ada: no"}},
		"what waits after an abort": {before: v1alpha1.TrafficShiftStatus{Release: ended(v1alpha1.StateAborted, v1alpha1.ReasonCommanded)},
			after: v1alpha1.TrafficShiftStatus{Release: ended(v1alpha1.StateAborted, v1alpha1.ReasonCommanded), Conditions: stalled(v1alpha1.ReasonAborted)}},
		"a template that was taken back before it was managed": {after: v1alpha1.TrafficShiftStatus{Conditions: stalled(v1alpha1.ReasonAborted)}, want: []string{"Aborted: why"}},
		"an annotation of no policy":                           {after: v1alpha1.TrafficShiftStatus{ObservedGeneration: 1, Conditions: stalled(v1alpha1.ReasonPolicyNotFound)}},
		"a policy that was deleted": {before: v1alpha1.TrafficShiftStatus{ObservedGeneration: 1}, after: v1alpha1.TrafficShiftStatus{ObservedGeneration: 1, Conditions: stalled(v1alpha1.ReasonPolicyNotFound)},
			want: []string{"PolicyNotFound: why"}},
		"a new reason": {before: v1alpha1.TrafficShiftStatus{Conditions: stalled(v1alpha1.ReasonPaused)}, after: v1alpha1.TrafficShiftStatus{Conditions: stalled(v1alpha1.ReasonNameTaken)},
			want: []string{"NameTaken: why"}},
		"weights of somebody else": {before: works(v1alpha1.ReasonHolding, "5%"), after: works(v1alpha1.ReasonForeignEdit, "5%"),
			want: []string{"ForeignEdit: kubectl-patch (at 12:00:01 UTC) did it"}},
		"weights of somebody else, still": {before: works(v1alpha1.ReasonForeignEdit, "5%"), after: works(v1alpha1.ReasonForeignEdit, "5%")},
		"weights of somebody else, from which the release begins again": {before: works(v1alpha1.ReasonHolding, "5%"), after: works(v1alpha1.ReasonForeignEdit, "1%"),
			want: []string{"WeightChanged: release 3: holding 1%", "ForeignEdit: kubectl-patch (at 12:00:01 UTC) did it"}},
		"a selector of somebody else": {before: works(v1alpha1.ReasonHolding, "5%"), after: works(v1alpha1.ReasonSelectorReverted, "5%"),
			want: []string{"SelectorReverted: kubectl-patch (at 12:00:01 UTC) did it"}},
		"a route that was deleted": {before: works(v1alpha1.ReasonHolding, "5%"), after: works(v1alpha1.ReasonRoutesGone, "5%"),
			want: []string{"RoutesGone: kubectl-patch (at 12:00:01 UTC) did it"}},
		"a rule that was deleted": {before: works(v1alpha1.ReasonHolding, "5%"), after: works(v1alpha1.ReasonRulesChanged, "5%"),
			want: []string{"RulesChanged: kubectl-patch (at 12:00:01 UTC) did it"}},
		"a rule that was deleted, still": {before: works(v1alpha1.ReasonRulesChanged, "5%"), after: works(v1alpha1.ReasonRulesChanged, "5%")},
	}
	for name, c := range cases {
		for _, service := range []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Annotations: policy}}, nil} {
			t.Run(fmt.Sprintf("%s, with a Service: %t", name, service != nil), func(t *testing.T) {
				on, want := "v1.Service v1alpha1.TrafficShift ", []string(nil)
				if service == nil {
					on = "v1alpha1.TrafficShift <nil> "
				}
				for _, w := range c.want {
					want = append(want, on+w)
				}
				if service == nil && name == "an annotation of no policy" {
					want = []string{on + "PolicyNotFound: why"}
				}
				h := &heard{}
				before := &v1alpha1.TrafficShift{Status: c.before}
				(&reconciler{recorder: h}).tell(&cluster.View{Shift: before, Service: service}, &v1alpha1.TrafficShift{Status: c.after})
				if d := cmp.Diff(want, h.all); d != "" {
					t.Errorf("events (-want +got):\n%s", d)
				}
			})
		}
	}
}
