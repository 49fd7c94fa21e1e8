package evidence

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
	pkgrelease "github.com/stagger-dev/stagger/pkg/release"
)

// patience is how many slices the newest counts may be late.
const patience = 3

// Reading returns what is known of a release of a TrafficShift, and changes nothing. It is false when the release is not counted: then
// it may hold Pods only, as it may in any case. The rate of the question's Pace is the one that was counted.
func (l *Loop) Reading(key types.NamespacedName, number int64, q pkgevidence.Question) (Reading, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var reading Reading
	known := true
	if r, ok := l.releases[key]; ok && r.number == number {
		reading = r.reading(l.slice, q)
	} else if x, ok := l.refused[key]; ok && x.number == number {
		reading = Reading{Reason: v1alpha1.ReasonNoData, Message: x.message}
	} else {
		known = false
	}
	if x, ok := l.suspects[key]; ok && x.number == number {
		reading.Pods = x.known()
	}
	return reading, known
}

// Breached says whether the counts blame a release that is not judged yet, as the Verdict of its next Reading will say.
func (l *Loop) Breached(key types.NamespacedName, number int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.releases[key]
	return ok && r.number == number && r.tests.Breached()
}

// reading is what is known of the release.
func (r *release) reading(slice time.Duration, q pkgevidence.Question) Reading {
	rate := r.rate()
	if q.Pace != nil {
		pace := *q.Pace
		pace.Rate = rate
		q.Pace = &pace
	}
	reading := Reading{
		Rate: rate, Silence: r.silence(), Past: r.past,
		Verdict:    r.tests.Verdict(q),
		Checkpoint: r.checkpoint(),
		Through:    r.source.ours(r.tests.Through()),
		Counted:    r.countedUntil(),
		Gaps:       slices.Clone(r.missed.Gaps),
		Since:      r.since,
		Seen:       r.seen,
		Remarks:    append(slices.Clone(r.remarks), r.ends.remarks()...),
		OneStatus:  r.ends.oneStatus(),
	}
	reading.AllIn = !r.End.IsZero() && !reading.Counted.Before(r.End)
	if r.clientErrors != nil {
		v := r.clientErrors.Verdict(pkgevidence.Question{})
		reading.ClientErrors = pkgrelease.ClientErrors{Arms: v.Objectives[0].Release, Differ: v.Suspicious || v.State == pkgevidence.Breach}
	}
	window, over := r.window(), r.source.over(r.pair())
	var span time.Duration
	for _, t := range r.lately {
		if t.end.After(over.Add(-window)) {
			reading.Lately = plus(reading.Lately, t.arms)
			span += t.end.Sub(t.start)
		}
	}
	c := r.currency(slice)
	if c.fresh() && r.counted() && span >= window && reading.Lately.Stable.Requests+reading.Lately.Canary.Requests == 0 {
		c = currency{v1alpha1.ReasonNoTraffic, fmt.Sprintf("No request of %s or its canary has ended with an answer in the last %s; requests are counted when they end", r.Stable, window)}
		reading.Fresh = true
	}
	reading.Fresh = reading.Fresh || c.fresh()
	reading.Reason, reading.Message = c.reason, c.message
	return reading
}

// rate is the traffic of the last minutes.
func (r *release) rate() float64 {
	var requests, seconds float64
	from := r.source.over(r.pair()).Add(-max(r.window(), rateSpan))
	for _, t := range r.lately {
		if t.end.After(from) {
			requests += t.arms.Stable.Requests + t.arms.Canary.Requests
			seconds += t.end.Sub(t.start).Seconds()
		}
	}
	if seconds == 0 {
		return 0
	}
	return requests / seconds
}

// silence is for how long no request was reported, beyond the time between two reports, up to the end of what is counted.
func (r *release) silence() time.Duration {
	var last, since time.Time
	for i, t := range r.lately {
		if i == 0 {
			since = t.start
		}
		if t.arms.Stable.Requests+t.arms.Canary.Requests > 0 {
			since = t.end
		}
		last = t.end
	}
	return max(last.Sub(since)-r.timing().Interval, 0)
}

// currency says whether the release's evidence is current now.
func (r *release) currency(slice time.Duration) currency {
	newest := r.asked
	if r.counted() {
		newest = r.through
	}
	now, edge := r.source.now(), r.source.over(r.pair())
	over := r.over(edge)
	late, lag := over.Sub(newest), ""
	if behind := edge.Sub(over); behind > patience*slice {
		lag = fmt.Sprintf("; reports arrive %s late", now.Sub(over).Round(time.Second))
	}
	switch {
	case r.source.silent:
		return r.source.state
	case r.asked.IsZero():
		return currency{v1alpha1.ReasonPending, fmt.Sprintf("%s has not been asked yet", r.source)}
	case newest.After(now.Add(slice)):
		return currency{v1alpha1.ReasonClockSkew, fmt.Sprintf("%s was counted up to a time that is still %s away there: its clock was set back, or others answer by another one",
			r.source, newest.Sub(now).Round(time.Second))}
	case !r.current.fresh():
		return r.current
	case r.source.skew() != currency{}:
		return r.source.skew()
	case late > patience*slice:
		return currency{v1alpha1.ReasonStale, fmt.Sprintf(
			"Everything up to %s is counted; the %s since then are being caught up with", r.source.ours(newest).UTC().Format(time.RFC3339), late.Round(time.Second))}
	}
	return currency{v1alpha1.ReasonCurrent, fmt.Sprintf("Everything up to %s is counted%s", r.source.ours(newest).UTC().Format(time.RFC3339), lag)}
}
