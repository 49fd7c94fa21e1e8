package cluster_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/view"
)

// sizes are how much a release leaves behind.
type sizes struct{ weights, objectives, commands, images, text int }

// left is a release that is over, with so much in its record.
func left(n sizes) *v1alpha1.Release {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) *metav1.Time {
		return &metav1.Time{Time: began.Add(time.Duration(minutes) * time.Minute)}
	}
	text := strings.Repeat("<", n.text) // six bytes in JSON
	var images []string
	for i := range n.images {
		images = append(images, fmt.Sprintf("registry.example/shop/checkout-%d@sha256:%s", i, strings.Repeat("a", 64+n.text/4)))
	}
	r := &v1alpha1.Release{
		Number: 7, Revision: "59d8f6b7c4", Stable: "6c4f678748", State: v1alpha1.StatePromoted, Policy: "standard", PolicyGeneration: 3,
		Images: images, ImageIDs: images, StableImages: images, StableImageIDs: images, StartedAt: *at(0), FinishedAt: at(n.weights), Moves: int32(n.weights),
		PeakWeight: "100%", Exposed: 9571, Failed: 12, Workload: v1alpha1.ReleaseWorkload{Deployment: "checkout", Generation: 12, ShippedBy: "helm", ChangeCause: text},
		Outcome: &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted, Message: text, Pod: "checkout-1"},
		Away:    &v1alpha1.Away{Since: *at(1), Until: at(2), Times: 1},
		Pauses:  []v1alpha1.Pause{{From: *at(1), Until: at(2), By: "ann@example.com", Reason: text}},
		Plan:    v1alpha1.ShiftPolicySpec{Steps: []v1alpha1.Step{{Weight: "5%", Hold: "2m"}, {Weight: "100%", Hold: "5m"}}, Tolerance: "1.2"},
	}
	for i, kind := range []v1alpha1.OverrideKind{v1alpha1.OverrideRoutes, v1alpha1.OverrideSelector, v1alpha1.OverrideSiblings, v1alpha1.OverrideDenied} {
		for range min(1+n.text, 4) {
			r.Overridden = append(r.Overridden, v1alpha1.Override{Kind: kind, By: "helm", From: *at(i), Until: at(i + 1), Times: 2, Message: "VirtualService web" + text[:min(len(text), 490)]})
		}
	}
	for i := range n.objectives {
		o := v1alpha1.Objective{Name: fmt.Sprintf("objective-%d", i), Indicator: v1alpha1.IndicatorRequests, Target: "99.5%"}
		if n.text > 0 {
			o.Indicator, o.Custom = v1alpha1.IndicatorCustom, &v1alpha1.CustomIndicator{Total: text, Bad: text}
		}
		r.Plan.Objectives = append(r.Plan.Objectives, o)
		r.Objectives = append(r.Objectives, v1alpha1.ObjectiveStatus{Name: o.Name, Verdict: "Undetermined", Against: "0.0001234", For: "1.234e+09",
			Stable: v1alpha1.ArmCounts{Requests: 182204000000, Bad: 2000000}, Canary: v1alpha1.ArmCounts{Requests: 957100000, Bad: 12000000}})
	}
	for i := range n.weights {
		r.Weights = append(r.Weights, v1alpha1.WrittenWeight{Weight: "0.1234%", Step: 1, At: *at(i), Until: at(i + 1), Hold: "30s", Reason: v1alpha1.WeightProven,
			By: text[:min(len(text), 256)], Message: "on the way to step 1 of 2; proven, and at most five times the last weight at once" + text[:min(len(text), 256)], Objectives: r.Objectives})
	}
	for i := range n.commands {
		r.Commands = append(r.Commands, v1alpha1.RecordedCommand{Verb: "promote-full", Token: fmt.Sprint(i), By: "ann@example.com", Reason: text, At: *at(i),
			Result: v1alpha1.CommandAccepted, Message: text})
	}
	return r
}

func bytesOf(t *testing.T, value any) int {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return len(out)
}

// A history of usual releases is small, and the longest there can be stays far from what the API server takes.
func TestTheHistoryIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		of        sizes
		most      int
		shortened bool
	}{
		"usual":            {sizes{weights: 10, objectives: 2, commands: 2, images: 2}, 10 << 10, false},
		"the longest":      {sizes{weights: 32, objectives: 12, commands: 32, images: 32, text: 1000}, 24 << 10, true},
		"nothing but text": {sizes{commands: 32, text: 2000}, 24 << 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			rec := left(c.of)
			before := rec.DeepCopy()
			p := cluster.PastOf(rec)
			if got := bytesOf(t, p); got > c.most || p.Shortened != c.shortened {
				t.Errorf("%d bytes, want at most %d; shortened: %t", got, c.most, p.Shortened)
			}
			if len(p.Weights) != len(rec.Weights) || len(p.Commands) != len(rec.Commands) || len(p.Objectives) != len(rec.Objectives) {
				t.Errorf("%d weights, %d commands and %d objectives are left", len(p.Weights), len(p.Commands), len(p.Objectives))
			}
			if d := cmp.Diff(before, rec); d != "" {
				t.Errorf("the record itself was changed (-before +after):\n%s", d)
			}
			t.Logf("%d bytes", bytesOf(t, p))
		})
	}
}

// What the report says of the newest release it says of the same one when others have followed.
func TestThePastIsReportedAsThePresentIs(t *testing.T) {
	rec := left(sizes{weights: 3, objectives: 2, commands: 2, images: 2})
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout"}}
	shift.Status.Release = rec
	now, _ := view.ReportOf(shift, 7, rec.StartedAt.Time)
	shift.Status.History = []v1alpha1.PastRelease{cluster.PastOf(rec)}
	shift.Status.Release = &v1alpha1.Release{Number: 8, Revision: "other", State: v1alpha1.StatePreparing}
	later, known := view.ReportOf(shift, 7, rec.StartedAt.Time)
	if d := cmp.Diff(now, later); !known || d != "" {
		t.Errorf("known: %t (-newest +past):\n%s", known, d)
	}
	if len(later.Weights) != 3 || len(later.Weights[1].Objectives) != 2 || later.ImageIDs == nil || len(later.Overridden) != 7 || later.Deployment.Generation != 12 || later.Objectives[0].Target != "99.5%" {
		t.Errorf("the report is %+v", later)
	}
}
