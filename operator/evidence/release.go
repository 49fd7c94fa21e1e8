package evidence

import (
	"fmt"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// recent is the least time over which recent traffic is added up.
	recent = 30 * time.Second
	// rateSpan is the least time over which the rate of traffic is taken.
	rateSpan = 2 * time.Minute
)

// currency says whether evidence is current, and what is in its way.
type currency struct {
	reason  v1alpha1.Reason
	message string
}

func (c currency) fresh() bool { return c.reason == v1alpha1.ReasonCurrent }

// release is the bookkeeping of one tracked release. The Loop's mutex guards it.
type release struct {
	Target
	source *source
	tests  *pkgevidence.Tests

	through time.Time // end of the last slice; zero: none was asked for
	weight  Weight    // zero until this process was told of one
	moves   pkgevidence.Moves

	recalled bool // there is nothing more to ask about the stable's past
	past     *Past
	memory   memory

	looked  time.Time // when the scrapes were last looked at
	current currency
	seen    bool
	since   pkgevidence.Arms
	lately  []tally
}

// tally is the traffic of one slice.
type tally struct {
	start, end time.Time
	arms       pkgevidence.Arms
}

// counted tells whether slices are asked for, and not freshness alone.
func (r *release) counted() bool { return !r.weight.WrittenAt.IsZero() }

// weigh takes over what the record says. The first weight of a release is no new step of its tests.
func (r *release) weigh(w Weight, slice time.Duration) {
	if r.moves.Move(w.Move, w.Alone) {
		r.tests.NextStep(w.WrittenAt)
	}
	if !w.WrittenAt.Equal(r.weight.WrittenAt) {
		r.since = pkgevidence.Arms{}
	}
	if r.From.IsZero() {
		r.From = w.WrittenAt
	}
	if r.through.IsZero() {
		// The slice in which the first weight was written is counted too: its canary requests are of this release.
		r.through = r.From.Truncate(slice)
	}
	r.weight = w
}

// spread is how long the mesh takes at the least until its proxies follow a write: what is counted before shows the old weight.
const spread = 500 * time.Millisecond

// take takes one slice, fresh or void.
func (r *release) take(i counting.Interval, a answer, window time.Duration) {
	r.through = i.End
	r.look(i.End, a)
	s := pkgevidence.Slice{From: i.Start, To: i.End}
	r.moves.Place(&s, r.weight.WrittenAt, r.weight.SettledAt)
	for _, x := range r.Indicators {
		if r.current.fresh() {
			r.current = r.based(a, x, s.Alone)
		}
	}
	if !r.current.fresh() {
		r.tests.Void(i.Start, i.End, r.current.message)
		return
	}
	r.seen = true
	for _, x := range r.Indicators {
		s.Stable = append(s.Stable, countsOf(a, x, r.Stable))
		s.Canary = append(s.Canary, countsOf(a, x, r.Canary))
	}
	r.tests.Add(s)
	arms := pkgevidence.Arms{Stable: s.Stable[r.traffic()], Canary: s.Canary[r.traffic()]}
	if !i.Start.Before(r.weight.WrittenAt.Add(spread)) {
		r.since = plus(r.since, arms)
	}
	r.lately = append(r.lately, tally{start: i.Start, end: i.End, arms: arms})
	r.lately = slices.DeleteFunc(r.lately, func(t tally) bool { return !t.end.After(i.End.Add(-max(window, rateSpan))) })
}

// traffic is the objective whose requests are the Service's traffic: one of Istio's own counter where there is one.
func (r *release) traffic() int {
	return max(0, slices.IndexFunc(r.Indicators, func(x counting.Indicator) bool { return x.Kind == "" || x.Kind == counting.Requests }))
}

// based is fresh when every arm that somebody has reported about has counts by the indicator. One without has series that begin
// anew, after a gap longer than the look-back, or that contradict each other: nobody knows how many requests it had, and none
// would be a guess.
func (r *release) based(a answer, by counting.Indicator, alone bool) currency {
	said := a.by[by]
	if said.void != nil {
		return *said.void
	}
	arms := []counting.Service{r.Canary}
	if !alone {
		arms = append(arms, r.Stable)
	}
	for _, arm := range arms {
		if _, known := said.counts[arm]; !known && a.by[by.Carrier()].freshness[arm].Targets > 0 {
			return currency{v1alpha1.ReasonNoData, uncounted(by, arm)}
		}
	}
	return currency{reason: v1alpha1.ReasonCurrent}
}

func uncounted(by counting.Indicator, arm counting.Service) string {
	if by.Kind == counting.Duration {
		return fmt.Sprintf("Prometheus has no bucket of %s at %s of the callers of %s; make the objective's threshold an edge of that histogram, and see that it is scraped",
			by, by.Threshold, arm)
	}
	return fmt.Sprintf("Prometheus has no earlier sample of %s of the callers of %s to count from; counting begins with the next", by, arm)
}

// skip gives up everything before a time.
func (r *release) skip(to time.Time) {
	r.tests.Void(r.through, to, fmt.Sprintf("what happened before %s is too long ago to be counted", to.Format(time.RFC3339)))
	r.through = to
}

// look notes how current the scrapes are.
func (r *release) look(at time.Time, a answer) {
	r.looked = at
	if a.void != nil {
		r.current = *a.void
		return
	}
	for _, x := range r.Indicators {
		if r.current = r.scraped(a, x.Carrier()); !r.current.fresh() {
			return
		}
	}
}

// scraped says how current the scrapes of one carrier are.
func (r *release) scraped(a answer, by counting.Indicator) currency {
	said := a.by[by]
	if said.void != nil {
		return *said.void
	}
	stable, canary := said.freshness[r.Stable], said.freshness[r.Canary]
	switch {
	case r.weight.Alone && canary.Targets > 0:
		return scrapes(by, r.Canary, canary)
	case stable.Current() && canary.Targets > 0:
		return scrapes(by, r.Canary, canary)
	default:
		// A canary that nobody has reported about had no requests: the same callers' proxies report both arms.
		return scrapes(by, r.Stable, stable)
	}
}

func scrapes(by counting.Indicator, of counting.Service, f counting.Freshness) currency {
	switch {
	case f.Targets == 0:
		return currency{v1alpha1.ReasonNoData, fmt.Sprintf(
			"Prometheus has no %s of callers of %s; send it requests through the mesh, or check that the callers' proxies are scraped", by, of)}
	case !f.Current():
		return currency{v1alpha1.ReasonStale, fmt.Sprintf(
			"Only %d of %d proxies that call %s are scraped with success; nothing is counted until nine tenths are", f.Fresh, f.Targets, of)}
	}
	return currency{reason: v1alpha1.ReasonCurrent}
}

func countsOf(a answer, by counting.Indicator, arm counting.Service) pkgevidence.Counts {
	c := a.by[by].counts[arm]
	return pkgevidence.Counts{Requests: c.Requests, Bad: c.Bad}
}

func plus(a, b pkgevidence.Arms) pkgevidence.Arms {
	a.Stable.Requests += b.Stable.Requests
	a.Stable.Bad += b.Stable.Bad
	a.Canary.Requests += b.Canary.Requests
	a.Canary.Bad += b.Canary.Bad
	return a
}
