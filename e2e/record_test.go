package e2e

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// account is what the status says of one release.
type account struct {
	number          int64
	revision        string
	began, next     time.Time // next is when the release after it began
	ended, promoted bool      // or about to be
	met, failed     int64
	peak            v1alpha1.Percentage // the largest weight
	counted         v1alpha1.Counted
}

// accounts are those of the status, the newest first.
func accounts(x *v1alpha1.TrafficShift) []account {
	var all []account
	if r := x.Status.Release; r.Running() {
		all = append(all, account{
			number: r.Number, revision: r.Revision, began: r.StartedAt.Time, ended: r.Outcome != nil, promoted: r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted,
			met: r.Exposed, failed: r.Failed, peak: r.PeakWeight, counted: r.Counted,
		})
	}
	for _, p := range x.Status.History {
		all = append(all, account{
			number: p.Number, revision: p.Revision, began: p.StartedAt.Time, ended: true, promoted: p.Outcome == v1alpha1.StatePromoted,
			met: p.Exposed, failed: p.Failed, peak: p.PeakWeight, counted: p.Counted,
		})
	}
	for i := range all[:max(0, len(all)-1)] {
		all[i+1].next = all[i].began
	}
	return all
}

// span is from the least to the most that something can be.
type span struct{ least, most int64 }

func (s span) has(n int64) bool { return s.least <= n && n <= s.most }

// tellsTheTruth checks at the end of a story, when no request is under way any more, that the record of each of its releases is what the
// clients saw: exactly, but for the times that it says it lacks, and for the requests that no pod has answered.
func (s *story) tellsTheTruth() {
	if s.t.Failed() || len(s.loads) == 0 {
		return
	}
	s.silence()
	x, final := s.countedToTheEnd()
	if x == nil {
		return
	}
	if !final && !s.op.away {
		s.t.Errorf("the requests of the last release are not counted to the end: %s", describe(x))
	}
	for _, r := range accounts(x) {
		met, failed := s.clientsSaw(r)
		if s.others {
			met.most, failed.most = max(met.most, r.met), max(failed.most, r.failed)
		}
		if s.forgets {
			met.least, failed.least = 0, 0
		}
		if !judgedByRequests(x) {
			failed = span{0, r.met}
		}
		told := fmt.Sprintf("release %d: %d requests and %d failed by its record, counted %+v; the clients saw %+v and %+v",
			r.number, r.met, r.failed, r.counted, met, failed)
		if s.t.Log(told); !met.has(r.met) || !failed.has(r.failed) {
			s.t.Error("the record is not what the clients saw: " + told)
		}
	}
}

// clientsSaw are the requests that met a release's canary, and those that failed, as the clients saw it. The least are what its own pods
// answered where the record says that all is counted. The most are all of its answers, those that came from no pod, as a proxy that found none
// may have looked for one of the canary's, and what the stable answered while an abort took effect: the canary's Service has the stable's pods
// behind it some moments before no route leads there.
func (s *story) clientsSaw(r account) (met, failed span) {
	s.t.Helper()
	var last, stable, bads int64 // the stable's answers in the last second in which the canary's pods answered and in the one after
	for _, second := range s.seconds(r.began) {
		from := time.Unix(second.T, 0)
		to := from.Add(time.Second)
		if r.over(from) {
			continue
		}
		c, nobody := second.ByRevision[r.revision], int64(second.NoUpstream+second.NoAnswer)
		n, bad := int64(c.OK+c.Failed), int64(c.ServerErrors)
		met.most, failed.most = met.most+n+nobody, failed.most+bad+nobody
		if r.saysAllOf(from, to) {
			met.least, failed.least = met.least+n, failed.least+bad
		}
		if n > 0 {
			last, stable, bads = second.T, 0, 0
		}
		if second.T <= last+1 {
			for revision, others := range second.ByRevision {
				if revision != r.revision {
					stable, bads = stable+int64(others.OK+others.Failed), bads+int64(others.ServerErrors)
				}
			}
		}
	}
	if r.ended && !r.promoted {
		met.most, failed.most = met.most+r.part(stable), failed.most+r.part(bads)
	}
	return met, failed
}

// part is how many of some requests may have been sent to the canary at most, by twice its largest weight: shares are drawn.
func (r account) part(requests int64) int64 {
	return min(requests, 2*requests*r.peak.Millionths()/v1alpha1.Whole)
}

// over says whether nothing that begins at a time is of the release's canary: it is the stable, or another release has begun.
func (r account) over(at time.Time) bool {
	return !r.next.IsZero() && !at.Before(r.next) || r.promoted && r.counted.End != nil && !at.Before(r.counted.End.Time)
}

// saysAllOf says whether all requests that ended in a time are in the record, by its own words. In the last seconds of a promoted release
// the proxies begin to follow the routes that were put back, and the version answers as the stable.
func (r account) saysAllOf(from, to time.Time) bool {
	c := r.counted
	switch {
	case c.Until == nil, !c.Final && to.After(c.Until.Time), r.promoted && to.After(c.End.Add(-pushBound-time.Second)):
		return false
	}
	return !slices.ContainsFunc(c.Gaps, func(g v1alpha1.Gap) bool { return from.Before(g.To.Time) && to.After(g.From.Time) })
}

// judgedByRequests says whether a failed request is one with a status from 500 on, and no other.
func judgedByRequests(x *v1alpha1.TrafficShift) bool {
	return !slices.ContainsFunc(x.Status.Release.Plan.Objectives, func(o v1alpha1.Objective) bool { return o.Indicator != v1alpha1.IndicatorRequests })
}

// countedToTheEnd waits until all requests that the clients have sent are counted, which they are not where no operator counts. It returns
// nil when there is no record.
func (s *story) countedToTheEnd() (x *v1alpha1.TrafficShift, final bool) {
	s.t.Helper()
	silent, ctx := time.Now().Add(2*bed.ScrapeInterval), context.WithoutCancel(s.t.Context())
	left := int((patience + v1alpha1.Heartbeat) / between) // by which a release that runs tells how far it has counted
	err := wait.PollUntilContextCancel(ctx, between, true, func(context.Context) (bool, error) {
		x = &v1alpha1.TrafficShift{}
		err := adm.client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "checkout"}, x)
		if x.Status.Release == nil { // also where there is no TrafficShift
			x = nil
			return true, client.IgnoreNotFound(err)
		}
		c := x.Status.Release.Counted
		final = c.Final || c.Until == nil || x.Status.Release.Running() && c.Until.After(silent)
		left--
		return final || s.op.away || left < 0, nil
	})
	if err != nil {
		s.t.Errorf("reading the record: %v", err)
		return nil, false
	}
	return x, final
}

// sameCounts waits until the release has counted exactly what the clients saw of the version, when no requests are under way.
func (s *story) sameCounts(version string) {
	s.t.Helper()
	s.silence()
	met := int64(bed.Met(s.seconds(s.began))[version])
	s.until(fmt.Sprintf("%d requests of %s are counted", met, version), func(x *v1alpha1.TrafficShift) bool {
		return met > 0 && x.Status.Release.Exposed == met
	})
}

// recorded waits until the record of a release that was taken back is complete, and lacks nothing.
func (s *story) recorded(number int64) {
	s.t.Helper()
	x := s.until("the record is complete", func(x *v1alpha1.TrafficShift) bool {
		return len(x.Status.History) > 0 && x.Status.History[0].Number == number && x.Status.History[0].Counted.Final
	})
	r := accounts(x)[0]
	if met, failed := s.clientsSaw(r); !met.has(r.met) || !failed.has(r.failed) || len(r.counted.Gaps) > 0 {
		s.t.Errorf("%d requests and %d failed by the record, the clients saw %+v and %+v; gaps %v", r.met, r.failed, met, failed, r.counted.Gaps)
	}
}
