package view_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// alone is how TrafficShifts are looked at where nothing is known beside them.
var alone view.Beside

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }

func set(s *v1alpha1.TrafficShift, kind string, status metav1.ConditionStatus, reason v1alpha1.Reason, message string, since time.Duration) {
	c := metav1.Condition{Type: kind, Status: status, Reason: string(reason), Message: message, LastTransitionTime: *ago(since)}
	for i := range s.Status.Conditions {
		if s.Status.Conditions[i].Type == kind {
			s.Status.Conditions[i] = c
			return
		}
	}
	s.Status.Conditions = append(s.Status.Conditions, c)
}

// idle is a Service at rest that was released twice.
func idle() *v1alpha1.TrafficShift {
	s := &v1alpha1.TrafficShift{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", CreationTimestamp: *ago(90 * 24 * time.Hour)},
		Spec: v1alpha1.TrafficShiftSpec{
			PolicyRef: v1alpha1.PolicyReference{Name: "standard"},
			Service:   v1alpha1.ServiceReference{Name: "checkout"},
			Control:   v1alpha1.ControlAuto,
		},
	}
	s.Status.Stable = v1alpha1.Version{Revision: "6c4f678748", Images: []string{"registry.example/shop/checkout:1.4.2"}}
	s.Status.History = []v1alpha1.PastRelease{
		{Number: 6, Revision: "6c4f678748", Images: []string{"registry.example/shop/checkout:1.4.2"}, Outcome: v1alpha1.StatePromoted,
			Reason: v1alpha1.ReasonPromoted, PeakWeight: "100%", Exposed: 1204511, Failed: 1318, StartedAt: *ago(50 * time.Hour), Duration: "1500s"},
		{Number: 5, Revision: "84d9c8d6f5", Images: []string{"registry.example/shop/checkout:1.4.1"}, Outcome: v1alpha1.StateAborted,
			Reason: v1alpha1.ReasonCanaryWorseThanStable, PeakWeight: "1%", Exposed: 211, Failed: 9, StartedAt: *ago(75 * time.Hour), Duration: "72s"},
	}
	set(s, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonUpToDate, "", 49*time.Hour)
	return s
}

// shifting is a release at its second step of five.
func shifting() *v1alpha1.TrafficShift {
	s := idle()
	s.Status.Release = &v1alpha1.Release{
		Number: 7, Revision: "59d8f6b7c4", Images: []string{"registry.example/shop/checkout:1.5.0"}, Stable: "6c4f678748",
		State: v1alpha1.StateShifting, Policy: "standard",
		Plan: v1alpha1.ShiftPolicySpec{
			Steps: []v1alpha1.Step{{Weight: "1%", Hold: "2m"}, {Weight: "5%", Hold: "2m"}, {Weight: "25%", Hold: "5m"},
				{Weight: "50%", Hold: "5m"}, {Weight: "100%", Hold: "5m"}},
			Objectives: []v1alpha1.Objective{{Name: "availability", Target: "99.5%"}, {Name: "latency", Indicator: v1alpha1.IndicatorDuration, Threshold: "500ms", Target: "99%"}},
			Confidence: v1alpha1.Confidence{FalseAbort: "1%", FalsePromote: "5%"},
		},
		Step: 2, Weight: "5%", LiveWeight: "4.93%", LiveWeightError: "0.098%", PeakWeight: "5%", Verdict: "Healthy", Exposed: 9571, Failed: 12,
		StartedAt: *ago(5 * time.Minute), StepStartedAt: ago(80 * time.Second), SettledAt: ago(72 * time.Second),
		Weights: []v1alpha1.WrittenWeight{{Weight: "0.2%", Step: 1, At: *ago(4 * time.Minute)}, {Weight: "1%", Step: 1, At: *ago(3 * time.Minute)}, {Weight: "5%", Step: 2, At: *ago(80 * time.Second)}},
		Objectives: []v1alpha1.ObjectiveStatus{
			{Name: "availability", Verdict: "Healthy", Stable: v1alpha1.ArmCounts{Requests: 182204, Bad: 200},
				Canary: v1alpha1.ArmCounts{Requests: 9571, Bad: 12}, Against: "0.2", For: "1000000000"},
			{Name: "latency", Verdict: "Healthy", Stable: v1alpha1.ArmCounts{Requests: 182204, Bad: 747},
				Canary: v1alpha1.ArmCounts{Requests: 9571, Bad: 42}, Against: "0.34", For: "1234.5"},
		},
	}
	s.Status.Release.Failed, s.Status.Release.NextAt, s.Status.ObservedAt = 42, ago(-48*time.Second), ago(4*time.Second)
	set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReleasing, "", 5*time.Minute)
	set(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonHolding, "", 5*time.Minute)
	set(s, v1alpha1.ConditionEvidenceCurrent, metav1.ConditionTrue, v1alpha1.ReasonCurrent, "", 5*time.Minute)
	set(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionTrue, v1alpha1.ReasonShifted, "", time.Minute)
	return s
}

func preparing() *v1alpha1.TrafficShift {
	s := shifting()
	r := s.Status.Release
	r.State, r.Step, r.Weight, r.LiveWeight, r.PeakWeight, r.Exposed, r.Failed = v1alpha1.StatePreparing, 0, "0%", "", "", 0, 0
	r.Objectives, r.Verdict, r.SettledAt, r.StepStartedAt, r.Weights = nil, "", nil, nil, nil
	set(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonCanaryNotReady, "", 20*time.Second)
	set(s, v1alpha1.ConditionWorkloadReady, metav1.ConditionFalse, v1alpha1.ReasonCanaryNotReady, "1 of 2 pods of the canary is available", 20*time.Second)
	set(s, v1alpha1.ConditionEvidenceCurrent, metav1.ConditionFalse, v1alpha1.ReasonNoData, "", 20*time.Second)
	set(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionUnknown, v1alpha1.ReasonPending, "", 20*time.Second)
	return s
}

func holding() *v1alpha1.TrafficShift {
	s := shifting()
	r := s.Status.Release
	r.SettledAt, r.StepStartedAt = ago(9*time.Minute), ago(9*time.Minute)
	r.Next = "25% when 4,120 more clean requests of the canary are counted, in about 3m at the present traffic"
	r.Objectives[1].For, r.Objectives[1].Verdict = "3.1", "Undetermined"
	set(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonNotCleared, "latency is not proven for 25% yet", 7*time.Minute)
	return s
}

func unreachable() *v1alpha1.TrafficShift {
	s := shifting()
	set(s, v1alpha1.ConditionEvidenceCurrent, metav1.ConditionFalse, v1alpha1.ReasonPrometheusUnreachable,
		"http://prometheus.monitoring:9090 did not answer: connection refused; check the address in the operator's configuration file and that Prometheus runs", 130*time.Second)
	set(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonPrometheusUnreachable, "", 130*time.Second)
	return s
}

func aborting() *v1alpha1.TrafficShift {
	s := shifting()
	r := s.Status.Release
	r.State, r.Step, r.Weight, r.LiveWeight, r.PeakWeight, r.Verdict = v1alpha1.StateAborting, 1, "0%", "0.4%", "1%", "Breach"
	r.Exposed, r.Failed, r.Weights = 212, 31, r.Weights[:2]
	r.Objectives = []v1alpha1.ObjectiveStatus{
		{Name: "availability", Verdict: "Breach", Stable: v1alpha1.ArmCounts{Requests: 20988, Bad: 23},
			Canary: v1alpha1.ArmCounts{Requests: 212, Bad: 31}, Against: "162.8", For: "0"},
		{Name: "latency", Verdict: "Undetermined", Stable: v1alpha1.ArmCounts{Requests: 20988, Bad: 86},
			Canary: v1alpha1.ArmCounts{Requests: 212, Bad: 1}, Against: "0.04", For: "1.8"},
	}
	r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryWorseThanStable, Refuse: v1alpha1.RefuseTemplate,
		Message: "availability: 14.6% of 212 canary requests failed, 0.11% of 20,988 beside them; evidence 162.8 of 100"}
	return s
}

func aborted() *v1alpha1.TrafficShift {
	s := aborting()
	r := s.Status.Release
	r.State, r.LiveWeight, r.FinishedAt = v1alpha1.StateAborted, "0%", ago(3*time.Minute)
	set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAborted, r.Outcome.Message, 3*time.Minute)
	set(s, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAborted, r.Outcome.Message, 3*time.Minute)
	return s
}

func promoted() *v1alpha1.TrafficShift {
	s := shifting()
	r := s.Status.Release
	r.State, r.Step, r.Weight, r.LiveWeight, r.PeakWeight = v1alpha1.StatePromoted, 5, "100%", "100%", "100%"
	r.StartedAt, r.FinishedAt = *ago(40 * time.Minute), ago(11*time.Minute)
	r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted}
	s.Status.Stable = v1alpha1.Version{Revision: r.Revision, Images: r.Images}
	set(s, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPromoted, "", 11*time.Minute)
	return s
}

func unsupported() *v1alpha1.TrafficShift {
	s := idle()
	s.Status.History, s.Status.Stable = nil, v1alpha1.Version{}
	message := "Service checkout selects the pods of two Deployments (checkout, checkout-batch); make the selector fit one of them"
	set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWorkloadUnsupported, message, 4*time.Minute)
	set(s, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonWorkloadUnsupported, message, 4*time.Minute)
	return s
}

func with(s *v1alpha1.TrafficShift, change func(*v1alpha1.TrafficShift)) *v1alpha1.TrafficShift {
	change(s)
	return s
}

// paused is a pause that tells who wrote it and why.
func paused(s *v1alpha1.TrafficShift) {
	s.Spec.Control = v1alpha1.ControlPaused
	s.Annotations = map[string]string{v1alpha1.PausedAnnotation: "sale until midnight"}
	other := metav1.ManagedFieldsEntry{Manager: "stagger", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:policyRef":{}}}`)}
	s.ManagedFields = []metav1.ManagedFieldsEntry{other, {Manager: "kubectl-stagger", Time: ago(12 * time.Minute), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:control":{}}}`)}}
}

// routeGone is what the operator says of a VirtualService that was deleted.
const routeGone = "VirtualService shop/checkout is gone, or without a route to the Service, so requests that came by it go by others or nowhere; " +
	"apply it again, or leave it so if that was meant"

func commanded(s *v1alpha1.TrafficShift) {
	s.Annotations = map[string]string{v1alpha1.CommandAnnotation: fmt.Sprintf("abort %d t1 orders are booked twice", s.Status.Release.Number), v1alpha1.CommandedByAnnotation: "t1 ops@example.com"}
	s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-stagger", Time: ago(3 * time.Minute),
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:stagger.dev/command":{}}}}`)}}
}

func TestText(t *testing.T) {
	cases := map[string]struct {
		shift  *v1alpha1.TrafficShift
		layout view.Layout
	}{
		"idle":                   {idle(), view.Layout{}},
		"preparing":              {preparing(), view.Layout{Width: 100}},
		"shifting":               {shifting(), view.Layout{Width: 100}},
		"shifting, narrow":       {shifting(), view.Layout{Width: 60}},
		"shifting, very narrow":  {shifting(), view.Layout{Width: 30}},
		"shifting, in colour":    {shifting(), view.Layout{Width: 100, Color: true}},
		"shifting, wide":         {shifting(), view.Layout{Width: 140, Wide: true}},
		"holding for evidence":   {holding(), view.Layout{Width: 100}},
		"prometheus unreachable": {unreachable(), view.Layout{Width: 100}},
		"aborting":               {aborting(), view.Layout{Width: 100}},
		"aborted":                {aborted(), view.Layout{Width: 100}},
		"aborted, narrow":        {aborted(), view.Layout{Width: 60}},
		"aborted, with a gap": {with(aborted(), func(s *v1alpha1.TrafficShift) {
			gap := v1alpha1.Gap{From: metav1.NewMicroTime(now.Add(-9 * time.Minute)), To: metav1.NewMicroTime(now.Add(-6 * time.Minute))}
			until := metav1.NewMicroTime(now.Add(-6 * time.Minute))
			s.Status.Release.Counted = v1alpha1.Counted{Until: &until, Final: true, Gaps: []v1alpha1.Gap{gap}}
			s.Status.History[1].Counted = v1alpha1.Counted{Until: &until, Final: true, Gaps: []v1alpha1.Gap{gap}}
		}), view.Layout{Width: 100}},
		"aborted, counted no more": {with(aborted(), func(s *v1alpha1.TrafficShift) {
			until := metav1.NewMicroTime(now.Add(-6 * time.Minute))
			s.Status.Release.Counted = v1alpha1.Counted{Until: &until}
		}), view.Layout{Width: 100}},
		"aborted, still counted": {with(aborted(), func(s *v1alpha1.TrafficShift) {
			until := metav1.NewMicroTime(now.Add(-30 * time.Second))
			s.Status.Release.Counted = v1alpha1.Counted{Until: &until}
		}), view.Layout{Width: 100}},
		"promoted":                {promoted(), view.Layout{Width: 100}},
		"unsupported workload":    {unsupported(), view.Layout{Width: 100}},
		"a Service of plain HTTP": {with(shifting(), oneStatus), view.Layout{Width: 100}},
		"paused": {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }),
			view.Layout{Width: 100}},
		"the reason is told once": {with(aborting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.State, s.Status.Release.Next = v1alpha1.StateDraining, s.Status.Release.Outcome.Message+"; the canary's pods are ending"
		}), view.Layout{Width: 100}},
		"paused for a reason": {with(shifting(), paused), view.Layout{Width: 100}},
		"paused by a user": {with(with(shifting(), paused), func(s *v1alpha1.TrafficShift) {
			s.Annotations[v1alpha1.ControlledByAnnotation] = "ops@example.com"
		}), view.Layout{Width: 100}},
		"paused for a reason, at rest": {with(promoted(), paused), view.Layout{Width: 100}},
		"on the way, by proof": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			r := s.Status.Release
			r.Plan.Pace = v1alpha1.Pace{Type: v1alpha1.PaceProof}
			r.Step, r.Weight, r.LiveWeight, r.Exposed, r.Failed, r.NextAt = 1, "0.0008%", "0.0007%", 41, 0, nil
			r.Next = "not proven yet for more than 0.0008%: 12 more good requests of the canary would do, which come in about 2m0s at the present traffic"
		}), view.Layout{Width: 100}},
		"at a step, by proof": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Plan.Pace = v1alpha1.Pace{Type: v1alpha1.PaceProof}
		}), view.Layout{Width: 100}},
		"a command that waits": {with(shifting(), commanded), view.Layout{Width: 100}},
		"settling": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.SettledAt, s.Status.Release.LiveWeight, s.Status.Release.NextAt = nil, "", nil
		}), view.Layout{Width: 100}},
		"last step": {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.Release.Step = 5 }), view.Layout{Width: 100}},
		"contested": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Contested = v1alpha1.Contested{Routes: 1, Selector: 3}
		}), view.Layout{Width: 100}},
		"a route is gone": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			set(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionFalse, v1alpha1.ReasonRoutesGone, "5% is wanted, measured 4.93%; "+routeGone, 20*time.Second)
			s.Status.Release.NextAt = nil
		}), view.Layout{Width: 100}},
		"a route is gone at rest": {with(promoted(), func(s *v1alpha1.TrafficShift) {
			set(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionTrue, v1alpha1.ReasonRoutesGone, "no traffic is shifted; "+routeGone, 20*time.Second)
		}), view.Layout{Width: 100}},
		"contested by known writers": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Contested = v1alpha1.Contested{Routes: 1, RoutesBy: "kubectl-patch", Selector: 3, SelectorBy: "argocd-controller"}
		}), view.Layout{Width: 100}},
		"draining": {with(aborting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.State, s.Status.Release.DrainUntil = v1alpha1.StateDraining, ago(-20*time.Second)
		}), view.Layout{Width: 100}},
		"put back after a promotion": {with(promoted(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.State, s.Status.Release.FinishedAt, s.Status.Release.LiveWeight = v1alpha1.StateRestoring, nil, ""
			set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReleasing, "", 29*time.Minute)
			set(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionUnknown, v1alpha1.ReasonNoTraffic, "100% is wanted, nothing was measured", 0)
		}), view.Layout{Width: 100}},
		"reverted after an abort": {with(aborted(), func(s *v1alpha1.TrafficShift) {
			s.Status.Conditions = nil
			set(s, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonUpToDate, "", time.Minute)
		}), view.Layout{Width: 100}},
		"the same images in another template": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Images = s.Status.Stable.Images
		}), view.Layout{Width: 100}},
		"another configuration": {with(shifting(), func(s *v1alpha1.TrafficShift) { configured(s) }), view.Layout{Width: 100, Wide: true}},
		"another image and more": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Changes = []string{"env LOG_LEVEL of app", "image of app", "resources of app"}
		}), view.Layout{Width: 100}},
		"nothing known but a release":   {&v1alpha1.TrafficShift{Status: v1alpha1.TrafficShiftStatus{Release: &v1alpha1.Release{Number: 1}}}, view.Layout{Width: 100}},
		"nothing known":                 {&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Name: "checkout"}}, view.Layout{Width: 100}},
		"a state of a later version":    {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.Release.State = "Orbiting" }), view.Layout{Width: 100}},
		"about to move":                 {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.Release.NextAt = ago(time.Second) }), view.Layout{Width: 100}},
		"a stable without any requests": {with(shifting(), func(s *v1alpha1.TrafficShift) { clearStable(s) }), view.Layout{Width: 100}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			golden(t, name, view.Release(c.shift, now).Text(c.layout))
		})
	}
}

// configured makes the release one of configuration, and the one before it too.
func configured(s *v1alpha1.TrafficShift) {
	s.Status.Release.Images = s.Status.Stable.Images
	s.Status.Release.Changes = []string{"settings: 2 keys changed (limits.yaml, rate)"}
	s.Status.History[0].Changes = []string{"Secret token: 1 key changed", "env LOG_LEVEL of app"}
}

func oneStatus(s *v1alpha1.TrafficShift) {
	set(s, v1alpha1.ConditionEvidenceCurrent, metav1.ConditionTrue, v1alpha1.ReasonOneStatus,
		"Everything up to 11:59:40 is counted; each of 17530 requests was answered with HTTP 200 and no status of gRPC", time.Minute)
}

func clearStable(s *v1alpha1.TrafficShift) {
	for i := range s.Status.Release.Objectives {
		s.Status.Release.Objectives[i].Stable = v1alpha1.ArmCounts{}
	}
}

func TestTheStoryOfARelease(t *testing.T) {
	cases := map[string]*v1alpha1.TrafficShift{
		"why idle":                       idle(),
		"why preparing":                  preparing(),
		"why shifting":                   shifting(),
		"why of a Service of plain HTTP": with(shifting(), oneStatus),
		"why holding":                    holding(),
		"why blind":                      unreachable(),
		"why aborting":                   aborting(),
		"why aborted":                    aborted(),
		"why promoted":                   promoted(),
		"why stalled":                    unsupported(),
		"why paused for a reason":        with(shifting(), paused),
		"why paused":                     with(shifting(), func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }),
		"why with a command that waits":  with(shifting(), commanded),
		"why of two destinations": with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Spec.Service.Name = ""
			s.Spec.Destinations = &v1alpha1.Destinations{Revision: "2", Stable: v1alpha1.Destination{Host: "db.data.svc.cluster.local", Subset: "one"},
				Canary: v1alpha1.Destination{Host: "db.data.svc.cluster.local", Subset: "two"}}
		}),
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			golden(t, name, alone.Why(s, now).Text(view.Layout{Width: 100}))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", strings.NewReplacer(", ", "-", " ", "-").Replace(name)+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading the golden screen (write it with -update): %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

// bases are TrafficShifts as JSON, the last of which has everything that should not be.
var bases = sync.OnceValues(func() ([][]byte, error) {
	var all [][]byte
	for _, s := range []*v1alpha1.TrafficShift{idle(), preparing(), shifting(), with(shifting(), unattended), holding(), unreachable(), aborting(), aborted(), promoted(), unsupported()} {
		data, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return append(all, []byte(`{"metadata":{"name":"\u001b[2J\u202e\u0000a"},"status":{"release":{"number":-9223372036854775808,"step":2147483647,"weight":"9%%","state":"Shifting","liveWeight":"9%%",`+
		`"startedAt":"0001-01-02T00:00:00Z","stepStartedAt":"9999-01-01T00:00:00Z","images":["@","@sha256:é\u001b]0;x\u0007éééééééééééééé"],"exposed":-1,"objectives":[{"name":"\n","against":"NaN",`+
		`"for":"1e999","stable":{"requests":1,"bad":9223372036854775807}}],"plan":{"steps":[{"weight":"","hold":"x"}]},"baseline":{"objectives":[{"name":"[2J","phi":"1e300"}]}}}}`)), nil
})

func check(t *testing.T, text string, width int) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, l := range strings.Split(text, "\n") {
		if ansi.StringWidth(l) > width && width > 24 && !strings.Contains(l, "kubectl patch service") { // which is there to be pasted
			t.Errorf("wider than %d: %q", width, l)
		}
		if i := strings.IndexFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("unprintable character at %d of %q", i, l)
		}
	}
}
