package view_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
)

func TestTheQueryNamesWhatTheMeshReports(t *testing.T) {
	between := func(stable, canary v1alpha1.Destination) *v1alpha1.TrafficShift {
		return with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Spec.Service.Name, s.Spec.Destinations = "", &v1alpha1.Destinations{Stable: stable, Canary: canary}
		})
	}
	cases := map[string]struct {
		shift *v1alpha1.TrafficShift
		want  string
	}{
		"a Service": {shifting(), `destination_service_namespace="shop", destination_service_name=~"checkout|checkout-canary"`},
		"a Service of a long name": {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Spec.Service.Name = strings.Repeat("a", 60) }),
			`destination_service_name=~"` + routing.CanaryName(strings.Repeat("a", 60)) + "|"},
		"two subsets": {between(v1alpha1.Destination{Host: "orders", Subset: "v1"}, v1alpha1.Destination{Host: "orders", Subset: "v2"}),
			`sum by (destination_canonical_revision, destination_service_name, response_code, response_flags) (increase(istio_requests_total{reporter="source", ` +
				`destination_service_namespace="shop", destination_service_name="orders"}`},
		"two namespaces": {between(v1alpha1.Destination{Host: "orders"}, v1alpha1.Destination{Host: "orders.next.svc.cluster.local"}),
			`destination_service_namespace=~"next|shop", destination_service_name="orders"`},
		"the host of a ServiceEntry": {between(v1alpha1.Destination{Host: "vm.example.com"}, v1alpha1.Destination{Host: "orders"}),
			`destination_service_namespace="shop", destination_service_name=~"orders|vm\\.example\\.com"`},
	}
	for name, c := range cases {
		if got := alone.Why(c.shift, now).Query; !strings.Contains(got, c.want) {
			t.Errorf("%s: query = %s, want %s in it", name, got, c.want)
		}
	}
}

func TestWhatTheCountsDoNotShowAndWhatAPersonDecidesAreToldInWhy(t *testing.T) {
	condition := func(kind string, status metav1.ConditionStatus, reason v1alpha1.Reason, message string) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) {
			meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: string(reason), Message: message})
		}
	}
	cases := map[string]struct {
		change func(*v1alpha1.TrafficShift)
		label  string
	}{
		"a qualification":  {condition(v1alpha1.ConditionEvidenceCurrent, metav1.ConditionTrue, v1alpha1.ReasonQualified, "job b is left out"), "EVIDENCE"},
		"client errors":    {condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonClientErrors, "500 of 500 requests"), "HELD"},
		"sibling services": {condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonSiblingServices, "web-grpc"), "HELD"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			y := alone.Why(with(shifting(), c.change), now)
			said := slices.ContainsFunc(y.Notes, func(n view.Note) bool { return n.Label == c.label && n.Message != "" })
			if !said || !slices.ContainsFunc(y.Try, func(try string) bool { return strings.Contains(try, "promote") }) {
				t.Errorf("notes %+v, try %q", y.Notes, y.Try)
			}
		})
	}
}

func TestWhyTellsOfATickThatTheStableChose(t *testing.T) {
	chosen := with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.Release.Baseline = &v1alpha1.Baseline{Tick: "5s"} })
	ended := with(recorded(v1alpha1.StatePromoted, v1alpha1.ReasonPromoted, "every step was proven"), func(s *v1alpha1.TrafficShift) {
		s.Status.Release.Baseline = &v1alpha1.Baseline{Tick: "5s"}
	})
	for name, x := range map[string]struct {
		shift *v1alpha1.TrafficShift
		want  string
	}{"chosen": {chosen, "5s"}, "not chosen": {shifting(), ""}, "over": {ended, ""}} {
		y := alone.Why(x.shift, now)
		said := strings.Contains(y.Text(view.Layout{Width: 400}), "it is looked at each 5s")
		if y.Tick != x.want || y.Record(x.shift, now).Tick != x.want || said != (x.want != "") {
			t.Errorf("%s: tick %q, told %t", name, y.Tick, said)
		}
	}
}

func TestAClosedGateSaysWhatToType(t *testing.T) {
	message := "gate load-test is closed: kubectl stagger approve checkout load-test (needs the verb approve on gates.stagger.dev)"
	gated := func(s *v1alpha1.TrafficShift) {
		r := s.Status.Release
		r.Plan.Steps[len(r.Plan.Steps)-1].Gates = []v1alpha1.Gate{{Name: "second-person"}, {Name: "load-test"}}
		r.Approvals = []v1alpha1.Approval{{Gate: "second-person", By: "ann"}}
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReasonGateClosed), Message: message})
	}
	y := alone.Why(with(shifting(), gated), now)
	said := slices.ContainsFunc(y.Notes, func(n view.Note) bool { return n.Label == "HELD" && n.Message == message })
	typed := slices.Contains(y.Try, "for who may open its gate: kubectl stagger approve checkout load-test -n shop")
	if y.State != view.StateHeld || !said || !typed || slices.ContainsFunc(y.Try, func(try string) bool { return strings.Contains(try, "promote") }) {
		t.Errorf("%s, notes %+v, try %q", y.State, y.Notes, y.Try)
	}
}
