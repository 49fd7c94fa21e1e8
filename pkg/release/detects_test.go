package release

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestWhatAPlanDetects(t *testing.T) {
	t.Parallel()
	past := func(rate string, bad int64) *v1alpha1.Baseline {
		return &v1alpha1.Baseline{RequestsPerSecond: rate, Objectives: []v1alpha1.BaselineObjective{
			{Name: "availability", Phi: "1", Counts: v1alpha1.ArmCounts{Requests: 100000, Bad: bad}}}}
	}
	p := *PlanOf("1%/2m", "25%/5m", "100%/5m")
	fixed := Detects(p, past("100", 100))
	if len(fixed) != 3 || fixed[0].Weight != "1%" || fixed[0].RequestsPerMinute != "60" || fixed[2].Weight != "100%" || fixed[2].RequestsPerMinute != "6000" {
		t.Errorf("fixed: %+v", fixed)
	}
	p.Pace.Type = v1alpha1.PaceProof
	proof := Detects(p, past("100", 100))
	if len(proof) != 4 || proof[0].Weight != "0.08%" || proof[1].Weight != "1%" {
		t.Errorf("by proof: %+v", proof)
	}
	for _, d := range append(fixed, proof...) {
		if d.Total == "" || d.Tenfold != "" && d.Total.Duration() > d.Tenfold.Duration() || d.Threefold != "" && d.Tenfold.Duration() > d.Threefold.Duration() {
			t.Errorf("not in order: %+v", d)
		}
	}
	if Detects(v1alpha1.ShiftPolicySpec{}, past("1", 0)) != nil || Detects(p, nil) != nil {
		t.Error("something is detected without a plan or a past")
	}
}

func TestTooLittleTrafficIsSaid(t *testing.T) {
	t.Parallel()
	p := *PlanOf("1%/2m", "100%/5m")
	sparse := Detects(p, &v1alpha1.Baseline{RequestsPerSecond: "5"})
	if got := TooLittle(p, nil, sparse); !strings.HasPrefix(got, "at 1% a good version takes about ") || !strings.Contains(got, "it is held until somebody decides") {
		t.Errorf("little traffic: %q", got)
	}
	p.Undetermined.Action = v1alpha1.ActionAbort
	rare := &v1alpha1.Baseline{RequestsPerSecond: "0.0001"}
	if got := TooLittle(p, rare, Detects(p, rare)); !strings.Contains(got, "is not cleared within a day (6e-05 requests a minute)") || !strings.Contains(got, "it is taken back") {
		t.Errorf("hardly any traffic: %q", got)
	}
	for _, unknown := range []*v1alpha1.Baseline{{}, {RequestsPerSecond: "0", History: "86400s"}} {
		if got := TooLittle(p, unknown, Detects(p, unknown)); got != "" {
			t.Errorf("of traffic that nobody has seen yet: %q", got)
		}
	}
	if got := TooLittle(p, &v1alpha1.Baseline{RequestsPerSecond: "500"}, Detects(p, &v1alpha1.Baseline{RequestsPerSecond: "500"})); got != "" {
		t.Errorf("much traffic: %q", got)
	}
	bursty := &v1alpha1.Baseline{RequestsPerSecond: "50", History: "86400s", Objectives: []v1alpha1.BaselineObjective{{Name: "availability", Phi: "132"}, {Name: "latency", Phi: "1.3"}}}
	want := "; slower, because bad requests of the stable came in bursts, or in too many outages, in the past 24h0m0s: availability has a dispersion of 132; 1 would be one by one"
	if got := TooLittle(p, bursty, Detects(p, bursty)); !strings.HasSuffix(got, want) {
		t.Errorf("bursts: %q", got)
	}
}
