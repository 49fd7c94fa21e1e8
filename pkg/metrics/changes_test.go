package metrics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

func TestAWrittenStatusIsCounted(t *testing.T) {
	second := func(s int) metav1.Time { return metav1.NewTime(began.Add(time.Duration(s) * time.Second)) }
	micro := func(s int) *metav1.MicroTime {
		m := metav1.NewMicroTime(began.Add(time.Duration(s) * time.Second))
		return &m
	}
	run := v1alpha1.Release{
		Number: 7, Policy: "fast", State: v1alpha1.StateShifting, Step: 1, Revision: "v2",
		Weights:    []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: second(10)}, {Weight: "3%", Step: 1, At: second(40)}},
		Objectives: []v1alpha1.ObjectiveStatus{{Name: "a", Stable: v1alpha1.ArmCounts{Requests: 1000, Bad: 10}, Canary: v1alpha1.ArmCounts{Requests: 100, Bad: 31}}},
	}
	with := func(change func(*v1alpha1.Release)) *v1alpha1.Release { r := run.DeepCopy(); change(r); return r }
	aborting := with(func(r *v1alpha1.Release) {
		r.State = v1alpha1.StateAborting
		r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryBreachesSLO, CountedUntil: micro(80), DecidedAt: micro(83)}
	})
	gone := aborting.DeepCopy()
	gone.State = v1alpha1.StateDraining
	over := aborting.DeepCopy()
	over.State, over.Exposed, over.Failed = v1alpha1.StateAborted, 100, 31
	counting := over.DeepCopy()
	counting.Exposed, counting.Counted.Until = 90, micro(90)
	counted := over.DeepCopy()
	counted.Counted = v1alpha1.Counted{Until: micro(95), End: micro(90), Final: true}
	past := func(outcome v1alpha1.ReleaseState, number int64, reason v1alpha1.Reason) v1alpha1.PastRelease {
		return v1alpha1.PastRelease{Number: number, Revision: "v2", Outcome: outcome, Reason: reason, Exposed: 100, Failed: 31, Duration: v1alpha1.DurationOf(time.Minute)}
	}
	status := func(r *v1alpha1.Release, history ...v1alpha1.PastRelease) v1alpha1.TrafficShiftStatus {
		return v1alpha1.TrafficShiftStatus{Release: r, History: history}
	}
	answered := func(result v1alpha1.CommandResult) v1alpha1.TrafficShiftStatus {
		s := status(&run)
		s.LastHandledCommand, s.LastAnswer = "token", &v1alpha1.CommandAnswer{Result: result}
		return s
	}
	since, later := second(5), second(150)
	cases := map[string]struct {
		before, after v1alpha1.TrafficShiftStatus
		want          []string
	}{
		"nothing is new":         {status(&run), status(&run), nil},
		"nothing was released":   {status(nil), status(nil), nil},
		"the first release":      {status(nil), status(&run), []string{"stagger_releases_started_total [fast] 1"}},
		"the next step":          {status(&run), status(with(func(r *v1alpha1.Release) { r.Step = 2 })), []string{"stagger_step_duration_seconds [1] 90"}},
		"an abort is decided":    {status(&run), status(aborting), []string{"stagger_step_duration_seconds [1] 90"}},
		"an abort is still open": {status(aborting), status(aborting), nil},
		"the traffic is gone": {status(aborting), status(gone), []string{
			"stagger_abort_latency_seconds [evidence] 3", "stagger_abort_latency_seconds [write] 17", "stagger_abort_latency_seconds [total] 20"}},
		"the abort is over": {status(gone, past(v1alpha1.StatePromoted, 6, v1alpha1.ReasonPromoted)),
			status(over, past(v1alpha1.StateAborted, 7, v1alpha1.ReasonCanaryBreachesSLO), past(v1alpha1.StatePromoted, 6, v1alpha1.ReasonPromoted)), []string{
				"stagger_namespace_canary_requests_total [shop exposed] 100",
				"stagger_namespace_canary_requests_total [shop failed] 31", "stagger_namespace_canary_requests_total [shop excess_failed] 30",
				"stagger_releases_total [Aborted CanaryBreachesSLO version] 1", "stagger_release_duration_seconds [Aborted] 60",
				"stagger_namespace_releases_total [shop Aborted] 1"}},
		"the abort is over, its requests are still counted": {status(gone), status(counting, past(v1alpha1.StateAborted, 7, v1alpha1.ReasonCanaryBreachesSLO)), []string{
			"stagger_releases_total [Aborted CanaryBreachesSLO version] 1", "stagger_release_duration_seconds [Aborted] 60",
			"stagger_namespace_releases_total [shop Aborted] 1"}},
		"they are counted": {status(counting), status(counted), []string{
			"stagger_namespace_canary_requests_total [shop exposed] 100",
			"stagger_namespace_canary_requests_total [shop failed] 31", "stagger_namespace_canary_requests_total [shop excess_failed] 30"}},
		"they were counted": {status(counted), status(counted), nil},
		"another release follows what was counted": {status(counted), status(with(func(r *v1alpha1.Release) { r.Number = 8 })), []string{
			"stagger_releases_started_total [fast] 1"}},
		"another release follows what is still counted": {status(counting), status(with(func(r *v1alpha1.Release) { r.Number = 8 })), []string{
			"stagger_namespace_canary_requests_total [shop exposed] 90",
			"stagger_namespace_canary_requests_total [shop failed] 31", "stagger_namespace_canary_requests_total [shop excess_failed] 30",
			"stagger_releases_started_total [fast] 1"}},
		"a retry is promoted": {status(&run, past(v1alpha1.StateAborted, 6, v1alpha1.ReasonCanaryBreachesSLO)),
			status(&v1alpha1.Release{Number: 7, Step: 1, State: v1alpha1.StatePromoted, Exposed: 100, Failed: 31}, past(v1alpha1.StatePromoted, 7, v1alpha1.ReasonPromoted), past(v1alpha1.StateAborted, 6, v1alpha1.ReasonCanaryBreachesSLO)), []string{
				"stagger_namespace_canary_requests_total [shop exposed] 100", "stagger_namespace_canary_requests_total [shop failed] 31",
				"stagger_releases_total [Promoted Promoted version] 1", "stagger_release_duration_seconds [Promoted] 60",
				"stagger_namespace_releases_total [shop Promoted] 1", "stagger_retried_releases_total [Promoted] 1"}},
		"edits were put back": {status(with(func(r *v1alpha1.Release) { r.Contested = v1alpha1.Contested{Routes: 2, Since: &since} })),
			status(with(func(r *v1alpha1.Release) { r.Contested = v1alpha1.Contested{Routes: 3, Selector: 1, Since: &since} })),
			[]string{"stagger_foreign_edits_total [route] 1", "stagger_foreign_edits_total [selector] 1"}},
		"the count of edits began anew": {status(with(func(r *v1alpha1.Release) { r.Contested = v1alpha1.Contested{Routes: 4, Since: &since} })),
			status(with(func(r *v1alpha1.Release) { r.Contested = v1alpha1.Contested{Routes: 1, Since: &later} })), []string{"stagger_foreign_edits_total [route] 1"}},
		"a command was carried out": {status(&run), answered(v1alpha1.CommandAccepted), []string{"stagger_commands_total [promote accepted] 1"}},
		"a command was refused":     {status(&run), answered(v1alpha1.CommandRefused), []string{"stagger_commands_total [promote refused] 1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			metrics.Changes("shop", c.before, c.after, "promote", began.Add(100*time.Second), func(name string, value float64, labels ...string) {
				if value > 0 {
					got = append(got, fmt.Sprint(name, " ", labels, " ", value))
				}
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
		})
	}
}
