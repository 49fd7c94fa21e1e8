package evidence

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/metrics"
	pkgrelease "github.com/stagger-dev/stagger/pkg/release"
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

func troubled(t counting.Trouble) currency { return currency{t.Reason, t.Message} }

// release is the bookkeeping of one tracked release. The Loop's mutex guards it.
type release struct {
	Target
	key    types.NamespacedName
	number int64
	source *source
	tests  *pkgevidence.Tests
	// clientErrors compare the arms' client errors; nil: nobody wants that.
	clientErrors *pkgevidence.Tests

	through time.Time // end of the last slice; zero: none was asked for
	fresh   time.Time // end of the last slice that was fresh, or where counting began; zero: nothing is counted
	told    Weight    // that the record says; zero until this process was told of one
	weight  Weight    // by which is counted: the one that was told of, as soon as it is known which time that is at the source
	moves   pkgevidence.Moves

	pastKnown bool // there is nothing more to ask about the stable's past
	past      *Past
	collected collected
	turn      int // when a piece of it was asked for last; 0: never

	complete time.Time // up to when all reports can be seen; zero: nobody knows

	missed v1alpha1.Counted // whose Gaps could not be counted
	late   time.Time        // since when reports about the canary are late; zero: they are not

	asked   time.Time // up to when freshness was last asked for
	current currency
	remarks []string // of the last answers
	ends    ends
	seen    bool
	since   pkgevidence.Arms
	lately  []tally
}

// pair is the release as a source is asked about it.
func (r *release) pair() counting.Pair {
	return counting.Pair{Stable: r.Stable, Canary: r.Canary, Indicators: r.Indicators}
}

// counts is the release as it is asked for counts: one of its indicators tells how requests ended.
func (r *release) counts() counting.Pair {
	p := r.pair()
	if !isRequests(r.Indicators[r.traffic()]) {
		p.Indicators = append(slices.Clone(p.Indicators), counting.Indicator{})
	}
	return p
}

// split are the answers about the objectives, and the one that tells how requests ended.
func (r *release) split(answers []counting.Answer) (objectives []counting.Answer, ends counting.Answer) {
	n := len(r.Indicators)
	if len(answers) > n {
		return answers[:n], answers[n]
	}
	return answers, answers[r.traffic()]
}

func isRequests(i counting.Indicator) bool { return i.KindOrDefault() == counting.Requests }

// tally is the traffic of one slice.
type tally struct {
	start, end time.Time
	arms       pkgevidence.Arms
}

// timing is how the source keeps up with the release.
func (r *release) timing() counting.Timing { return r.source.Counter.Timing(r.pair()) }

// window is the time over which recent traffic is added up: at least two reports about every arm.
func (r *release) window() time.Duration { return max(recent, 2*r.timing().Interval) }

// counted tells whether what is answered is counted: there is a weight.
func (r *release) counted() bool { return !r.weight.WrittenAt.IsZero() }

// weigh takes over what the record says. The first weight of a release is no new step of its tests.
func (r *release) weigh(w Weight, slice time.Duration) {
	written := r.source.at(w.WrittenAt)
	if !r.Over && r.moves.Move(w.Move, w.Alone) {
		r.tests.NextStep(written)
		if r.clientErrors != nil {
			r.clientErrors.NextStep(written)
		}
	}
	if !r.Over && r.moves.Excuse(w.Excused) {
		r.tests.Excuse()
	}
	if !w.WrittenAt.Equal(r.weight.WrittenAt) {
		r.since = pkgevidence.Arms{}
	}
	if r.From.IsZero() {
		r.From = w.WrittenAt
	}
	if r.through.IsZero() {
		// The slice in which the first weight was written is counted too: its canary requests are of this release. The write lies less than
		// the rounding before the time that was recorded.
		r.through = r.source.at(r.From).Add(1 - pkgrelease.Rounding).Truncate(slice)
	}
	if r.fresh.IsZero() {
		r.fresh = r.through
	}
	r.weight = w
}

// over is the time up to which can be asked: the edge, or what is complete if that is less.
func (r *release) over(edge time.Time) time.Time {
	if !r.complete.IsZero() && r.complete.Before(edge) {
		return r.complete
	}
	return edge
}

// spread is how long the mesh takes at the least until its proxies follow a write: what is counted before shows the old weight.
const spread = 500 * time.Millisecond

// take takes one slice: the answers are one for each indicator. An objective whose answer cannot be believed gets neither requests nor bad
// ones, which proves nothing for it and nothing against it; the others are judged by theirs. A slice of which nothing can be believed is void.
func (r *release) take(i counting.Interval, answers []counting.Answer) {
	r.through, r.asked = i.End, i.End
	s := pkgevidence.Slice{From: i.Start, To: i.End}
	written := r.source.at(r.weight.WrittenAt)
	r.moves.Place(&s, written, r.settled())
	s.Away = r.away(i) || r.weight.Braked && pkgevidence.CutShort(i.Start, i.End, written, r.timing().Interval)
	answers, ends := r.split(answers)
	r.keep(i, answers)
	if r.Over {
		r.seen, r.fresh = true, i.End // nothing waits for it
		r.tests.Expose(met(s, answers), "the version is judged already")
		return
	}
	r.takeEnds(s, ends)
	states := make([]currency, len(answers))
	for n, a := range answers {
		var arms pkgevidence.Arms
		if states[n] = r.believed(a, s.Alone); states[n].fresh() {
			arms = pkgevidence.Arms{Stable: countsOf(a.Stable.Counts), Canary: countsOf(a.Canary.Counts)}
		}
		s.Stable, s.Canary = append(s.Stable, arms.Stable), append(s.Canary, arms.Canary)
	}
	if r.note(answers, states, s.Alone); r.current.fresh() {
		r.fresh = i.End
	}
	if !slices.ContainsFunc(states, currency.fresh) {
		r.tests.Expose(met(s, answers), r.current.message)
		r.source.loop.metrics.Add(metrics.EvidenceVoidSlices, 1, r.source.Name, string(r.current.reason))
		return
	}
	r.seen = true
	r.tests.Add(s)
	if states[r.traffic()].fresh() {
		r.noteTraffic(i, pkgevidence.Arms{Stable: s.Stable[r.traffic()], Canary: s.Canary[r.traffic()]})
	}
}

// met is what is known of the requests of a slice, whether it is evidence or not.
func met(s pkgevidence.Slice, answers []counting.Answer) pkgevidence.Slice {
	s.Stable, s.Canary, s.Alone = nil, nil, false
	for _, a := range answers {
		s.Stable, s.Canary = append(s.Stable, known(a.Stable)), append(s.Canary, known(a.Canary))
	}
	return s
}

// known are the counts of an arm, none where nobody knows them.
func known(a counting.ArmAnswer) pkgevidence.Counts {
	if a.Uncounted != nil {
		return pkgevidence.Counts{}
	}
	return countsOf(a.Counts)
}

// keep notes whether all requests of a slice that met the canary are counted. Reports that are late are counted when they come; where nobody
// can count them any more, they are missed since they are late.
func (r *release) keep(i counting.Interval, answers []counting.Answer) {
	late := false
	for _, a := range answers {
		if a.Unusable != nil || a.Canary.Uncounted != nil {
			r.miss(i.Start, i.End)
			return
		}
		late = late || !reported(a, false).fresh()
	}
	switch {
	case !late:
		r.late = time.Time{}
	case r.late.IsZero():
		r.late = i.Start
	}
}

// miss gives up what was reported in a time, and what was late before it. A report tells of requests since the one before, so that those that
// ended up to an interval earlier are missed too.
func (r *release) miss(from, to time.Time) {
	if !r.late.IsZero() {
		from, r.late = r.late, time.Time{}
	}
	from, to = r.source.ours(r.ended(from)), r.source.ours(to)
	if first := r.From.Add(-pkgrelease.Rounding); from.Before(first) {
		from = first // nobody met the canary before
	}
	if !r.End.IsZero() && to.After(r.End) {
		to = r.End // nobody met the canary any more
	}
	r.missed.Miss(from, to)
}

// countedUntil is up to when all requests that met the canary are counted, but for those that were missed, by the operator's clock.
func (r *release) countedUntil() time.Time {
	return r.source.ours(r.ended(cmp.Or(r.late, r.through)))
}

// ended is up to when all requests have ended that are reported by a time: each is reported within an interval.
func (r *release) ended(reported time.Time) time.Time {
	if reported.IsZero() {
		return reported
	}
	return reported.Add(-r.timing().Interval)
}

// takeEnds takes how the requests of a slice ended. Client errors are compared where both arms are asked: alone, nobody knows what the stable
// would have said.
func (r *release) takeEnds(s pkgevidence.Slice, a counting.Answer) {
	fresh := r.believed(a, s.Alone).fresh()
	if fresh {
		r.ends.add(a.Stable.Counts)
		r.ends.add(a.Canary.Counts)
	}
	switch {
	case r.clientErrors == nil:
	case !fresh || s.Alone || s.Away:
		r.clientErrors.Void(s.From, s.To, "the arms cannot be compared")
	default:
		s.Stable, s.Canary = []pkgevidence.Counts{clientErrorsOf(a.Stable.Counts)}, []pkgevidence.Counts{clientErrorsOf(a.Canary.Counts)}
		r.clientErrors.Add(s)
	}
}

// noteTraffic keeps what the Service was asked in a slice.
func (r *release) noteTraffic(i counting.Interval, arms pkgevidence.Arms) {
	if !i.Start.Before(r.source.at(r.weight.WrittenAt).Add(spread)) {
		r.since = plus(r.since, arms)
	}
	r.lately = append(r.lately, tally{start: i.Start, end: i.End, arms: arms})
	keep := max(r.window(), rateSpan)
	r.lately = slices.DeleteFunc(r.lately, func(t tally) bool { return !t.end.After(i.End.Add(-keep)) })
}

// worst is the first trouble of the objectives. It names its objective when others are counted.
func (r *release) worst(states []currency) currency {
	n := slices.IndexFunc(states, func(c currency) bool { return !c.fresh() })
	switch {
	case n < 0:
		return currency{reason: v1alpha1.ReasonCurrent}
	case slices.ContainsFunc(states, currency.fresh):
		return currency{states[n].reason, fmt.Sprintf("%s is not counted: %s", r.Config.Objectives[n].Name, states[n].message)}
	}
	return states[n]
}

// traffic is the objective whose requests are the Service's traffic: one of Istio's own counter where there is one.
func (r *release) traffic() int {
	return max(0, slices.IndexFunc(r.Indicators, isRequests))
}

// believed is fresh when the reports about the release are complete by an indicator, and the counts are known of every arm that somebody
// reports about.
func (r *release) believed(a counting.Answer, alone bool) currency {
	reports := reported(a, r.weight.Alone)
	switch {
	case !reports.fresh():
		return reports
	case a.Canary.Uncounted != nil:
		return troubled(*a.Canary.Uncounted)
	case a.Stable.Uncounted != nil && !alone:
		return troubled(*a.Stable.Uncounted)
	}
	return currency{reason: v1alpha1.ReasonCurrent}
}

// doubted is fresh when the counts suffice to clear the canary, so that it is known of all requests whether they failed. What is known of the
// others counts.
func doubted(answers []counting.Answer, alone bool) currency {
	for _, a := range answers {
		switch {
		case a.Doubt != nil:
			return troubled(*a.Doubt)
		case a.Canary.Untold != nil:
			return troubled(*a.Canary.Untold)
		case a.Stable.Untold != nil && !alone:
			return troubled(*a.Stable.Untold)
		}
	}
	return currency{reason: v1alpha1.ReasonCurrent}
}

// skip gives up everything before a time.
func (r *release) skip(to time.Time) {
	r.miss(r.through, to)
	r.tests.Void(r.through, to, fmt.Sprintf("what happened before %s is too long ago to be counted", r.source.ours(to).Format(time.RFC3339)))
	r.through = to
}

// noteBelief notes whether the release's requests could be counted up to a time.
func (r *release) noteBelief(at time.Time, answers []counting.Answer) {
	r.asked = at
	answers, _ = r.split(answers)
	states := make([]currency, len(answers))
	for n, a := range answers {
		states[n] = r.believed(a, r.weight.Alone)
	}
	r.note(answers, states, r.weight.Alone)
}

// note notes what the answers say beside the counts.
func (r *release) note(answers []counting.Answer, states []currency, alone bool) {
	if r.current = r.worst(states); r.current.fresh() {
		r.current = cmp.Or(r.source.skew(), doubted(answers, alone))
	}
	r.remarks = nil
	for _, a := range answers {
		for _, remark := range a.Remarks {
			if !slices.Contains(r.remarks, remark) {
				r.remarks = append(r.remarks, remark)
			}
		}
	}
}

// reported says how complete the reports are by one indicator.
func reported(a counting.Answer, alone bool) currency {
	// A canary that nobody reports about had no requests: the same callers report about both arms.
	late := a.Stable.Late
	if a.Canary.Reported && (alone || late == nil) {
		late = a.Canary.Late
	}
	switch {
	case a.Unusable != nil:
		return troubled(*a.Unusable)
	case late != nil:
		return troubled(*late)
	}
	return currency{reason: v1alpha1.ReasonCurrent}
}

func clientErrorsOf(c counting.Counts) pkgevidence.Counts {
	return pkgevidence.Counts{Requests: c.Requests, Bad: c.ClientErrors}
}

func countsOf(c counting.Counts) pkgevidence.Counts {
	return pkgevidence.Counts{Requests: c.Requests, Bad: c.Bad}
}

func plus(a, b pkgevidence.Arms) pkgevidence.Arms {
	a.Stable.Requests += b.Stable.Requests
	a.Stable.Bad += b.Stable.Bad
	a.Canary.Requests += b.Canary.Requests
	a.Canary.Bad += b.Canary.Bad
	return a
}
