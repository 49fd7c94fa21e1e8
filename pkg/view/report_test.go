package view_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// recorded is a release of which everything is in the record.
func recorded(end v1alpha1.ReleaseState, reason v1alpha1.Reason, message string) *v1alpha1.TrafficShift {
	s := shifting()
	r := s.Status.Release
	r.State, r.FinishedAt, r.Moves = end, ago(20*time.Second), 3
	r.Outcome = &v1alpha1.Outcome{Result: end, Reason: reason, Message: message}
	r.ImageIDs, r.StableImageIDs = []string{"registry.example/shop/checkout@sha256:c0ffee"}, []string{"registry.example/shop/checkout@sha256:0ddba11"}
	r.StableImages, r.PolicyGeneration = []string{"registry.example/shop/checkout:1.4.2"}, 3
	r.Workload = v1alpha1.ReleaseWorkload{Deployment: "checkout", Generation: 12, ShippedBy: "helm", ChangeCause: "CHK-17 | faster totals"}
	for i := range r.Weights {
		w := &r.Weights[i]
		w.Hold, w.Until, w.Reason, w.Message = "300s", ago(30*time.Second), v1alpha1.WeightProven, "proven, and at most five times the last weight at once"
		if i == 0 {
			w.Reason, w.Message = v1alpha1.WeightPlanned, "so little that a version which fails every request costs about 10 of them"
			continue
		}
		r.Weights[i-1].Until = &w.At
		w.Objectives = []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Healthy", Against: "0.2", For: "41",
			Stable: v1alpha1.ArmCounts{Requests: 1000 * int64(i), Bad: 2}, Canary: v1alpha1.ArmCounts{Requests: 20 * int64(i)}}}
	}
	return s
}

func TestReports(t *testing.T) {
	cases := map[string]*v1alpha1.TrafficShift{
		"report promoted": recorded(v1alpha1.StatePromoted, v1alpha1.ReasonPromoted, "every step was proven"),
		"report aborted":  recorded(v1alpha1.StateAborted, v1alpha1.ReasonCanaryBreachesSLO, "availability: 31 of 212 requests failed"),
		"report overridden": with(recorded(v1alpha1.StatePromoted, v1alpha1.ReasonCommanded, "promoted by command (ann@example.com): the old one is down"), func(s *v1alpha1.TrafficShift) {
			r := s.Status.Release
			r.Weights[2].Reason, r.Weights[2].By = v1alpha1.WeightCommanded, "ann@example.com"
			r.Weights[2].Message = "step 2 of 5; the evidence had not cleared it: the old one is down"
			r.Commands = []v1alpha1.RecordedCommand{
				{Verb: "promote", By: "bob@example.com", At: *ago(100 * time.Second), Result: v1alpha1.CommandRefused, Message: "the evidence does not clear the next step"},
				{Verb: "promote-full", By: "ann@example.com", Reason: "the old one is down", GivenAt: ago(4 * time.Minute), At: *ago(80 * time.Second), Result: v1alpha1.CommandAccepted, Message: "done"}}
			r.Pauses = []v1alpha1.Pause{{From: *ago(3 * time.Minute), Until: ago(2 * time.Minute), By: "bob@example.com", Reason: "a look at the carts"}}
			r.Overridden = []v1alpha1.Override{
				{Kind: v1alpha1.OverrideSiblings, By: "kubectl-annotate", From: *ago(5 * time.Minute), Times: 1, Message: "checkout-grpc, checkout-headless"},
				{Kind: v1alpha1.OverrideRoutes, By: "argocd-controller", From: *ago(200 * time.Second), Until: ago(100 * time.Second), Times: 3, Message: "the canary's weight in VirtualService checkout (Raised)"},
				{Kind: v1alpha1.OverrideSelector, From: *ago(90 * time.Second), Until: ago(90 * time.Second), Times: 1, Message: "the selector of the Service"},
				{Kind: v1alpha1.OverrideDenied, From: *ago(80 * time.Second), Until: ago(70 * time.Second), Times: 2,
					Message: "raise to 5%: patch VirtualService shop/checkout: denied: ValidatingAdmissionPolicy 'frozen' with binding 'frozen' denied request: no changes on Fridays"},
				{Kind: v1alpha1.OverrideDenied, From: *ago(60 * time.Second), Times: 1, Message: "widen service: patch Service shop/checkout: denied: services is forbidden"}}
		}),
		"report of an excused pod": with(recorded(v1alpha1.StatePromoted, v1alpha1.ReasonPromoted, "every step was proven"), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Excused = &v1alpha1.Excused{Objective: "availability", Pod: "checkout-6f9c-x2k4q", Node: "node-b", Since: *ago(3 * time.Minute), Until: ago(time.Minute), Times: 2}
		}),
		"report with a gap": with(recorded(v1alpha1.StateAborted, v1alpha1.ReasonCanaryBreachesSLO, "availability: 31 of 212 requests failed"), func(s *v1alpha1.TrafficShift) {
			at := func(d time.Duration) metav1.MicroTime { return metav1.NewMicroTime(now.Add(-d)) }
			until := at(20 * time.Second)
			s.Status.Release.Counted = v1alpha1.Counted{Until: &until, End: &until, Final: true, Gaps: []v1alpha1.Gap{{From: at(2 * time.Minute), To: at(time.Minute)}}}
		}),
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			report, known := view.ReportOf(s, 7, now)
			if !known {
				t.Fatal("the release is not known")
			}
			report.Cluster = &view.ReportCluster{Server: "https://10.0.0.1:6443", Context: "production", UID: "3f0c"}
			golden(t, name, report.Markdown())
			past := s.DeepCopy()
			past.Status.History = append([]v1alpha1.PastRelease{s.Status.Release.Past()}, past.Status.History...)
			past.Status.Release = &v1alpha1.Release{Number: 8, State: v1alpha1.StatePreparing}
			later, _ := view.ReportOf(past, 7, now)
			later.Cluster = report.Cluster
			golden(t, name, later.Markdown())
		})
	}
	t.Run("of one that runs", func(t *testing.T) {
		s := with(recorded(v1alpha1.StateShifting, "", ""), unattended)
		r, until := s.Status.Release, metav1.NewMicroTime(now.Add(-90*time.Second))
		r.FinishedAt, r.Outcome, r.Weights[2].Until = nil, nil, nil
		r.Counted = v1alpha1.Counted{Until: &until, Gaps: []v1alpha1.Gap{{From: metav1.NewMicroTime(now.Add(-3 * time.Minute)), To: metav1.NewMicroTime(now.Add(-2 * time.Minute))}}}
		r.Pauses = []v1alpha1.Pause{{From: *ago(80 * time.Second), By: "bob@example.com", Reason: "a look at the carts"}}
		r.Overridden = []v1alpha1.Override{{Kind: v1alpha1.OverrideDenied, From: *ago(50 * time.Second), Times: 1, Message: "raise to 25%: patch VirtualService shop/checkout: denied: no"}}
		report, _ := view.ReportOf(s, 7, now)
		golden(t, "report of a release that nobody looks after", report.Markdown())
		golden(t, "history of a release that nobody looks after", view.Release(s, now).HistoryTable(view.Layout{Width: 140}))
		s.Status.ObservedAt, until = ago(4*time.Second), metav1.NewMicroTime(now.Add(-20*time.Second))
		report, _ = view.ReportOf(s, 7, now)
		golden(t, "report of a release that runs", report.Markdown())
	})
	t.Run("of an older operator", func(t *testing.T) {
		report, _ := view.ReportOf(idle(), 5, now)
		golden(t, "report of an older operator", report.Markdown())
	})
}
