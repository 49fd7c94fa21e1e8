package metrics_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

var began = metav1.NewTime(time.Unix(1_800_000_000, 0))

// shift is a TrafficShift with a condition beside Ready, which is False where there is one.
func shift(name, condition string, reason v1alpha1.Reason) v1alpha1.TrafficShift {
	s := v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	s.Spec.Service.Name, s.Spec.PolicyRef.Name = name, "standard"
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: string(reason)}
	if condition != "" {
		ready.Status = metav1.ConditionFalse
		s.Status.ReasonSince = &began
		s.Status.Conditions = []metav1.Condition{{Type: condition, Status: metav1.ConditionTrue, Reason: string(reason)}}
	}
	s.Status.Conditions = append(s.Status.Conditions, ready)
	return s
}

// running is one whose release is under way, judged by so many objectives.
func running(name string, state v1alpha1.ReleaseState, reason v1alpha1.Reason, objectives int) v1alpha1.TrafficShift {
	s := shift(name, v1alpha1.ConditionReconciling, reason)
	s.Status.Release = &v1alpha1.Release{
		Number: 7, State: state, Policy: "standard", Step: 2, Weight: "5%", LiveWeight: "4.8%", StartedAt: began, Exposed: 1000, Failed: 30,
		Plan: v1alpha1.ShiftPolicySpec{Steps: make([]v1alpha1.Step, 5), Confidence: v1alpha1.Confidence{FalsePromote: "5%"}},
	}
	for i := range objectives {
		s.Status.Release.Objectives = append(s.Status.Release.Objectives, v1alpha1.ObjectiveStatus{
			Name: fmt.Sprintf("o%d", i), Against: "+Inf", For: "0.25",
			Stable: v1alpha1.ArmCounts{Requests: 20_000, Bad: 100}, Canary: v1alpha1.ArmCounts{Requests: 1000, Bad: 30},
		})
	}
	return s
}

// told are the samples of a fleet as lines, in order.
func told(f metrics.Fleet, detail metrics.Detail) []string {
	var lines []string
	metrics.State(f, detail, func(name string, value float64, labels ...string) {
		lines = append(lines, fmt.Sprint(name, labels, " ", value))
	})
	slices.Sort(lines)
	return lines
}

func TestARunningReleaseIsTold(t *testing.T) {
	want := []string{
		"stagger_objective_bad_requests[shop web o0 canary] 30", "stagger_objective_bad_requests[shop web o0 stable] 100",
		"stagger_objective_evidence[shop web o0 against] 1e+06", "stagger_objective_evidence[shop web o0 for] 0.25",
		"stagger_objective_evidence_limit[shop web against] 100", "stagger_objective_evidence_limit[shop web for] 20",
		"stagger_objective_requests[shop web o0 canary] 1000", "stagger_objective_requests[shop web o0 stable] 20000",
		"stagger_release_info[shop web standard Shifting 7] 1",
		"stagger_release_requests[shop web expected_failed] 5", "stagger_release_requests[shop web exposed] 1000", "stagger_release_requests[shop web failed] 30",
		"stagger_release_started_timestamp_seconds[shop web] 1.8e+09",
		"stagger_release_step[shop web] 2", "stagger_release_steps[shop web] 5",
		"stagger_release_waiting_since_timestamp_seconds[shop web Holding] 1.8e+09",
		"stagger_release_weight_ratio[shop web live] 0.048", "stagger_release_weight_ratio[shop web wanted] 0.05",
		"stagger_services[shop standard Shifting] 1",
	}
	f := metrics.Fleet{Shifts: []v1alpha1.TrafficShift{running("web", v1alpha1.StateShifting, v1alpha1.ReasonHolding, 1)}}
	if diff := cmp.Diff(want, told(f, metrics.AllReleases)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// What is not known is not told.
func TestWhatIsNotKnownIsNotTold(t *testing.T) {
	s := running("web", v1alpha1.StatePreparing, v1alpha1.ReasonHolding, 1)
	r := s.Status.Release
	r.LiveWeight, r.Objectives[0] = "", v1alpha1.ObjectiveStatus{Name: "o0", Against: "NaN"}
	for _, line := range told(metrics.Fleet{Shifts: []v1alpha1.TrafficShift{s}}, metrics.AllReleases) {
		for _, unknown := range []string{"live", "expected_failed", "stagger_objective_evidence["} {
			if strings.Contains(line, unknown) {
				t.Errorf("told: %s", line)
			}
		}
	}
}

func TestTheFleetIsCounted(t *testing.T) {
	service := func(name string, selects bool, annotations map[string]string) corev1.Service {
		s := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Annotations: annotations}}
		if selects {
			s.Spec.Selector = map[string]string{"app": name}
		}
		return s
	}
	fresh := shift("fresh", "", "")
	fresh.Status.Conditions = nil
	f := metrics.Fleet{
		Shifts: []v1alpha1.TrafficShift{
			shift("a", "", v1alpha1.ReasonUpToDate), shift("b", "", v1alpha1.ReasonPromoted),
			shift("refused", v1alpha1.ConditionStalled, v1alpha1.ReasonAborted), shift("odd", v1alpha1.ConditionStalled, v1alpha1.ReasonRouteUnsupported),
			shift("later", v1alpha1.ConditionReconciling, v1alpha1.ReasonWaiting), fresh,
		},
		Services: []corev1.Service{
			service("a", true, nil), service("nobody", true, nil), service("noone", true, nil), service("elsewhere", false, nil),
			service("a-canary", true, map[string]string{v1alpha1.ReleaseAnnotation: "shop/a 3"}),
		},
	}
	want := []string{
		"stagger_release_waiting_since_timestamp_seconds[shop later Waiting] 1.8e+09",
		"stagger_release_waiting_since_timestamp_seconds[shop odd RouteUnsupported] 1.8e+09",
		"stagger_services[shop standard Aborted] 1", "stagger_services[shop standard Ready] 2", "stagger_services[shop standard Stalled] 1",
		"stagger_services[shop standard Unknown] 1", "stagger_services[shop standard Waiting] 1",
		"stagger_unmanaged_services[shop] 2",
	}
	if diff := cmp.Diff(want, told(f, metrics.AllReleases)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestTheSettingChoosesTheReleases(t *testing.T) {
	f := metrics.Fleet{Shifts: []v1alpha1.TrafficShift{
		running("goes-on", v1alpha1.StateShifting, v1alpha1.ReasonHolding, 1), running("blind", v1alpha1.StateShifting, v1alpha1.ReasonPrometheusUnreachable, 1),
		running("back", v1alpha1.StateAborting, v1alpha1.ReasonCanaryBreachesSLO, 1),
	}}
	for detail, want := range map[metrics.Detail][]string{
		metrics.AllReleases: {"back", "blind", "goes-on"}, metrics.WaitingReleases: {"back", "blind"}, metrics.NoReleases: nil,
	} {
		var got []string
		metrics.State(f, detail, func(name string, _ float64, labels ...string) {
			if name == metrics.ReleaseInfo {
				got = append(got, labels[1])
			}
		})
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", detail, diff)
		}
	}
}

// A Service at rest has no series, a running release twelve and six for each objective.
func TestTheBudgetOfSeriesIsKept(t *testing.T) {
	of := func(all ...v1alpha1.TrafficShift) (releases int) {
		metrics.State(metrics.Fleet{Shifts: all}, metrics.AllReleases, func(name string, _ float64, _ ...string) {
			if name != metrics.Services {
				releases++
			}
		})
		return releases
	}
	for objectives := 1; objectives <= 12; objectives++ {
		if n := of(running("web", v1alpha1.StateShifting, v1alpha1.ReasonHolding, objectives)); n != 12+6*objectives {
			t.Errorf("%d series with %d objectives", n, objectives)
		}
	}
	if n := of(shift("a", "", v1alpha1.ReasonUpToDate), shift("b", v1alpha1.ConditionStalled, v1alpha1.ReasonAborted)); n != 0 {
		t.Errorf("Services at rest have %d series", n)
	}
}
