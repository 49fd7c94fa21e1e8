package view_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/view"
)

// What can be pasted into a terminal is what makes sense now, for the Service and the cluster of the page.
func TestCommandsAreThoseThatMakeSense(t *testing.T) {
	page := alone.ServicePage(holding(), now, nil, func(v view.Verb) string {
		if v == view.VerbUndo || v == view.VerbRetry {
			return "not now"
		}
		return ""
	})
	want := []view.Hint{
		{Text: "Pause", Line: "kubectl stagger pause checkout -n shop --context prod"},
		{Text: "Promote", Line: "kubectl stagger promote checkout -n shop --context prod --reason '…'"},
		{Text: "Abort", Line: "kubectl stagger abort checkout -n shop --context prod"},
		{Text: "Tell why", Line: "kubectl stagger why checkout -n shop --context prod"},
		{Text: "Follow in a terminal", Line: "kubectl stagger watch checkout -n shop --context prod"},
		{Text: "Write the report", Line: "kubectl stagger report checkout -n shop --context prod"},
	}
	if diff := cmp.Diff(want, view.CommandsOf(page, " --context prod")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The queries are those of the operator: by each objective's indicator, about both arms as they are counted.
func TestQueriesAreTheOperators(t *testing.T) {
	s := shifting()
	s.Status.Release.Plan.Objectives = []v1alpha1.Objective{
		{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"},
		{Name: "latency", Indicator: v1alpha1.IndicatorDuration, Threshold: "500ms", Target: "99%"},
		{Name: "broken", Indicator: v1alpha1.IndicatorCustom, Custom: &v1alpha1.CustomIndicator{Total: "no selector"}, Target: "99%"},
	}
	arms := counting.Pair{Stable: counting.Service{Namespace: "shop", Name: "pay", Revision: "v1"}, Canary: counting.Service{Namespace: "shop", Name: "pay", Revision: "v2"}}
	got := view.QueriesOf(s, arms)
	if len(got) != 3 {
		t.Fatalf("got %+v", got)
	}
	for i, texts := range [][]string{
		{"for the eye", "increase(istio_requests_total"},
		{"availability: as the operator asks it for each 5s", `istio_requests_total{reporter="source",destination_service_namespace="shop",destination_service_name="pay"`, "destination_canonical_revision"},
		{"latency", `istio_request_duration_milliseconds_bucket{`, `le=~"500|500\\.0"`},
	} {
		for _, text := range texts {
			if !strings.Contains(got[i].Title+"\n"+got[i].Text, text) {
				t.Errorf("%q is not in %s: %s", text, got[i].Title, got[i].Text)
			}
		}
	}
	if got := view.QueriesOf(idle(), counting.Pair{}); len(got) > 1 {
		t.Errorf("of arms that are not known: %+v", got)
	}
	if got := view.QueriesOf(&v1alpha1.TrafficShift{}, arms); got != nil {
		t.Errorf("without a release: %+v", got)
	}
}
