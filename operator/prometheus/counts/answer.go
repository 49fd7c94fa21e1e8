package counts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// reply is what Prometheus said by one indicator: freshness for carriers only. Of releases in unusable nothing else counts, and those that are
// left were not asked about.
type reply struct {
	unusable  map[release]counting.Trouble
	left      map[release]bool
	freshness map[counting.Service]promql.Freshness
	counts    map[counting.Service]counting.Counts
	upTo      map[counting.Service]time.Time
	copies    promql.Copies
	timed     map[counting.Service]timed
	// impossible are arms with a value that is no count.
	impossible map[counting.Service]error
}

// cannot notes why nothing is known of a release.
func (r *reply) cannot(p counting.Pair, why counting.Trouble) {
	r.unusable = joined(r.unusable, map[release]counting.Trouble{releaseOf(p): why})
}

// leave notes that a release is to be asked about another time.
func (r *reply) leave(p counting.Pair) { r.left = joined(r.left, map[release]bool{releaseOf(p): true}) }

// and returns what both say, of different releases.
func (r reply) and(o reply) reply {
	return reply{
		unusable: joined(r.unusable, o.unusable), left: joined(r.left, o.left), freshness: joined(r.freshness, o.freshness),
		counts: joined(r.counts, o.counts), upTo: joined(r.upTo, o.upTo), copies: r.copies.And(o.copies),
		timed: joined(r.timed, o.timed), impossible: joined(r.impossible, o.impossible),
	}
}

// Counts gives the answers about an interval to take, each as soon as it is there: answers[i] is about of[first+i], by each of its
// indicators. What is not answered is not taken, and the error is a counting.Unanswered.
func (c *Counter) Counts(ctx context.Context, over counting.Interval, of []counting.Pair, take func(first int, answers [][]counting.Answer)) error {
	if len(of) == 0 {
		return nil
	}
	groups := c.groups(of)
	for _, g := range groups {
		// All is asked at once: a slow Prometheus is waited for once.
		g.base = sync.OnceValue(func() error { return c.base(ctx, g.scope, over, g.pairs) })
		go func() { _ = g.base() }() // Read where the answer is needed.
	}
	return c.typed(inParts(groups, func(g *group, at []int, part []counting.Pair) error {
		fresh, counted, err := c.slice(ctx, g.scope, over, part)
		one := func(p counting.Pair, i counting.Indicator) counting.Answer {
			return answer(p, i, fresh[i.Carrier()], counted[i], c.onceBy(i), c.Scope.Reporters)
		}
		if u, ok := errors.AsType[counting.Unusable](g.base()); ok {
			c.forget(part)
			fresh, counted, one = nil, nil, func(counting.Pair, counting.Indicator) counting.Answer { return counting.Answer{Unusable: &u.Trouble} }
		} else if err := cmp.Or(g.base(), err); err != nil {
			return err
		}
		answers := answersOf(part, one)
		for from, to := range known(at, part, fresh, counted) {
			take(at[from], answers[from:to])
		}
		return nil
	}))
}

// known are the pairs that were asked about by all of their indicators, from the first of those that follow each other, by where they are, to behind
// the last.
func known(at []int, part []counting.Pair, fresh, counted map[counting.Indicator]reply) iter.Seq2[int, int] {
	left := func(p counting.Pair) bool {
		return slices.ContainsFunc(p.Indicators, func(i counting.Indicator) bool {
			return fresh[i.Carrier()].left[releaseOf(p)] || counted[i].left[releaseOf(p)]
		})
	}
	return func(yield func(int, int) bool) {
		for from := 0; from < len(part); {
			to := from
			for to < len(part) && at[to]-at[from] == to-from && !left(part[to]) {
				to++
			}
			if from < to && !yield(from, to) {
				return
			}
			from = max(to, from+1)
		}
	}
}

// Complete returns up to when the reports about each release can be seen, by all of its indicators: for what is on its way from a remote
// writer or another store nobody needs to set a delay.
func (c *Counter) Complete(ctx context.Context, of []counting.Pair) ([]time.Time, error) {
	all := make([]time.Time, len(of))
	err := inParts(c.groups(of), func(g *group, at []int, part []counting.Pair) error {
		upTo, err := c.byIndicator(ctx, g.scope, part, counting.Indicator.Carrier, func(ctx context.Context, b promql.Batch, to *reply) (err error) {
			to.upTo, err = answerTo(ctx, c, b.Complete(), time.Time{}, b.CompleteUpTo)
			return err
		})
		for i, p := range part {
			all[at[i]] = completed(p, upTo)
		}
		return err
	})
	return all, c.typed(err)
}

// completed is the earliest time up to which an arm of the pair is complete by one of its indicators. An arm that nobody reports about is
// spoken for by the other. Who was not asked about is not known to be complete up to any time.
func completed(p counting.Pair, upTo map[counting.Indicator]reply) time.Time {
	var earliest time.Time
	for _, i := range p.Indicators {
		if upTo[i.Carrier()].left[releaseOf(p)] {
			return time.Unix(0, 0)
		}
		for _, arm := range []counting.Service{p.Stable, p.Canary} {
			at, known := upTo[i.Carrier()].upTo[arm]
			if known && (earliest.IsZero() || at.Before(earliest)) {
				earliest = at
			}
		}
	}
	return earliest
}

// slice asks how current the scrapes are and for the counts.
func (c *Counter) slice(ctx context.Context, scope scopes, over counting.Interval, of []counting.Pair) (fresh, counted map[counting.Indicator]reply, err error) {
	var asked errgroup.Group
	asked.Go(func() (err error) {
		fresh, err = c.freshness(ctx, scope, over, of)
		return err
	})
	asked.Go(func() (err error) {
		counted, err = c.counts(ctx, scope, over, of)
		return err
	})
	err = asked.Wait()
	return fresh, counted, err
}

// base is an error when no counts of the interval can be believed.
func (c *Counter) base(ctx context.Context, scope scopes, over counting.Interval, of []counting.Pair) error {
	b, err := batch(scope(counting.Indicator{}), counting.Indicator{}, of[:1])
	if err != nil {
		return err
	}
	expr, err := b.Base(over.Length())
	if err != nil {
		return err
	}
	n, found, err := c.single(ctx, expr, over.End)
	if err == nil && (!found || n == 0) {
		return counting.Unusable{Trouble: counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s (source %s) has no up from before %s: it is new, or up is not kept there; counting begins anew when it has some",
			Kind, c.Name, over.Start.UTC().Format(time.RFC3339))}}
	}
	return err
}

// freshness asks how current the scrapes are: one query for each carrier.
func (c *Counter) freshness(ctx context.Context, scope scopes, over counting.Interval, of []counting.Pair) (map[counting.Indicator]reply, error) {
	return c.byIndicator(ctx, scope, of, counting.Indicator.Carrier, func(ctx context.Context, b promql.Batch, to *reply) error {
		expr, err := b.Freshness(over.Length())
		if err != nil {
			return err
		}
		to.freshness, err = answerTo(ctx, c, expr, over.End, b.DecodeFreshness)
		return err
	})
}

// counts asks for the counts of an interval: one query for each indicator, about the pairs that have it.
func (c *Counter) counts(ctx context.Context, scope scopes, over counting.Interval, of []counting.Pair) (map[counting.Indicator]reply, error) {
	return c.byIndicator(ctx, scope, of, itself, func(ctx context.Context, b promql.Batch, to *reply) error {
		expr, err := b.Increments(over.Length())
		if err != nil {
			return err
		}
		to.counts, err = answerTo(ctx, c, promql.Dated(expr), over.End, func(v model.Vector) (map[counting.Service]counting.Counts, error) {
			v, err := promql.Undated(v, over.End)
			if err != nil {
				return nil, err
			}
			counts, err := b.Counts(v)
			if err == nil {
				to.impossible = b.Impossible(v)
			}
			return counts, err
		})
		return err
	})
}

func itself(i counting.Indicator) counting.Indicator { return i }

// asks is one question about a batch.
type asks func(context.Context, promql.Batch, *reply) error

// byIndicator asks once for each of the pairs' indicators, or for what stands for them, all at once. What cannot be used is unusable for
// that indicator alone.
func (c *Counter) byIndicator(ctx context.Context, scope scopes, of []counting.Pair, stands func(counting.Indicator) counting.Indicator, ask asks) (map[counting.Indicator]reply, error) {
	var asked errgroup.Group
	var mu sync.Mutex
	all := map[counting.Indicator]reply{}
	for _, i := range indicators(of, stands) {
		having := schemes(of, func(own counting.Indicator) bool { return stands(own) == i })
		asked.Go(func() error {
			to, err := c.one(ctx, scope(i), i, having, ask)
			mu.Lock()
			defer mu.Unlock()
			all[i] = to
			return err
		})
	}
	return all, asked.Wait()
}

// one asks about the pairs that have an indicator, by each scheme of labels.
func (c *Counter) one(ctx context.Context, scope promql.Scope, i counting.Indicator, schemes [][]counting.Pair, ask asks) (to reply, err error) {
	for _, having := range schemes {
		own, err := c.asked(ctx, i, having, func(ctx context.Context, of []counting.Pair) (to reply, err error) {
			b, err := batch(scope, i, of)
			if err == nil {
				err = ask(ctx, b, &to)
			}
			return to, err
		})
		if err != nil {
			return to, err
		}
		to = to.and(own)
	}
	return to, nil
}

// indicators are what stands for those of the pairs, each once.
func indicators(of []counting.Pair, stands func(counting.Indicator) counting.Indicator) []counting.Indicator {
	var all []counting.Indicator
	for _, p := range of {
		for _, i := range p.Indicators {
			if i = stands(i); !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	}
	return all
}

// schemes are the pairs that have an indicator, those together whose arms are told apart by the same labels.
func schemes(of []counting.Pair, has func(counting.Indicator) bool) [][]counting.Pair {
	var services, revisions []counting.Pair
	for _, p := range of {
		switch {
		case !slices.ContainsFunc(p.Indicators, has):
		case p.Stable.Revision != "":
			revisions = append(revisions, p)
		default:
			services = append(services, p)
		}
	}
	return slices.DeleteFunc([][]counting.Pair{services, revisions}, func(scheme []counting.Pair) bool { return len(scheme) == 0 })
}

// joined adds what was said of some arms to what was said of others.
func joined[K comparable, V any](all, more map[K]V) map[K]V {
	if all == nil {
		return more
	}
	maps.Copy(all, more)
	return all
}

// answersOf are the answers about pairs, by each of their indicators.
func answersOf(of []counting.Pair, one func(counting.Pair, counting.Indicator) counting.Answer) [][]counting.Answer {
	all := make([][]counting.Answer, len(of))
	for n, p := range of {
		for _, i := range p.Indicators {
			all[n] = append(all[n], one(p, i))
		}
	}
	return all
}

// answer is what is known of a pair by an indicator.
func answer(p counting.Pair, i counting.Indicator, fresh, counted reply, once promql.Once, reporters []string) counting.Answer {
	a := reports(p, i, fresh, reporters)
	why, unusable := counted.unusable[releaseOf(p)]
	switch {
	case a.Unusable != nil:
		return a
	case unusable:
		return counting.Answer{Unusable: &why}
	}
	count(&a.Stable, i, p.Stable, counted)
	count(&a.Canary, i, p.Canary, counted)
	if doubt := once.Doubt(p.Stable, p.Canary); doubt != "" {
		a.Doubt = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf("%s: %s", Kind, doubt)}
	}
	if once.Differ(p.Stable, p.Canary) {
		return a // nothing is left out of it, and what it has twice is said
	}
	for _, remark := range []string{once.Left, once.Twice} {
		if remark != "" {
			a.Remarks = append(a.Remarks, remark)
		}
	}
	return a
}

// reports is how complete the reports about a pair are.
func reports(p counting.Pair, i counting.Indicator, fresh reply, reporters []string) counting.Answer {
	if why, unusable := fresh.unusable[releaseOf(p)]; unusable {
		return counting.Answer{Unusable: &why}
	}
	for _, arm := range []counting.Service{p.Stable, p.Canary} {
		if f := fresh.freshness[arm]; f.Begins() {
			return counting.Answer{Unusable: &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
				"%s has only begun to scrape the jobs of %d of the %d proxies that call %s; counting begins anew when it has scraped each for some time",
				Kind, f.New, f.Targets, arm)}}
		}
	}
	return counting.Answer{
		Stable: report(i, p.Stable, fresh.freshness[p.Stable], reporters),
		Canary: report(i, p.Canary, fresh.freshness[p.Canary], reporters),
	}
}

func report(i counting.Indicator, arm counting.Service, f promql.Freshness, reporters []string) counting.ArmAnswer {
	switch {
	case !f.Current() && f.NoUp() > 0:
		return counting.ArmAnswer{Reported: true, Late: &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s of callers of %s is there, but no up of its job and instance: %s; nobody knows when these were scraped: keep up with the same labels, or scrape them directly",
			i.Carrier(), arm, targetsOf(f.Unknown))}}
	case f.Targets == 0 && len(reporters) > 0:
		return counting.ArmAnswer{Late: &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s has no %s of callers of %s that are believed: pods of %s and of %s, by the label namespace of their up; send it requests from there, or name the "+
				"namespaces of its callers in the source's reporters", Kind, i.Carrier(), arm, arm.Namespace, strings.Join(reporters, ", "))}}
	case f.Targets == 0:
		return counting.ArmAnswer{Late: &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s has no %s of callers of %s; send it requests through the mesh, or check that the callers' proxies are scraped", Kind, i.Carrier(), arm)}}
	case !f.Current():
		return counting.ArmAnswer{Reported: true, Late: &counting.Trouble{Reason: v1alpha1.ReasonStale, Message: fmt.Sprintf(
			"Only %d of %d proxies that call %s are scraped with success; nothing is counted until nine tenths are", f.Fresh, f.Targets, arm)}}
	}
	return counting.ArmAnswer{Reported: true}
}

// targetsOf names targets by their jobs.
func targetsOf(jobs map[string]int) string {
	var all []string
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		all = append(all, fmt.Sprintf("%d of job %q", jobs[job], job))
	}
	return strings.Join(all, ", ")
}

// count adds the counts to the answer. An arm without any that somebody reports about has series that begin anew, after a gap longer
// than the look-back, or that contradict each other: nobody knows how many requests it had, and none would be a guess.
func count(a *counting.ArmAnswer, i counting.Indicator, arm counting.Service, counted reply) {
	counts, known := counted.counts[arm]
	switch {
	case known:
		a.Counts = counts
		if counts.Untold > 0 {
			a.Untold = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
				"%s has no label %s for %.0f requests that callers of %s reported, so that nobody knows whether they failed; have Istio report it and Prometheus keep it",
				i, counts.Missing, counts.Untold, arm)}
		}
	case counted.impossible[arm] != nil:
		a.Uncounted = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s of callers of %s cannot be counted (%s); see who is scraped with such a value", i, arm, counted.impossible[arm])}
	case !a.Reported:
	case i.Kind == counting.Duration:
		a.Uncounted = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s has no bucket of %s at %s of the callers of %s; make the objective's threshold an edge of that histogram, and see that it is scraped",
			Kind, i, i.Threshold, arm)}
	default:
		a.Uncounted = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf(
			"%s has no earlier sample of %s of the callers of %s to count from; counting begins with the next", Kind, i, arm)}
	}
}
