package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// Setup is one release.
type Setup struct {
	// Plan is the policy.
	Plan v1alpha1.ShiftPolicySpec
	// Traffic, Canary and Mesh are what it meets.
	Traffic Traffic
	Canary  Canary
	Mesh    Mesh
	// Direct says how proxies are read.
	Direct Direct
	// Seed chooses one of all the releases there could be.
	Seed uint64
	// Limit is when a release that is neither promoted nor aborted is left alone; 0 is 4 h.
	Limit time.Duration
	// Begin is the virtual time of the first weight; zero is the first second of 2026.
	Begin time.Time
	// Follow, if not nil, is told of every pass. The release then goes on until everything is put back, or to the limit.
	Follow func(Moment)
}

// Moment is what there is to see after a pass of the operator.
type Moment struct {
	// At is the time of the pass.
	At time.Time
	// Status is that of the TrafficShift, with the numbers of this moment.
	Status v1alpha1.TrafficShiftStatus
	// Stable and Canary are what scrapes have shown of both arms since the pass before, one for each objective; nil when nothing.
	Stable, Canary []evidence.Counts
	// Sets are the ReplicaSets of both arms.
	Sets []*appsv1.ReplicaSet
}

// Outcome is what became of a release.
type Outcome struct {
	// Result is Promoted or Aborted; empty when the limit came first.
	Result v1alpha1.ReleaseState
	// Reason is that of the abort, or of what is waited for.
	Reason v1alpha1.Reason
	// Message is the last sentence of the operator.
	Message string
	// Took is from the first weight to the write that promotes or aborts, or to the limit.
	Took time.Duration
	// Noticed is from the first request that failed because of the version to the abort, Braked to the first brake; negative without one.
	Noticed, Braked time.Duration
	// Exposed are the requests that met the canary, Failed those of them that were bad in the objective with most of them, Excess
	// how many of those there were above the stable's share.
	Exposed, Failed, Excess float64
	// StepsBack is how often it stepped back from full traffic.
	StepsBack int
	// Brakes is how often it was lowered at once, without blame.
	Brakes int
	// Moves are the weights in their order.
	Moves []Move
}

// Move is one change of the weight.
type Move struct {
	// At is since the first weight.
	At time.Duration
	// Share is the weight, 0 to 1.
	Share float64
	// Why is the operator's sentence.
	Why string
}

// epoch is the virtual beginning of everything.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	settleBound = 45 * second
	spread      = 500 * time.Millisecond // as in the operator: what is counted before shows the old weight
	most        = 4 * time.Hour
	passes      = 10
	thinking    = 50 * time.Millisecond // from a reading to the decision by it
)

// Run runs one release. The error names what in the setup cannot be used.
func Run(s Setup) (Outcome, error) {
	if len(s.Traffic.Stable) != len(s.Plan.Objectives) {
		return Outcome{}, fmt.Errorf("the traffic has bad shares for %d objectives, the plan has %d", len(s.Traffic.Stable), len(s.Plan.Objectives))
	}
	if len(s.Plan.Steps) == 0 {
		return Outcome{}, errors.New("the plan has no steps")
	}
	r, err := newRun(s)
	if err != nil {
		return Outcome{}, err
	}
	for r.now = 0; r.now < cmp.Or(s.Limit, most) && !r.done(); r.now += second {
		if err := r.second(); err != nil {
			return Outcome{}, err
		}
	}
	return r.outcome(), nil
}

// run is a release under way.
type run struct {
	Setup
	now     time.Duration // the beginning of the second
	users   *users
	proxies *proxies // nil: none are read
	reports *reports
	routes  weights
	counts  []sliced      // what scrapes have shown, and the operator has not counted yet
	counted time.Duration // up to where it has
	tests   *evidence.Tests
	moves   evidence.Moves
	world
	since struct { // of the present weight
		move             int32
		canary, requests float64
	}
	rates []float64 // of the last slices
	shown Moment    // what no pass has told of yet
	out   Outcome
}

// sliced are the counts of the slice that ends at a time.
type sliced struct {
	end            time.Duration
	stable, canary []evidence.Counts
}

// done says whether there is nothing more to simulate: what nobody follows is over when it is decided, and no request meets an aborted canary.
func (r *run) done() bool {
	switch {
	case r.out.Result == "":
		return false
	case r.Follow != nil:
		return r.record().State.Ended()
	}
	return r.out.Result == v1alpha1.StatePromoted || r.now >= r.routes[len(r.routes)-1].from
}

func newRun(s Setup) (*run, error) {
	s.Mesh = s.Mesh.normal()
	if s.Begin.IsZero() {
		s.Begin = epoch
	}
	r := &run{Setup: s, users: newUsers(newSource(s.Traffic, s.Canary, s.Seed), s.Mesh.Scrape), counted: -s.Mesh.Lag}
	r.out.Noticed, r.out.Braked = -1, -1
	r.reports = newReports(s, len(r.users.waiting))
	if !s.Direct.Off {
		r.proxies = newProxies(s)
	}
	baseline := past(s)
	config := evidence.ConfigOf(s.Plan, baseline)
	config.Urgent = !s.Direct.Off
	var err error
	if r.tests, err = evidence.New(config); err != nil {
		return nil, err
	}
	r.world = newWorld(s.Plan, baseline, s.Begin)
	r.before()
	return r, r.decide(0)
}

// before are the last seconds before the first weight, of which the first scrapes tell too.
func (r *run) before() {
	for at := -4 * r.Mesh.Scrape.Truncate(slice); at < 0; at += second {
		if at%slice == 0 {
			x := r.scrape(at)
			r.rated(x.stable[0], x.canary[0])
		}
		r.meet(at)
	}
	r.rates = r.rates[len(r.rates)/2:]
}

// meet has users make the requests of a second.
func (r *run) meet(at time.Duration) {
	r.users.second(r.routes.within(at))
	r.reports.made.add(r.users.last)
}

// scrape ends a slice.
func (r *run) scrape(end time.Duration) sliced {
	stable, canary := r.users.scraped(end)
	x := sliced{end, stable, canary}
	r.reports.scrape(x, r.users.source.pods, r.Canary.Deaths.Pods)
	return x
}

// rated notes the traffic of a slice.
func (r *run) rated(stable, canary evidence.Counts) {
	r.rates = append(r.rates, (canary.Requests+stable.Requests)/slice.Seconds())
	r.rates = r.rates[max(0, len(r.rates)-24):]
}

// second lets a second pass: what came up to now is read and scraped, the operator decides what is due in it, and requests are made.
func (r *run) second() error {
	if r.now > 0 && r.now%slice == 0 {
		r.counts = append(r.counts, r.scrape(r.now))
	}
	if r.out.Result == "" || r.Follow != nil {
		if err := r.react(); err != nil {
			return err
		}
	}
	r.meet(r.now)
	return nil
}

// react has the operator decide by what it reads of proxies now, and by what it counts within the second, in the order in which it learns of it.
func (r *run) react() error {
	read := r.proxies.read(r.users.last, r.Canary.Deaths.Pods, r.Begin.Add(r.now))
	for len(r.counts) > 0 && r.counts[0].end+r.Mesh.Lag < r.now+second {
		next := r.counts[0]
		if read && next.end+r.Mesh.Lag >= r.now+thinking {
			if err := r.decide(r.now + thinking); err != nil {
				return err
			}
			read = false
		}
		r.counts, r.counted = r.counts[1:], next.end
		r.shown.Stable, r.shown.Canary = next.stable, next.canary
		r.take(next.end, next.stable, next.canary)
		of := r.reports.of
		if err := r.decide(next.end + r.Mesh.Lag); err != nil {
			return err
		}
		if r.reports.ask(of, next.end, r.Begin) {
			if err := r.decide(next.end + r.Mesh.Lag + thinking); err != nil {
				return err
			}
		}
	}
	if !read {
		return nil
	}
	return r.decide(r.now + thinking)
}

// take gives one slice to the tests, as the operator's loop does.
func (r *run) take(end time.Duration, stable, canary []evidence.Counts) {
	rec := r.record()
	if rec.StepStartedAt == nil {
		return // nothing is counted before the first weight
	}
	from, to := r.Begin.Add(end-slice), r.Begin.Add(end)
	written := rec.StepStartedAt.Time
	s := evidence.Slice{From: from, To: to, Stable: stable, Canary: canary}
	var settled *time.Time
	if rec.SettledAt != nil {
		settled = &rec.SettledAt.Time
	}
	r.moves.Place(&s, written, settled)
	s.Away = release.Braked(rec) && evidence.CutShort(from, to, written, r.Mesh.Scrape)
	r.tests.Add(s)
	if !from.Before(written.Add(spread)) {
		r.since.canary += canary[0].Requests
		r.since.requests += canary[0].Requests + stable[0].Requests
	}
	r.rated(stable[0], canary[0])
}

// follow tells the tests of a weight that was written and of a pod that is excused, as the operator does after each pass: what was counted before says
// nothing about it.
func (r *run) follow() {
	rec := r.record()
	if rec == nil || rec.StepStartedAt == nil {
		return
	}
	if rec.Moves != r.since.move {
		r.since.move, r.since.canary, r.since.requests = rec.Moves, 0, 0
		if r.moves.Move(rec.Moves, rec.Weight.Millionths() >= v1alpha1.Whole) {
			r.tests.NextStep(rec.StepStartedAt.Time)
		}
	}
	if r.moves.Excuse(rec.Excused.Turns()) {
		r.tests.Excuse()
	}
}

// decide lets the operator decide until it has nothing more to do now.
func (r *run) decide(at time.Duration) error {
	now := r.Begin.Add(at)
	r.store.Now = now
	if r.out.Result != "" {
		r.controllers.Run(r.store) // pods end in their time
	}
	for range passes {
		v := r.observe(r.evidence(), now)
		v.Counted = r.Begin.Add(r.counted)
		v.Facts.Direct = r.proxies.hear(v)
		d := release.Decide(v.Facts, now)
		r.out.Reason, r.out.Message = d.Reason, d.Message
		changed, err := r.write(v, d)
		if err != nil {
			return err
		}
		r.follow()
		r.reports.suspect(r.record(), v.Facts.Evidence.Verdict)
		of, reads := cluster.DirectOf(v, r.record())
		of.PodsOf.Canary = cmp.Or(r.Canary.Pods, of.PodsOf.Canary, somePods)
		r.users.source.pods = of.PodsOf.Canary
		r.proxies.follow(of, reads, now)
		r.tell(v, d, now)
		if !changed && len(d.Writes()) == 0 {
			return nil
		}
		if share := float64(r.share()) / v1alpha1.Whole; share != r.routes.at(at+r.Mesh.Push) {
			r.routes = append(r.routes, written{at + r.Mesh.Push, share})
			r.out.Moves = append(r.out.Moves, Move{At: at, Share: share, Why: d.Message})
			if d.Reason == v1alpha1.ReasonBraked && r.out.Braked < 0 && r.users.failing >= 0 {
				r.out.Braked = at - r.users.failing
			}
		}
		if r.over != "" && r.out.Result == "" {
			r.end(at)
			if r.Follow == nil {
				return nil
			}
		}
	}
	return nil
}

// tell shows the moment to who follows the release, if anybody does.
func (r *run) tell(v *cluster.View, d release.Decision, now time.Time) {
	if r.Follow == nil {
		return
	}
	if total := r.since.requests; total > 0 {
		v.Facts.Evidence.Share, v.Facts.Evidence.Requests = int64(r.since.canary/total*v1alpha1.Whole), total
	}
	r.shown.At, r.shown.Status, r.shown.Sets = now, cluster.StatusOf(v, d, d.Release), inmemory.List[*appsv1.ReplicaSet](r.store)
	r.Follow(r.shown)
	r.shown = Moment{}
	r.version = -1 // a status has the time of its view in it, so the next one is of a view of its own
}

// end notes how it ended.
func (r *run) end(at time.Duration) {
	r.out.Result, r.out.Took = r.over, at
	if r.over == v1alpha1.StateAborted {
		r.out.abort(r.users, at)
	}
}

func (r *run) outcome() Outcome {
	at := r.out.Took
	if r.out.Result == "" {
		at = r.now
	}
	r.out.StepsBack, r.out.Brakes = int(r.record().StepsBack), int(r.record().Brakes)
	return finished(r.out, r.users, at)
}

// evidence is what the counts say, as the operator's loop would say it.
func (r *run) evidence() release.Evidence {
	e := release.Evidence{Fresh: true, Reason: v1alpha1.ReasonCurrent, Seen: true, Share: -1, Baseline: r.baseline, Pods: r.reports.pods}
	for _, x := range r.rates {
		e.Rate += x / float64(len(r.rates))
	}
	rec := r.record()
	switch {
	case rec == nil || rec.Step == 0:
		return e
	case !rec.Running() || rec.Outcome != nil: // what is decided is counted for the record alone
		met := r.tests.Verdict(evidence.Question{})
		return release.Evidence{Share: -1, Met: &met, AllIn: true, Pods: r.reports.pods}
	}
	q := release.Ask(rec)
	if q.Pace != nil {
		q.Pace.Rate = e.Rate
	}
	e.Verdict = r.tests.Verdict(q)
	switch routing.Agrees(rec.Weight.Fraction(), r.since.canary, r.since.requests) {
	case routing.Yes:
		e.Agreement = release.AgreementYes
	case routing.No:
		e.Agreement = release.AgreementNo
	}
	return e
}
