package view_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/view"
)

// Whatever was seen, an axis goes from somewhere to somewhere else, every value can be drawn, and what was not measured is not 0.
func TestAxesOfWhatHasNoExtent(t *testing.T) {
	counts := func(requests, bad int64) v1alpha1.ArmCounts { return v1alpha1.ArmCounts{Requests: requests, Bad: bad} }
	objective := func(stable, canary v1alpha1.ArmCounts, evidence string) v1alpha1.ObjectiveStatus {
		return v1alpha1.ObjectiveStatus{Name: "availability", Stable: stable, Canary: canary, Against: evidence, For: evidence}
	}
	bare := func(r *v1alpha1.Release) { r.Plan.Objectives = nil } // so that nothing is allowed
	cases := map[string]struct {
		change        func(*v1alpha1.Release)
		looks         int
		weight, share float64 // the tops of the axes
		evidence      float64
		live, canary  []float64
	}{
		"nothing but zeros": {func(r *v1alpha1.Release) {
			bare(r)
			r.Weight, r.LiveWeight, r.Objectives = "0%", "0%", []v1alpha1.ObjectiveStatus{objective(counts(900, 0), counts(100, 0), "0")}
		}, 1, 1, 1, 1000, []float64{0, 0}, []float64{0, 0}},
		"no request and no weight": {func(r *v1alpha1.Release) {
			bare(r)
			r.Weight, r.LiveWeight, r.Objectives = "", "", []v1alpha1.ObjectiveStatus{objective(counts(0, 0), counts(0, 0), "")}
		}, 1, 1, 1, 1000, []float64{-1, -1}, []float64{-1, -1}},
		"one look": {func(r *v1alpha1.Release) {
			r.Objectives = []v1alpha1.ObjectiveStatus{objective(counts(900, 9), counts(100, 1), "1")}
		}, 1, 5.25, 4.2, 1000, []float64{4.93, 4.93}, []float64{1, 1}},
		"all bad": {func(r *v1alpha1.Release) {
			r.Weight, r.LiveWeight, r.Objectives = "100%", "100%", []v1alpha1.ObjectiveStatus{objective(counts(0, 0), counts(100, 100), "1e300")}
		}, 1, 100, 100, 1000, []float64{100, 100}, []float64{100, 100}},
		"no numbers": {func(r *v1alpha1.Release) {
			bare(r)
			r.Weight, r.LiveWeight, r.Objectives = "NaN", "Inf%", []v1alpha1.ObjectiveStatus{objective(counts(-1, -1), counts(-5, 9), "NaN")}
		}, 1, 1, 1, 1000, []float64{-1, -1}, []float64{-1, -1}},
		"the smallest weight": {func(r *v1alpha1.Release) {
			r.Weight, r.LiveWeight, r.Objectives = "0.0001%", "", []v1alpha1.ObjectiveStatus{objective(counts(math.MaxInt64, math.MaxInt64), counts(1, 0), "+Inf")}
		}, 1, 0.000105, 100, 1000, []float64{-1, -1}, []float64{0, 0}},
		"a limit beyond the axis": {func(r *v1alpha1.Release) {
			r.Plan.Confidence.FalsePromote = "0.001%"
			r.Objectives = []v1alpha1.ObjectiveStatus{objective(counts(900, 9), counts(100, 1), "20000")}
		}, 1, 5.25, 4.2, 100_000, []float64{4.93, 4.93}, []float64{1, 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := shifting()
			s.Status.Release.Weights, s.Status.Release.StepStartedAt = nil, nil
			c.change(s.Status.Release)
			seen, _ := view.NewTrace(s, now)
			seen.Add(s, now)
			p := view.PlotsOf(seen, now)
			if _, err := json.Marshal(p); err != nil {
				t.Fatal(err)
			}
			o := p.Objectives[0]
			if diff := cmp.Diff([]float64{c.weight, c.share, c.evidence}, []float64{p.Weight.Top, o.Share.Top, o.Evidence.Top}); diff != "" {
				t.Errorf("tops of the axes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.live, numbers(p.Weight.Lines[1].Values)) + cmp.Diff(c.canary, numbers(o.Share.Lines[1].Values)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			for _, plot := range []view.Plot{*p.Weight, o.Share, o.Evidence} {
				if !(plot.Bottom >= 0 && plot.Top > plot.Bottom) || plot.Logarithmic == (plot.Bottom == 0) {
					t.Errorf("%s goes from %v to %v", plot.Title, plot.Bottom, plot.Top)
				}
				if slices.ContainsFunc(plot.Limits, func(l view.Limit) bool { return l.Value > plot.Top }) {
					t.Errorf("%s has limits %+v beyond %v", plot.Title, plot.Limits, plot.Top)
				}
			}
		})
	}
}

// late is a release that was taken back before anybody looked, with the steps of its record.
func late() *v1alpha1.TrafficShift {
	return with(aborted(), func(s *v1alpha1.TrafficShift) {
		r := s.Status.Release
		decided := metav1.NewMicroTime(now.Add(-90 * time.Second))
		r.Moves, r.StartedAt, r.FinishedAt, r.Outcome.DecidedAt, r.Weight = 2, *ago(5 * time.Minute), ago(time.Minute), &decided, "0%"
		r.Weights = []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: *ago(4 * time.Minute)}, {Weight: "5%", Step: 2, At: *ago(2 * time.Minute)}}
	})
}

// Who opens the dashboard when all is over sees what happened, as far as the record tells.
func TestAReleaseThatHadEndedIsShownByItsRecord(t *testing.T) {
	s := late()
	seen, known := view.NewTrace(s, now)
	if !known || seen.Add(s, now.Add(time.Minute)) {
		t.Fatal("the record of a release is known at once, and nothing new comes")
	}
	seen.Trouble = "To see more, ask more."
	p := view.PlotsOf(seen, now.Add(time.Hour))
	if diff := cmp.Diff([]float64{-300, -240, -120, -90, -60, -60}, since(p.Times)) + cmp.Diff([]float64{0, 1, 5, 0, 0, 0}, numbers(p.Weight.Lines[0].Values)); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	canary := numbers(p.Objectives[0].Share.Lines[1].Values)
	if canary[3] != -1 || canary[4] <= 0 || p.First != 4 || len(p.Samples) != 1 || p.Unseen != "only weights are recorded" {
		t.Errorf("the canary's share is %v, known from the place %d on", canary, p.First)
	}
	if live := numbers(p.Weight.Lines[1].Values); slices.Max(live) != -1 {
		t.Errorf("the live weight is %v", live)
	}
	if want := "From the record of the release, which had ended before this dashboard first saw it: the weights as they were written, counts and evidence as they were at its end. To see more, ask more."; p.Note != want {
		t.Errorf("the note is %q", p.Note)
	}
	s.Status.Release.Objectives[0].Canary.Requests += 5
	if !seen.Add(s, now) || len(seen.Samples) != 1 {
		t.Error("what is counted after the end is not taken")
	}
}

// What each weight rested on is drawn where it was written, also where a Prometheus tells the counts between; when the canary's traffic was
// taken away for a while, so is that.
func TestTheEvidenceAtEachWeightIsDrawn(t *testing.T) {
	s := late()
	r := s.Status.Release
	r.Plan.Objectives, r.Objectives = r.Plan.Objectives[:1], r.Objectives[:1]
	at := func(bad int64, against string) []v1alpha1.ObjectiveStatus {
		return []v1alpha1.ObjectiveStatus{{Name: "availability", Stable: v1alpha1.ArmCounts{Requests: 900}, Canary: v1alpha1.ArmCounts{Requests: 100, Bad: bad}, Against: against, For: "30"}}
	}
	r.Moves, r.Weights = 4, []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: *ago(4 * time.Minute), Until: ago(210 * time.Second)},
		{Weight: "1%", Step: 1, At: *ago(3 * time.Minute), Until: ago(150 * time.Second), Objectives: at(0, "0.5")},
		{Weight: "5%", Step: 2, At: *ago(150 * time.Second), Until: ago(2 * time.Minute), Objectives: at(1, "2")},
		{Weight: "10%", Step: 3, At: *ago(2 * time.Minute), Until: ago(91 * time.Second), Objectives: at(2, "7")}}
	r.Objectives[0].Against = "120"
	seen, _ := view.NewTrace(s, now)
	p := view.PlotsOf(seen, now)
	if diff := cmp.Diff([]float64{-300, -240, -210, -180, -150, -120, -91, -60, -60}, since(p.Times)) +
		cmp.Diff([]float64{0, 1, 0, 1, 5, 10, 0, 0, 0}, numbers(p.Weight.Lines[0].Values)); diff != "" || p.First != 3 {
		t.Errorf("from the place %d on (-want +got):\n%s", p.First, diff)
	}
	o := p.Objectives[0]
	if diff := cmp.Diff([]float64{-1, -1, -1, 0, 1, 2, -1}, numbers(o.Share.Lines[1].Values)[:7]) +
		cmp.Diff([]float64{-1, -1, -1, 0.5, 2, 7, -1, 120, 120}, numbers(o.Evidence.Lines[0].Values)); diff != "" {
		t.Errorf("the canary's share, and the evidence against it (-want +got):\n%s", diff)
	}
	if last := p.Samples[len(p.Samples)-2]; len(p.Samples) != 5 || last.Shares[0] != "no counts are known of this time" || p.Samples[2].Evidence[0] != "against 7.0, for 30" {
		t.Errorf("in words: %+v", p.Samples)
	}
	if want := "the weights as they were written, counts and evidence as they were then and at its end."; !strings.HasSuffix(p.Note, want) {
		t.Errorf("the note is %q", p.Note)
	}
	step := func(ago time.Duration) view.PastCounts {
		return view.PastCounts{At: now.Add(-ago), Points: []view.PastPoint{{Known: true, Stable: counting.Counts{Requests: 90}, Canary: counting.Counts{Requests: 10, Bad: 1}}}}
	}
	seen.Remember("Prometheus", time.Minute, []view.PastCounts{step(3 * time.Minute), step(2 * time.Minute), step(70 * time.Second)})
	p = view.PlotsOf(seen, now)
	if diff := cmp.Diff([]float64{-300, -240, -210, -180, -120, -70, -60, -60}, since(p.Times)) +
		cmp.Diff([]float64{-1, -1, -1, 10, 10, 10}, numbers(p.Objectives[0].Share.Lines[1].Values)[:6]) +
		cmp.Diff([]float64{-1, -1, -1, 0.5, 7, -1, 120, 120}, numbers(p.Objectives[0].Evidence.Lines[0].Values)); diff != "" {
		t.Errorf("with what a Prometheus tells (-want +got):\n%s", diff)
	}
	if !strings.Contains(p.Note, "the evidence as it was then, the counts as they were at its end. What was before that is from Prometheus: ") {
		t.Errorf("the note is %q", p.Note)
	}
}

// What a Prometheus tells is added up from the first weight on; what it does not know is a gap and no zero.
func TestWhatAPrometheusTellsIsBeforeTheFirstLook(t *testing.T) {
	s := late()
	s.Status.Release.Plan.Objectives = s.Status.Release.Plan.Objectives[:1]
	s.Status.Release.Objectives = s.Status.Release.Objectives[:1]
	seen, _ := view.NewTrace(s, now)
	from, to := seen.Asks()
	if !from.Equal(now.Add(-4*time.Minute)) || !to.Equal(now.Add(-time.Minute)) {
		t.Errorf("it asks for %s to %s", from, to)
	}
	step := func(ago time.Duration, known bool, stable, canary, bad float64) view.PastCounts {
		return view.PastCounts{At: now.Add(-ago), Points: []view.PastPoint{{Known: known, Stable: counting.Counts{Requests: stable}, Canary: counting.Counts{Requests: canary, Bad: bad}}}}
	}
	seen.Remember("Prometheus at http://prom:9090", 30*time.Second, []view.PastCounts{step(210*time.Second, true, 99, 1, 0), step(180*time.Second, true, 100, 0, 0),
		step(150*time.Second, false, 0, 0, 0), step(100*time.Second, true, 90, 10, 5), step(70*time.Second, true, 0, 0, 0), step(0, true, 7, 7, 7)})
	p := view.PlotsOf(seen, now)
	if diff := cmp.Diff([]float64{-300, -240, -210, -180, -150, -100, -70, -60, -60}, since(p.Times)); diff != "" || p.First != 2 {
		t.Errorf("from the place %d on (-want +got):\n%s", p.First, diff)
	}
	if diff := cmp.Diff([]float64{0, 1, 1, 1, 1, 5, 0, 0, 0}, numbers(p.Weight.Lines[0].Values)) + cmp.Diff([]float64{-1, -1, 1, 0, -1, 10, -1, -1, -1}, numbers(p.Weight.Lines[1].Values)); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	if got := numbers(p.Objectives[0].Share.Lines[1].Values)[:7]; !cmp.Equal([]float64{-1, -1, 0, 0, -1, 45.454545, 45.454545}, got) {
		t.Errorf("the canary's share is %v", got)
	}
	if p.Samples[2].Shares[0] != "no counts are known of this time" || p.Samples[2].Weight != "wanted 1%, live not measured" || !strings.Contains(p.Samples[3].Shares[0], "canary 45.4% of 11") {
		t.Errorf("in words: %+v", p.Samples[2:4])
	}
	if want := " What was before that is from Prometheus at http://prom:9090: the counts of each 30s up to 11:58:50; a gap is a time of which it knows nothing."; !strings.HasSuffix(p.Note, want) {
		t.Errorf("the note is %q", p.Note)
	}
}

func TestAPrometheusThatKnowsNothingIsSaidTo(t *testing.T) {
	seen, _ := view.NewTrace(late(), now)
	seen.Remember("Prometheus at http://prom:9090", 30*time.Second, []view.PastCounts{{At: now.Add(-2 * time.Minute), Points: make([]view.PastPoint, len(seen.Names))}})
	if p := view.PlotsOf(seen, now); !strings.HasSuffix(p.Note, " Prometheus at http://prom:9090 knows nothing of that time that could be believed.") || len(p.Samples) != 1 {
		t.Errorf("%d samples, and the note is %q", len(p.Samples), p.Note)
	}
}

// What was before the first look at a release that still runs is asked for too, and nothing where it had no weight yet.
func TestAsksForTheTimeBeforeTheFirstLook(t *testing.T) {
	seen, _ := view.NewTrace(shifting(), now)
	if from, to := seen.Asks(); !to.Equal(now) || !from.Before(to) {
		t.Errorf("it asks for %s to %s", from, to)
	}
	early, _ := view.NewTrace(preparing(), now)
	if from, to := early.Asks(); from.Before(to) {
		t.Errorf("before the first weight it asks for %s to %s", from, to)
	}
}
