package view

import (
	"cmp"
	"math"
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

// recorded is what the record of a release that has ended tells.
func (t *Trace) recorded(r *v1alpha1.Release) []Sample {
	return []Sample{t.sampleOf(r, t.Since)}
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
	all = append(all, r.Weights...)
	if len(r.Weights) == 0 && r.StepStartedAt != nil { // an older operator tells of the present weight only
		all = append(all, v1alpha1.WrittenWeight{Weight: cmp.Or(r.Weight, "0%"), Step: r.Step, At: *r.StepStartedAt})
	}
	if o := r.Outcome; o != nil && o.Result == v1alpha1.StateAborted && o.DecidedAt != nil && len(r.Weights) > 0 {
		all = append(all, v1alpha1.WrittenWeight{Weight: "0%", Step: r.Step, At: metav1.NewTime(o.DecidedAt.Time)})
	}
	return all
}

// note says where the plots are from, and what is known of the time before the first look.
func (t *Trace) note(now time.Time) string {
	clock := func(at time.Time) string { return clockOf(at, now) }
	text := "From the record of the release, which had ended before this dashboard first saw it: the weights as they were written, counts and evidence" +
		" as they were at its end."
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
