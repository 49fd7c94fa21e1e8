package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// goldenJSON compares a value with the one that is kept.
func goldenJSON(t *testing.T, name string, value any) {
	t.Helper()
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", strings.NewReplacer(", ", "-", " ", "-").Replace(name)+".json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func allowed(view.Verb) string { return "" }

func TestAServicePageSaysWhatTheScreenSays(t *testing.T) {
	cases := map[string]*v1alpha1.TrafficShift{
		"service page of a shift":               shifting(),
		"service page of an unattended release": with(shifting(), unattended),
		"service page of a wait":                holding(),
		"service page of a command that waits":  with(shifting(), commanded),
		"service page of an abort":              aborted(),
		"service page of an abort under way":    aborting(),
		"service page of a promotion":           promoted(),
		"service page of rest":                  idle(),
		"service page of preparing":             preparing(),
		"service page of trouble":               unsupported(),
		"service page of a pause":               with(shifting(), func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }),
	}
	for name, shift := range cases {
		t.Run(name, func(t *testing.T) {
			var footprint *view.Footprint
			if shift.Status.Release.Running() {
				footprint = &view.Footprint{Stable: &view.Pods{Ready: 4, All: 4}, Canary: &view.Pods{Ready: 1, All: 2, Odd: []string{"pod web-b: ImagePullBackOff"}},
					Routes: []string{"edge/edge", "shop/shop"}}
			}
			goldenJSON(t, name, alone.ServicePage(shift, now, footprint, func(v view.Verb) string {
				if v == view.VerbRetry {
					return "not now"
				}
				return ""
			}))
		})
	}
}

func TestABoardListsTroubleFirst(t *testing.T) {
	named := func(s *v1alpha1.TrafficShift, name string) v1alpha1.TrafficShift {
		s.Name = name
		return *s
	}
	all := []v1alpha1.TrafficShift{named(idle(), "catalog"), named(shifting(), "checkout"), named(aborted(), "orders"), named(unreachable(), "payments"), named(promoted(), "ledger")}
	goldenJSON(t, "board", alone.Board(all, "shop", now))
	goldenJSON(t, "board of nothing", alone.Board(nil, "shop", now))
	if hint := alone.Board(nil, "", now).Empty; hint.Line != "kubectl annotate service <name> stagger.dev/policy=standard" {
		t.Errorf("for all namespaces the hint is %q", hint.Line)
	}
}

// The page has no rule of its own: a promotion that the evidence does not clear asks for a reason.
func TestAPromotionAsksForAReasonWhereTheEvidenceDoesNotClearIt(t *testing.T) {
	cases := map[string]struct {
		shift *v1alpha1.TrafficShift
		want  string
	}{
		"cleared":      {shifting(), view.ReasonOptional},
		"not cleared":  {holding(), view.ReasonRequired},
		"no evidence":  {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.Release.Objectives = nil }), view.ReasonRequired},
		"old evidence": {unreachable(), view.ReasonRequired},
		"no objectives": {with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Objectives, s.Status.Release.Plan.Objectives = nil, nil
		}), view.ReasonRequired},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, a := range alone.ServicePage(c.shift, now, nil, allowed).Actions {
				if a.Verb == view.VerbPromote && a.Reason != c.want {
					t.Errorf("a reason is %s, want %s", a.Reason, c.want)
				}
			}
		})
	}
}

// While the last requests end, the page shows what is measured, and does not say 0% where nothing is.
func TestTheLiveWeightOfWhatIsTakenBack(t *testing.T) {
	for live, want := range map[v1alpha1.Percentage]string{"0.4%": "0.4%", "": "not measured"} {
		s := with(aborting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.State, s.Status.Release.LiveWeight, s.Status.Release.LiveWeightError = v1alpha1.StateDraining, live, ""
		})
		got := ""
		for _, f := range alone.ServicePage(s, now, nil, allowed).Facts {
			if f.Label == "Live weight" {
				got = f.Text
			}
		}
		if got != want {
			t.Errorf("measured %q is shown as %q, want %q", live, got, want)
		}
	}
}

// trace is what was seen of a release in six looks, ten seconds apart: at the fourth the weight is raised.
func trace(t *testing.T) *view.Trace {
	t.Helper()
	s := shifting()
	s.Status.Release.StepStartedAt, s.Status.Release.Weights = ago(30*time.Second), nil
	seen, runs := view.NewTrace(s, now)
	if !runs {
		t.Fatal("no release runs")
	}
	for i := range 6 {
		r := s.Status.Release
		if i == 3 {
			r.Weight, r.LiveWeight = "25%", ""
		}
		r.Objectives[0].Canary = v1alpha1.ArmCounts{Requests: int64(1000 * (i + 1)), Bad: int64(i)}
		r.Objectives[0].Against, r.Objectives[0].For = fmt.Sprint(0.1*float64(i)), fmt.Sprint(math.Pow(10, float64(i)))
		if !seen.Add(s, now.Add(time.Duration(i)*10*time.Second)) || seen.Add(s, now.Add(time.Duration(i)*10*time.Second+time.Second)) {
			t.Fatal("what is new must be taken once")
		}
	}
	return seen
}

// numbers are the values of a line; -1 where nothing was measured.
func numbers(values []*float64) []float64 {
	all := make([]float64, 0, len(values))
	for _, v := range values {
		if v == nil {
			all = append(all, -1)
			continue
		}
		all = append(all, *v)
	}
	return all
}

// since are times in seconds after now.
func since(times []float64) []float64 {
	all := make([]float64, 0, len(times))
	for _, at := range times {
		all = append(all, at-float64(now.Unix()))
	}
	return all
}

func TestPlotsAreValuesOverTime(t *testing.T) {
	seen := trace(t)
	p := view.PlotsOf(seen, now.Add(60*time.Second))
	// From 30 s before the first look, when the weight was written, to 60 s after it.
	if diff := cmp.Diff([]float64{-30, 0, 10, 20, 30, 40, 50, 60}, since(p.Times)); diff != "" || p.First != 1 || len(p.Samples) != 6 {
		t.Errorf("%d samples from the place %d of the times (-want +got):\n%s", len(p.Samples), p.First, diff)
	}
	if p.Note != "Recorded since 12:00:00, when this dashboard first saw the release. It had begun at 11:55:00, and the weight at that time was written at 11:59:30." {
		t.Errorf("the note is %q", p.Note)
	}
	wanted, live := p.Weight.Lines[0], p.Weight.Lines[1]
	if diff := cmp.Diff([]float64{5, 5, 5, 5, 25, 25, 25, 25}, numbers(wanted.Values)); diff != "" || wanted.Last != "25%" || !wanted.Stepped || p.Weight.Top != 26.25 || p.Weight.Unit != "%" {
		t.Errorf("wanted, last %s, up to %v (-want +got):\n%s", wanted.Last, p.Weight.Top, diff)
	}
	// What is not measured has no value.
	if diff := cmp.Diff([]float64{-1, 4.93, 4.93, 4.93, -1, -1, -1, -1}, numbers(live.Values)); diff != "" || live.Last != "not measured" {
		t.Errorf("live, last %s (-want +got):\n%s", live.Last, diff)
	}
	evidence := p.Objectives[0].Evidence
	if diff := cmp.Diff([]float64{-1, 1, 10, 100, 1000, 1000, 1000, 1000}, numbers(evidence.Lines[1].Values)); diff != "" || evidence.Lines[1].Last != ">999" || !evidence.Logarithmic {
		t.Errorf("evidence for, last %s (-want +got):\n%s", evidence.Lines[1].Last, diff)
	}
	if diff := cmp.Diff([]view.Limit{{Value: 100, Text: "aborts at 100", Kind: "against"}, {Value: 20, Text: "passes at 20", Kind: "for"}}, evidence.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	canary := p.Objectives[0].Share.Lines[1]
	if diff := cmp.Diff([]float64{-1, 0, 0.05, 0.066667, 0.075, 0.08, 0.083333, 0.083333}, numbers(canary.Values)); diff != "" || canary.Last != "0.08% (0.04% to 0.19%)" {
		t.Errorf("the canary's share, last %s (-want +got):\n%s", canary.Last, diff)
	}
	if low, high := numbers(canary.Low), numbers(canary.High); low[0] != -1 || high[0] != -1 || math.Round(100*low[7]) != 4 || math.Round(100*high[7]) != 19 {
		t.Errorf("the interval of the canary's share goes from %v to %v", low, high)
	}
	last := view.SampleText{Time: "12:00:50", Weight: "wanted 25%, live not measured", Shares: p.Samples[5].Shares, Evidence: []string{"against 0.5, for >999", "against 0.3, for >999"}}
	if diff := cmp.Diff(last, p.Samples[5]); diff != "" || !strings.Contains(last.Shares[0], "canary 0.08% of 6,000") {
		t.Errorf("the last sample says %q (-want +got):\n%s", last.Shares, diff)
	}
}

func TestTheWeightsBeforeTheFirstLookAreShown(t *testing.T) {
	s := shifting()
	seen, _ := view.NewTrace(s, now)
	seen.Add(s, now)
	s.Status.Release.Weight = "25%"
	seen.Add(s, now.Add(5*time.Minute))
	for _, c := range []struct {
		later   time.Duration
		times   []float64
		weights []float64
	}{
		// From four minutes before the first look to eight after it.
		{8 * time.Minute, []float64{-240, -180, -80, 0, 300, 480}, []float64{0.2, 1, 5, 5, 25, 25}},
		// With less recorded, less from before is shown, beginning with the weight that was in force.
		{5*time.Minute + time.Second, []float64{-150.5, -80, 0, 300, 301}, []float64{1, 5, 5, 25, 25}},
	} {
		p := view.PlotsOf(seen, now.Add(c.later))
		if diff := cmp.Diff(c.times, since(p.Times)) + cmp.Diff(c.weights, numbers(p.Weight.Lines[0].Values)); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", c.later, diff)
		}
		if p.First != len(p.Times)-3 || !strings.HasSuffix(p.Note, "and the weight at that time was written at 11:58:40.") {
			t.Errorf("it was recorded from the place %d on; the note is %q", p.First, p.Note)
		}
	}
}

// Who opens the page while a version is taken back sees all of its weights.
func TestTheWeightsOfWhatIsTakenBackAreShown(t *testing.T) {
	s := with(late(), func(s *v1alpha1.TrafficShift) {
		s.Status.Release.State, s.Status.Release.FinishedAt = v1alpha1.StateDraining, nil
	})
	seen, _ := view.NewTrace(s, now)
	seen.Add(s, now)
	p := view.PlotsOf(seen, now.Add(10*time.Second))
	if diff := cmp.Diff([]float64{-240, -120, -90, 0, 10}, since(p.Times)) + cmp.Diff([]float64{1, 5, 0, 0, 0}, numbers(p.Weight.Lines[0].Values)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// uPlot draws nothing right when a time is before the one in front of it.
func TestTimesNeverGoBack(t *testing.T) {
	s := shifting()
	seen, _ := view.NewTrace(s, now)
	for i, at := range []time.Duration{0, 30 * time.Second, -time.Hour, 40 * time.Second} {
		s.Status.Release.Objectives[0].Canary.Requests = int64(1000 + i)
		seen.Add(s, now.Add(at))
	}
	if times := view.PlotsOf(seen, now.Add(-2*time.Hour)).Times; !slices.IsSorted(times) {
		t.Errorf("the times are %v", since(times))
	}
}

func TestAPlotEndsWithItsRelease(t *testing.T) {
	seen := trace(t)
	s := shifting()
	s.Status.Release.State = v1alpha1.StateAborted
	seen.Add(s, now.Add(70*time.Second))
	if early, late := view.PlotsOf(seen, now.Add(80*time.Second)), view.PlotsOf(seen, now.Add(time.Hour)); !cmp.Equal(early, late) {
		t.Errorf("it goes on after the end: %s", cmp.Diff(early, late))
	}
}

// Nothing in a status makes a value that cannot be drawn.
func TestOddSamplesCanBeDrawn(t *testing.T) {
	s := shifting()
	r := s.Status.Release
	r.Weight, r.LiveWeight, r.Plan.Confidence.FalsePromote = "0.0001%", "100%", "0.01%"
	r.Objectives[0] = v1alpha1.ObjectiveStatus{Name: "availability", Against: "1e300", For: "+Inf", Canary: v1alpha1.ArmCounts{Requests: -5, Bad: 9}, Stable: v1alpha1.ArmCounts{Requests: math.MaxInt64, Bad: math.MaxInt64}}
	r.Baseline = &v1alpha1.Baseline{Objectives: []v1alpha1.BaselineObjective{{Name: "availability", Phi: "1e308"}, {Name: "another"}}}
	seen, _ := view.NewTrace(s, now)
	seen.Add(s, now)
	p := view.PlotsOf(seen, now.Add(-time.Hour))
	plots := []view.Plot{*p.Weight}
	for _, o := range p.Objectives {
		plots = append(plots, o.Share, o.Evidence)
	}
	for _, plot := range plots {
		if !(plot.Top > plot.Bottom && plot.Top <= 10_000) {
			t.Errorf("%s goes from %v to %v", plot.Title, plot.Bottom, plot.Top)
		}
		for _, l := range plot.Lines {
			for _, v := range slices.Concat(numbers(l.Values), numbers(l.Low), numbers(l.High)) {
				if v != -1 && !(v >= plot.Bottom && v <= max(plot.Top, 100)) {
					t.Errorf("%s has %v in %s", l.Name, v, plot.Title)
				}
			}
		}
	}
}
