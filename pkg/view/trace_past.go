package view

import (
	"cmp"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// PastCounts are what a Prometheus counted of a release in a step of time that ends at At; Points are in the order of Trace.Names.
type PastCounts struct {
	At     time.Time
	Points []PastPoint
}

// PastPoint is one objective in a step. Unless it is Known, nothing is known of its counts.
type PastPoint struct {
	Known          bool
	Stable, Canary counting.Counts
}

// Asks is the time that a Prometheus can be asked about, to know what was before the first look: from the first weight on. It is empty where
// there was none before, so that there is nothing to ask.
func (t *Trace) Asks() (from, to time.Time) {
	for _, b := range t.Before {
		if b.Weight.Millionths() > 0 && b.At.Before(&metav1.Time{Time: t.Since}) {
			return b.At.Time, t.Since
		}
	}
	return t.Since, t.Since
}

// Remember takes what a Prometheus, called source, counted before the first look, in steps, oldest first. Steps of which nothing is known leave
// gaps; where nothing is known of any, that is said.
func (t *Trace) Remember(source string, step time.Duration, past []PastCounts) {
	t.Source, t.Step, t.Past, t.Trouble = source, step, nil, ""
	sums, known := make([]struct{ stable, canary counting.Counts }, len(t.Names)), false
	for _, c := range past {
		if len(c.Points) != len(t.Names) || !c.At.Before(t.Since) {
			continue
		}
		s := Sample{At: c.At, Wanted: t.wantedAt(c.At), Live: -1}
		for i, p := range c.Points {
			point := Point{Unknown: !p.Known, Against: -1, For: -1}
			if all := p.Stable.Requests + p.Canary.Requests; p.Known && all > 0 && s.Live < 0 {
				s.Live = p.Canary.Requests / all
			}
			if known = known || p.Known; p.Known {
				sum := &sums[i]
				sum.stable, sum.canary = added(sum.stable, p.Stable), added(sum.canary, p.Canary)
				point.Stable, point.Canary = armOf(sum.stable), armOf(sum.canary)
			}
			s.Points = append(s.Points, point)
		}
		t.Past = append(t.Past, s)
	}
	if known && t.Late {
		t.proven()
	}
	if !known {
		t.Past, t.Trouble = nil, source+" knows nothing of that time that could be believed."
	}
}

func added(a, b counting.Counts) counting.Counts {
	return counting.Counts{Requests: a.Requests + b.Requests, Bad: a.Bad + b.Bad}
}

func armOf(c counting.Counts) Arm {
	return Arm{Requests: int64(math.Round(c.Requests)), Bad: int64(math.Round(c.Bad))}
}

// wantedAt is the weight in the routes at a time before the first look, as a share; negative where it is not recorded any more.
func (t *Trace) wantedAt(at time.Time) float64 {
	wanted := -1.0
	for _, b := range t.Before {
		if !b.At.After(at) {
			wanted = b.Weight.Fraction()
		}
	}
	return wanted
}

// proven takes the evidence that each weight rested on into the first step of the past that ends after it was written.
func (t *Trace) proven() {
	for _, s := range t.Samples[:len(t.Samples)-len(t.newest())] {
		at := slices.IndexFunc(t.Past, func(p Sample) bool { return !p.At.Before(s.At) })
		for i := 0; at >= 0 && i < len(s.Points); i++ {
			t.Past[at].Points[i].Against, t.Past[at].Points[i].For = s.Points[i].Against, s.Points[i].For
		}
	}
}

// newest are the samples that the past does not tell more of.
func (t *Trace) newest() []Sample {
	if n := len(t.Samples); t.Late && len(t.Past) > 0 {
		return t.Samples[n-1:]
	}
	return t.Samples
}

// recorded is what the record of a release that has ended tells: the counts and the evidence when each weight was written, from the first on
// of which it has them, and at the end.
func (t *Trace) recorded(r *v1alpha1.Release) []Sample {
	var all []Sample
	for _, w := range t.Before {
		if len(all)+len(w.Objectives) == 0 || !w.At.Time.Before(t.Since) {
			continue
		}
		s := Sample{At: w.At.Time, Wanted: w.Weight.Fraction(), Live: -1}
		for _, name := range t.Names {
			point := Point{Unknown: true, Against: -1, For: -1}
			if i := slices.IndexFunc(w.Objectives, func(o v1alpha1.ObjectiveStatus) bool { return clean(o.Name) == name }); i >= 0 {
				point = pointOf(w.Objectives[i])
			}
			s.Points = append(s.Points, point)
		}
		all = append(all, s)
	}
	return append(all, t.sampleOf(r, t.Since))
}

// endOf is when a release ended, as far as its record tells, and at the latest now.
func endOf(r *v1alpha1.Release, now time.Time) time.Time {
	end := r.StartedAt.Time
	if r.StepStartedAt != nil && r.StepStartedAt.After(end) {
		end = r.StepStartedAt.Time
	}
	if r.FinishedAt != nil && r.FinishedAt.After(end) {
		end = r.FinishedAt.Time
	}
	if end.IsZero() || end.After(now) {
		return now
	}
	return end
}

// writtenWeights are the weights of a release with their times, oldest first, as far as they are recorded: from none at its start, when all are,
// to none when it was taken back.
func writtenWeights(r *v1alpha1.Release) []v1alpha1.WrittenWeight {
	var all []v1alpha1.WrittenWeight
	if int(r.Moves) == len(r.Weights) && len(r.Weights) > 0 && !r.StartedAt.IsZero() && r.State.Ended() {
		all = append(all, v1alpha1.WrittenWeight{Weight: "0%", At: r.StartedAt})
	}
	for i, w := range r.Weights {
		all = append(all, w)
		if left := leftAt(r, i); left != nil {
			all = append(all, v1alpha1.WrittenWeight{Weight: "0%", Step: w.Step, At: *left})
		}
	}
	if len(r.Weights) == 0 && r.StepStartedAt != nil { // an older operator tells of the present weight only
		all = append(all, v1alpha1.WrittenWeight{Weight: cmp.Or(r.Weight, "0%"), Step: r.Step, At: *r.StepStartedAt})
	}
	return all
}

// leftAt is when the canary's traffic was taken away from a weight, be it to be given again later; nil where another weight, or the handover,
// came after it, and where that is not recorded.
func leftAt(r *v1alpha1.Release, at int) *metav1.Time {
	left := r.Weights[at].Until
	if at+1 < len(r.Weights) {
		if left != nil && left.Before(&r.Weights[at+1].At) {
			return left
		}
		return nil
	}
	o := r.Outcome
	switch taken := o != nil && o.Result == v1alpha1.StateAborted; {
	case taken && left == nil && o.DecidedAt != nil: // an older operator does not tell when it was left
		return &metav1.Time{Time: o.DecidedAt.Time}
	case taken, r.Running() && r.Step == 0:
		return left
	}
	return nil
}

// note says where the plots are from, and what is known of the time before the first look.
func (t *Trace) note(now time.Time) string {
	clock := func(at time.Time) string { return clockOf(at, now) }
	text := "From the record of the release, which had ended before this dashboard first saw it: the weights as they were written, "
	switch {
	case len(t.Samples) == 1:
		text += "counts and evidence as they were at its end."
	case len(t.Past) == 0:
		text += "counts and evidence as they were then and at its end."
	default:
		text += "the evidence as it was then, the counts as they were at its end."
	}
	if !t.Late {
		text = "Recorded since " + clock(t.Since) + ", when this dashboard first saw the release."
		if !t.Started.IsZero() && t.Since.Sub(t.Started) >= 2*time.Second {
			text += " It had begun at " + clock(t.Started) + t.writtenBefore(clock) + "."
		}
	}
	switch n := len(t.Past); {
	case n > 0:
		text += " What was before that is from " + clean(t.Source) + ": the counts of each " + span(t.Step) + " up to " + clock(t.Past[n-1].At) +
			"; a gap is a time of which it knows nothing."
	case t.Trouble != "":
		text += " " + clean(t.Trouble)
	}
	return text
}

// writtenBefore says when the weight was written that was in force at the first look; "" where nothing was recorded of it.
func (t *Trace) writtenBefore(clock func(time.Time) string) string {
	n := len(t.Before)
	if n == 0 || !t.Before[n-1].At.After(t.Started) || !t.Before[n-1].At.Time.Before(t.Since) {
		return ""
	}
	return ", and the weight at that time was written at " + clock(t.Before[n-1].At.Time)
}
