package evidence

import (
	"fmt"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// recent is the least time over which recent traffic is added up.
const recent = 30 * time.Second

// currency says whether evidence is current, and what is in its way.
type currency struct {
	reason  v1alpha1.Reason
	message string
}

func (c currency) fresh() bool { return c.reason == v1alpha1.ReasonCurrent }

// answer is what a source says of one slice. When void is set, nothing else is.
type answer struct {
	void      *currency
	freshness map[counting.Service]counting.Freshness
	counts    map[counting.Service]counting.Counts
}

// release is the bookkeeping of one tracked release. The Loop's mutex guards it.
type release struct {
	Target
	source *source
	tests  *pkgevidence.Tests

	through time.Time // end of the last slice; zero: none was asked for
	weight  Weight    // zero until this process was told of one
	weighed bool      // there was a weight, also before a restart
	last    move      // the tests' present step, when weighed

	looked  time.Time // when the scrapes were last looked at
	current currency
	seen    bool
	since   pkgevidence.Arms
	lately  []tally
}

// tally is the traffic of one slice.
type tally struct {
	end  time.Time
	arms pkgevidence.Arms
}

func (r *release) stable() counting.Service {
	return counting.Service{Namespace: r.Key.Namespace, Name: r.Stable}
}

func (r *release) canary() counting.Service {
	return counting.Service{Namespace: r.Key.Namespace, Name: r.Canary}
}

// counted tells whether slices are asked for, and not freshness alone.
func (r *release) counted() bool { return !r.weight.WrittenAt.IsZero() }

// weigh takes over what the record says. The first weight of a release is no new step of its tests.
func (r *release) weigh(w Weight, slice time.Duration) {
	next := move{step: w.Step, back: w.StepsBack, alone: w.Alone, wasAlone: r.last.wasAlone}
	if r.weighed && (r.last.step != next.step || r.last.back != next.back) {
		next.wasAlone = r.last.alone
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
	r.weighed, r.last, r.weight = true, next, w
}

// spread is how long the mesh takes at the least until its proxies follow a write: what is counted before shows the old weight.
const spread = 500 * time.Millisecond

// take takes one slice, fresh or void.
func (r *release) take(i counting.Interval, a answer, window time.Duration) {
	r.through = i.End
	r.look(i.End, a)
	before := i.Start.Before(r.weight.WrittenAt)
	alone := r.last.alone
	if before {
		alone = r.last.wasAlone
	}
	if r.current.fresh() {
		r.current = r.based(a, alone)
	}
	if !r.current.fresh() {
		r.tests.Void(i.Start, i.End, r.current.message)
		return
	}
	r.seen = true
	arms := pkgevidence.Arms{Stable: countsOf(a, r.stable()), Canary: countsOf(a, r.canary())}
	n := len(r.Config.Objectives)
	r.tests.Add(pkgevidence.Slice{
		From: i.Start, To: i.End,
		Stable: slices.Repeat([]pkgevidence.Counts{arms.Stable}, n), Canary: slices.Repeat([]pkgevidence.Counts{arms.Canary}, n),
		Settled: !before && r.weight.SettledAt != nil && !i.Start.Before(*r.weight.SettledAt),
		Alone:   alone,
	})
	if !i.Start.Before(r.weight.WrittenAt.Add(spread)) {
		r.since = plus(r.since, arms)
	}
	r.lately = append(r.lately, tally{end: i.End, arms: arms})
	r.lately = slices.DeleteFunc(r.lately, func(t tally) bool { return !t.end.After(i.End.Add(-window)) })
}

// based is fresh when every arm that somebody has reported about has counts. One without has series that begin anew, after a
// gap longer than the look-back: nobody knows how many requests it had, and none would be a guess.
func (r *release) based(a answer, alone bool) currency {
	arms := []counting.Service{r.canary()}
	if !alone {
		arms = append(arms, r.stable())
	}
	for _, arm := range arms {
		if _, known := a.counts[arm]; !known && a.freshness[arm].Targets > 0 {
			return currency{v1alpha1.ReasonNoData, fmt.Sprintf(
				"Prometheus has no earlier sample of the callers of %s to count from; counting begins with the next", arm)}
		}
	}
	return currency{reason: v1alpha1.ReasonCurrent}
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
	stable, canary := a.freshness[r.stable()], a.freshness[r.canary()]
	switch {
	case r.weight.Alone && canary.Targets > 0:
		r.current = scrapes(r.canary(), canary)
	case stable.Current() && canary.Targets > 0:
		r.current = scrapes(r.canary(), canary)
	default:
		// A canary that nobody has reported about had no requests: the same callers' proxies report both arms.
		r.current = scrapes(r.stable(), stable)
	}
}

func scrapes(of counting.Service, f counting.Freshness) currency {
	switch {
	case f.Targets == 0:
		return currency{v1alpha1.ReasonNoData, fmt.Sprintf(
			"Prometheus has no istio_requests_total of callers of %s; send it requests through the mesh, or check that the callers' proxies are scraped", of)}
	case !f.Current():
		return currency{v1alpha1.ReasonStale, fmt.Sprintf(
			"Only %d of %d proxies that call %s are scraped with success; nothing is counted until nine tenths are", f.Fresh, f.Targets, of)}
	}
	return currency{reason: v1alpha1.ReasonCurrent}
}

func countsOf(a answer, arm counting.Service) pkgevidence.Counts {
	c := a.counts[arm]
	return pkgevidence.Counts{Requests: c.Requests, Bad: c.Bad}
}

func plus(a, b pkgevidence.Arms) pkgevidence.Arms {
	a.Stable.Requests += b.Stable.Requests
	a.Stable.Bad += b.Stable.Bad
	a.Canary.Requests += b.Canary.Requests
	a.Canary.Bad += b.Canary.Bad
	return a
}
