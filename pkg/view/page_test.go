package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
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
		"service page of a shift":            shifting(),
		"service page of a wait":             holding(),
		"service page of an abort":           aborted(),
		"service page of an abort under way": aborting(),
		"service page of a promotion":        promoted(),
		"service page of rest":               idle(),
		"service page of preparing":          preparing(),
		"service page of trouble":            unsupported(),
		"service page of a pause":            with(shifting(), func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }),
	}
	for name, shift := range cases {
		t.Run(name, func(t *testing.T) {
			var footprint *view.Footprint
			if shift.Status.Release.Running() {
				footprint = &view.Footprint{Stable: &view.Pods{Ready: 4, All: 4}, Canary: &view.Pods{Ready: 1, All: 2, Odd: []string{"pod web-b: ImagePullBackOff"}},
					Routes: []string{"edge/edge", "shop/shop"}}
			}
			goldenJSON(t, name, view.ServicePageOf(shift, now, footprint, func(v view.Verb) string {
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
	goldenJSON(t, "board", view.BoardOf(all, "shop", now))
	goldenJSON(t, "board of nothing", view.BoardOf(nil, "shop", now))
	if hint := view.BoardOf(nil, "", now).Empty; hint.Line != "kubectl annotate service <name> stagger.dev/policy=standard" {
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
			for _, a := range view.ServicePageOf(c.shift, now, nil, allowed).Actions {
				if a.Verb == view.VerbPromote && a.Reason != c.want {
					t.Errorf("a reason is %s, want %s", a.Reason, c.want)
				}
			}
		})
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

func TestPlotsArePositions(t *testing.T) {
	seen := trace(t)
	p := view.PlotsOf(seen, now.Add(60*time.Second))
	// The axis goes from 30 s before the first look, when the weight was written, to 60 s after it.
	if p.Began != 0.3333 || p.Note != "Recorded since 12:00:00, when this dashboard first saw the release. It had begun at 11:55:00, and the weight at that time was written at 11:59:30." {
		t.Errorf("recorded since %v: %s", p.Began, p.Note)
	}
	if diff := cmp.Diff([]view.Tick{{At: 0, Text: "11:59:30"}, {At: 0.3333, Text: "12:00:00"}, {At: 0.6667, Text: "12:00:30"}, {At: 1, Text: "12:01:00"}}, p.Times); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	wanted, live := p.Weight.Lines[0], p.Weight.Lines[1]
	// 5% of an axis up to 25%, a stair after 30 s, and on to the right end.
	stairs := [][][2]float64{{{0, 0.2}, {0.3333, 0.2}, {0.4444, 0.2}, {0.5556, 0.2}, {0.6667, 0.2}, {0.6667, 1}, {0.7778, 1}, {0.8889, 1}, {1, 1}}}
	if diff := cmp.Diff(stairs, wanted.Parts); diff != "" || wanted.Last != "25%" {
		t.Errorf("wanted, last %s (-want +got):\n%s", wanted.Last, diff)
	}
	// What is not measured is not drawn.
	if diff := cmp.Diff([][][2]float64{{{0.3333, 0.1972}, {0.4444, 0.1972}, {0.5556, 0.1972}}}, live.Parts); diff != "" || live.Last != "not measured" {
		t.Errorf("live, last %s (-want +got):\n%s", live.Last, diff)
	}
	evidence := p.Objectives[0].Evidence
	if last := evidence.Lines[1].Parts[0]; evidence.Lines[1].Last != ">999" || last[0][1] != 0.25 || last[2][1] != 0.75 || last[5][1] != 1 {
		t.Errorf("evidence for is %v, last %s", last, evidence.Lines[1].Last)
	}
	if diff := cmp.Diff([]view.Limit{{At: 0.75, Text: "aborts at 100", Kind: "against"}, {At: 0.5753, Text: "passes at 20", Kind: "for"}}, evidence.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	canary := p.Objectives[0].Share.Lines[1]
	if canary.Last != "0.08% (0.04% to 0.19%)" || len(canary.Band) != 7 {
		t.Errorf("the canary's share is %s, with %d pieces of its band", canary.Last, len(canary.Band))
	}
}

func TestTheWeightsBeforeTheFirstLookAreDrawn(t *testing.T) {
	s := shifting()
	seen, _ := view.NewTrace(s, now)
	seen.Add(s, now)
	s.Status.Release.Weight = "25%"
	seen.Add(s, now.Add(5*time.Minute))
	// The axis begins four minutes before the first look and ends eight after it; the top is 25%.
	p := view.PlotsOf(seen, now.Add(8*time.Minute))
	want := [][][2]float64{{{0, 0.008}, {0.0833, 0.008}, {0.0833, 0.04}, {0.2222, 0.04}, {0.2222, 0.2}, {0.3333, 0.2}, {0.75, 0.2}, {0.75, 1}, {1, 1}}}
	if diff := cmp.Diff(want, p.Weight.Lines[0].Parts); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
	// With less recorded, less from before is shown, beginning at the level that it had.
	p = view.PlotsOf(seen, now.Add(5*time.Minute+time.Second))
	if first := p.Weight.Lines[0].Parts[0][0]; first != [2]float64{0, 0.04} {
		t.Errorf("it begins at %v", first)
	}
	if !strings.HasSuffix(p.Note, "and the weight at that time was written at 11:58:40.") {
		t.Errorf("the note is %q", p.Note)
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
	if _, runs := view.NewTrace(s, now); runs {
		t.Error("a release that has ended is recorded")
	}
}

// Nothing in a status makes a plot leave its frame.
func TestOddSamplesStayInTheFrame(t *testing.T) {
	s := shifting()
	r := s.Status.Release
	r.Weight, r.LiveWeight, r.Plan.Confidence.FalsePromote = "0.0001%", "100%", "0.01%"
	r.Objectives[0] = v1alpha1.ObjectiveStatus{Name: "availability", Against: "1e300", For: "+Inf", Canary: v1alpha1.ArmCounts{Requests: -5, Bad: 9}, Stable: v1alpha1.ArmCounts{Requests: math.MaxInt64, Bad: math.MaxInt64}}
	r.Baseline = &v1alpha1.Baseline{Objectives: []v1alpha1.BaselineObjective{{Name: "availability", Phi: "1e308"}, {Name: "another"}}}
	seen, _ := view.NewTrace(s, now)
	seen.Add(s, now)
	p := view.PlotsOf(seen, now.Add(-time.Hour))
	lines := p.Weight.Lines
	for _, o := range p.Objectives {
		lines = append(append(lines, o.Share.Lines...), o.Evidence.Lines...)
	}
	for _, l := range lines {
		for _, part := range l.Parts {
			for _, point := range part {
				if !(point[0] >= 0 && point[0] <= 1 && point[1] >= 0 && point[1] <= 1) {
					t.Errorf("%s has %v", l.Name, point)
				}
			}
		}
		for _, b := range l.Band {
			if !(b[0] >= 0 && b[1] >= 0 && b[1] <= b[2] && b[2] <= 1) {
				t.Errorf("the band of %s has %v", l.Name, b)
			}
		}
	}
}
