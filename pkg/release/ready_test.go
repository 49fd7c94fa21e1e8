package release_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

func TestReadySaysHowThingsStand(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		script []string
		want   string // type of the one that is True, and the reason of Ready
	}{
		"at rest":                      {[]string{"wait 5s"}, "Ready UpToDate"},
		"while a release runs":         {[]string{"push v2", "wait 1m"}, "Reconciling Releasing"},
		"while it is taken back":       {[]string{"push v2", "wait 1m", "command abort 1 t"}, "Reconciling Releasing"},
		"after a promotion":            {[]string{"push v2", "wait 15m"}, "Ready Promoted"},
		"after an abort":               {[]string{"push v2", "wait 1m", "command abort 1 t", "wait 5m"}, "Stalled Aborted"},
		"after a revert":               {[]string{"push v2", "wait 1m", "push v1", "wait 5m"}, "Ready UpToDate"},
		"without a policy":             {[]string{"policy missing"}, "Stalled PolicyNotFound"},
		"with a problem":               {[]string{"problem waypoint"}, "Stalled WorkloadUnsupported"},
		"with one that passes":         {[]string{"let go", "push v2", "manage", "wait 5s"}, "Reconciling Waiting"},
		"without counts":               {[]string{"evidence stale Stale", "push v2", "wait 1m"}, "Reconciling Releasing"},
		"paused with a template":       {[]string{"wait 5s", "pause", "push v2"}, "Reconciling Paused"},
		"scaled to 0":                  {[]string{"replicas 0"}, "Ready UpToDate"},
		"without a Service":            {[]string{"wait 5s", "delete service"}, "Stalled ServiceNotFound"},
		"when a refused one was let":   {[]string{"push v2", "wait 1m", "command abort 1 t", "wait 5m", "push v1"}, "Ready UpToDate"},
		"a release of what was undone": {[]string{"push v2", "wait 1m", "push v3", "wait 1m"}, "Reconciling Releasing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.playAll(t, append([]string{"wait 0s"}, c.script...))
			o := w.observe().Facts
			got, ready := "", ""
			for _, condition := range release.Conditions(o, release.Decide(o, w.store.Now)) {
				switch condition.Type {
				case v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
					if condition.Status == metav1.ConditionTrue {
						got = condition.Type
					}
				}
				if condition.Type == v1alpha1.ConditionReady {
					ready = condition.Reason
				}
			}
			if got += " " + ready; got != c.want {
				t.Errorf("conditions say %q, want %q\n%s", got, c.want, w.out.tail())
			}
		})
	}
}

func TestConditionsSayWhatARunningReleaseWaitsFor(t *testing.T) {
	t.Parallel()
	denied := []string{"deny raise", "wait 90s"}
	cases := map[string]struct {
		script             []string
		kind, reason, says string
	}{
		"holds":           {nil, v1alpha1.ConditionReconciling, string(v1alpha1.ReasonHolding), "1% is live"},
		"has no counts":   {[]string{"evidence stale Stale", "wait 30s"}, v1alpha1.ConditionReconciling, string(v1alpha1.ReasonStale), "without fresh counts"},
		"is denied":       {denied, v1alpha1.ConditionReconciling, string(v1alpha1.ReasonRouteWriteDenied), "no changes on Fridays"},
		"cannot be moved": {denied, v1alpha1.ConditionTrafficShifted, string(v1alpha1.ReasonRouteWriteDenied), "no changes on Fridays"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.playAll(t, append([]string{"wait 0s", "push v2", "wait 30s"}, c.script...))
			got := meta.FindStatusCondition(w.shift().Status.Conditions, c.kind)
			if got == nil || got.Reason != c.reason || !strings.Contains(got.Message, c.says) {
				t.Errorf("%s is %+v, want %s: ...%s\n%s", c.kind, got, c.reason, c.says, w.out.tail())
			}
		})
	}
}

func TestRulesThatDoNotHoldForTheCanaryAreNamedBeforeItsFirstWeight(t *testing.T) {
	t.Parallel()
	w := newWorld()
	edit(w, w.service(), func(s *corev1.Service) {
		s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
	})
	w.destinationRule(namespace, "")
	rule := w.store.FindKind("DestinationRule", namespace, web).DeepCopy()
	if err := unstructured.SetNestedField(rule.Object, int64(1), "spec", "trafficPolicy", "outlierDetection", "consecutive5xxErrors"); err != nil {
		t.Fatal(err)
	}
	w.store.Put(rule)
	w.playAll(t, []string{"wait 5s", "push v2"})
	if step := w.record().Step; step != 0 {
		t.Fatalf("the release is at step %d", step)
	}
	got := meta.FindStatusCondition(w.shift().Status.Conditions, v1alpha1.ConditionReachable)
	for _, words := range []string{"internalTrafficPolicy of Service web", "outlierDetection of DestinationRule web"} {
		if got == nil || got.Reason != string(v1alpha1.ReasonRulesRelaxed) || !strings.Contains(got.Message, words) {
			t.Errorf("the condition is %+v, which does not name %s", got, words)
		}
	}
	if w.canaryService().Spec.InternalTrafficPolicy != nil {
		t.Error("the canary's pods are met from their own node alone")
	}
}

func TestWhatTheStableAloneWasGivenIsSaidBeforeTheFirstWeight(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.playAll(t, []string{"wait 5s", "pods of v1 are given 1Gi", "push v2", "wait 10s"})
	o := w.observe().Facts
	if o.Release.Step != 0 || o.Workload.Canary.Pods == 0 {
		t.Fatalf("the canary has step %d and %d pods", o.Release.Step, o.Workload.Canary.Pods)
	}
	c := meta.FindStatusCondition(release.Conditions(o, release.Decide(o, w.store.Now)), v1alpha1.ConditionWorkloadReady)
	if c == nil || c.Reason != string(v1alpha1.ReasonPodsUnequal) || !strings.Contains(c.Message, "requests.memory 1Gi, the canary's 0") {
		t.Errorf("the pods' condition is %+v", c)
	}
}
