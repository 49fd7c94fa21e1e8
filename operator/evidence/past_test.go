package evidence

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// fresh is a release that has no traffic yet and of whose past nothing is known.
func fresh() Target {
	t := target()
	t.From = time.Time{}
	return t
}

// lived lets the stable have traffic each minute of the time before noon, with a bad request in some of them.
func (b *bench) lived(length time.Duration, bad func(minute int) float64) {
	b.store.requests[stable] = nil
	b.store.observe(stable, noon.Add(-48*time.Hour), "200", 1e6)
	for i := int(length / time.Minute); i > 0; i-- {
		at := noon.Add(-time.Duration(i) * time.Minute).Add(-5 * time.Second)
		for range 6 {
			at = at.Add(10 * time.Second)
			b.store.observe(stable, at, "200", float64(100+10*(i%4)))
		}
		if n := bad(i); n > 0 {
			b.store.observe(stable, at, "500", n)
		}
	}
}

func TestThePastIsKnownBeforeTheFirstWeight(t *testing.T) {
	const now = time.Minute
	hour := []time.Duration{now, time.Hour}
	cases := map[string]struct {
		bad    func(minute int) float64
		ranges []time.Duration
		phi    [2]float64 // from, to
	}{
		"an hour with bad requests is enough": {func(int) float64 { return 3 }, hour, [2]float64{1, 1.5}},
		"bursts show":                         {func(i int) float64 { return float64(i % 2 * 40) }, hour, [2]float64{15, 200}},
		"few bad requests: back to a day":     {func(i int) float64 { return float64(btoi(i%60 == 1)) }, []time.Duration{now, time.Hour, 5 * time.Hour, 18 * time.Hour}, [2]float64{1, 2}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.lived(30*time.Hour, c.bad)
			b.follow(fresh(), Weight{})
			b.tick()
			p := b.reading().Past
			if p == nil || len(p.Objectives) != 1 {
				t.Fatalf("past %+v", p)
			}
			asked := slices.Insert(slices.Clone(c.ranges), len(hour), time.Hour) // how long requests last
			if len(c.ranges) == len(hour) {                                      // there are enough for a tick to be chosen from a day of them
				asked = append(append(asked, slices.Repeat([]time.Duration{tickPiece * slice}, 10)...), pkgevidence.TickHistory-10*tickPiece*slice)
			}
			if diff := cmp.Diff(asked, b.store.lengths()); diff != "" {
				t.Errorf("asked for other times (-want +got):\n%s", diff)
			}
			// Of the last five minutes the busiest has 780 good requests, those of its bad ones aside.
			if p.Rate < 13 || p.Rate > 16 { // a burst falls into its window
				t.Errorf("rate %v, want that of the busiest minute", p.Rate)
			}
			if phi := p.Objectives[0].Phi; phi < c.phi[0] || phi > c.phi[1] || b.loop.releases[shop].Config.Phi[0] != phi {
				t.Errorf("phi %v, want %v; the tests have %v", phi, c.phi, b.loop.releases[shop].Config.Phi)
			}
			if b.woken[shop] == 0 {
				t.Error("nobody was told")
			}
			length := time.Duration(0)
			for _, r := range c.ranges[1:] {
				length += r
			}
			if n, _ := b.store.total(stable, noon.Add(-time.Minute-length), noon.Add(-time.Minute)); p.Span != length || p.Objectives[0].Counts.Requests != n {
				t.Errorf("counted %v in %s, want %v in %s", p.Objectives[0].Counts, p.Span, n, length)
			}
		})
	}
}

func TestAnOutageOfYesterdayIsLeftOutOfThePast(t *testing.T) {
	// Two of 700 requests fail in sixteen minutes of a day, and 900 in those with an outage.
	usual := func(i int) float64 { return float64(btoi(i%90 == 0) * 2) }
	cases := map[string]struct {
		bad     func(minute int) float64
		phi     [2]float64 // from, to
		outages time.Duration
		counted float64 // bad requests from which it is learnt
	}{
		"one, 20 hours ago": {func(i int) float64 { return usual(i) + float64(btoi(i == 1200)*900) }, [2]float64{1, 3}, 3 * time.Minute, 32},
		"one, just now":     {func(i int) float64 { return usual(i) + float64(btoi(i == 10)*900) }, [2]float64{1, 3}, 3 * time.Minute, 32},
		"every four hours":  {func(i int) float64 { return usual(i) + float64(btoi(i%240 == 0)*900) }, [2]float64{100, 200}, 0, 32 + 6*900},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.lived(30*time.Hour, c.bad)
			b.follow(fresh(), Weight{})
			b.tick()
			p := b.reading().Past
			if p == nil || p.Span != 24*time.Hour {
				t.Fatalf("past %+v, want a day of it", p)
			}
			o := p.Objectives[0]
			if o.Phi < c.phi[0] || o.Phi > c.phi[1] || o.Outages != c.outages || b.loop.releases[shop].Config.Phi[0] != o.Phi {
				t.Errorf("dispersion %+v, want phi %v and outages %s", o, c.phi, c.outages)
			}
			if o.Counts.Bad != c.counted {
				t.Errorf("learnt from %v bad requests, want %v", o.Counts.Bad, c.counted)
			}
		})
	}
}

func TestTrafficThatHasJustBegunIsSeen(t *testing.T) {
	b := newBench(t)
	b.store.observe(stable, noon.Add(-10*time.Second), "200", 3000)
	b.follow(fresh(), Weight{})
	b.tick()
	if p := b.reading().Past; p == nil || p.Rate != 300 {
		t.Errorf("past %+v, want 3000 requests in ten seconds", p)
	}
}

func TestWithoutAnyPastTheDispersionIsAssumed(t *testing.T) {
	b := newBench(t)
	b.store.requests[stable] = nil
	b.follow(fresh(), Weight{})
	b.tick()
	want := &Past{Span: 24 * time.Hour, Objectives: []pkgevidence.Dispersion{{Phi: pkgevidence.DefaultPhi}}}
	if diff := cmp.Diff(want, b.reading().Past); diff != "" {
		t.Error(diff)
	}
}

func TestAPastThatCannotBeReadHoldsNobodyForEver(t *testing.T) {
	cases := map[string]struct {
		err  error
		want int
	}{
		"no answer is asked for again": {closed, attempts},
		"what is unusable is not":      {torn, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.store.failPast = c.err
			b.follow(fresh(), Weight{})
			for range attempts + 2 {
				b.clock.SetTime(b.tick())
			}
			if got := len(b.store.lengths()); got != c.want {
				t.Errorf("asked %d times", got)
			}
			want := &Past{Objectives: []pkgevidence.Dispersion{{Phi: pkgevidence.DefaultPhi}}}
			if diff := cmp.Diff(want, b.reading().Past); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPieceThatFailsLaterLeavesWhatWasHeard(t *testing.T) {
	b := newBench(t)
	b.lived(30*time.Hour, func(int) float64 { return 0 })
	b.follow(fresh(), Weight{})
	s := b.loop.sources[DefaultSource]
	r := b.loop.withoutPast(s, nil)
	if err := s.askPast(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b.store.failPast = closed
	if err := s.askPast(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if p := b.reading().Past; p == nil || p.Span != time.Hour || p.Rate == 0 {
		t.Errorf("past %+v", p)
	}
}

// waiting has releases of a namespace wait for their past.
func (b *bench) waiting(namespace string, n int) []types.NamespacedName {
	var keys []types.NamespacedName
	for i := range n {
		key, t := named(i)
		key.Namespace, t.Stable.Namespace, t.Canary.Namespace, t.From = namespace, namespace, namespace, time.Time{}
		b.store.observe(t.Stable, noon.Add(-48*time.Hour), "200", 1)
		b.loop.Follow(key, following(t, Weight{}))
		keys = append(keys, key)
	}
	return keys
}

func TestPastsAreAskedForFairly(t *testing.T) {
	b := newBench(t)
	b.waiting("aaa", 40)
	b.waiting("shop", 2)
	s, turns := b.loop.sources[DefaultSource], map[string]int{}
	for range 8 {
		r := b.loop.withoutPast(s, nil)
		turns[r.key.String()]++
		if err := s.askPast(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{"shop/service-0000": 2, "shop/service-0001": 2, "aaa/service-0000": 1, "aaa/service-0001": 1, "aaa/service-0002": 1, "aaa/service-0003": 1}
	if diff := cmp.Diff(want, turns); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
}

// One tenant's pasts that are not answered keep nobody else from its own.
func TestAPastThatIsNotAnsweredKeepsNoOtherBack(t *testing.T) {
	b := newBench(t)
	b.waiting("aaa", 40)
	others := append(b.waiting("bank", 3), b.waiting("shop", 3)...)
	b.store.failsPast = func(of counting.Pair) error {
		if of.Stable.Namespace == "aaa" {
			return closed
		}
		return nil
	}
	b.tick()
	for _, key := range others {
		if r, _ := b.loop.Reading(key, 7, next); r.Past == nil {
			t.Errorf("nothing is known of the past of %s", key)
		}
	}
	asked := 0
	b.store.failsPast = func(counting.Pair) error { asked++; return closed }
	b.waiting("late", 1)
	b.waiting("later", 1)
	b.waiting("latest", 1)
	if b.tick(); asked != 2 {
		t.Errorf("a source that does not answer about two namespaces is asked %d questions", asked)
	}
}

func TestASlowQuestionAboutThePastDelaysNoSlice(t *testing.T) {
	b := newBench(t)
	b.store.holdPast, b.store.pastAsked = make(chan struct{}), make(chan struct{}, 10)
	b.traffic(noon, noon.Add(time.Minute))
	unknown, other := named(1)
	other.From = time.Time{}
	b.loop.Follow(unknown, following(other, Weight{}))
	b.follow(target(), step(1, 0.05, noon))
	ctx, stop := context.WithCancel(t.Context())
	s := b.loop.sources[DefaultSource]
	var aside sync.WaitGroup
	aside.Go(func() { s.askPasts(ctx) })
	aside.Go(func() {
		for {
			select {
			case <-b.loop.Events():
			case <-ctx.Done():
				return
			}
		}
	})
	<-b.store.pastAsked
	for b.clock.Since(noon) < time.Minute {
		b.clock.SetTime(s.tick(ctx))
	}
	if counted := b.reading().Through.Sub(noon); counted < 40*time.Second {
		t.Errorf("in a minute %s were counted", counted)
	}
	if r, _ := b.loop.Reading(unknown, 7, next); r.Past != nil {
		t.Error("the past is known")
	}
	stop()
	close(b.store.holdPast)
	aside.Wait()
}

func TestASourceThatDoesNotAnswerIsNotAskedAboutThePast(t *testing.T) {
	b := newBench(t)
	b.store.fail = func(time.Time) error { return closed }
	b.follow(fresh(), Weight{})
	for range attempts + 2 {
		b.clock.SetTime(b.tick())
	}
	if n := len(b.store.lengths()); n > 0 || b.reading().Past != nil {
		t.Errorf("asked %d times", n)
	}
	b.store.fail = nil
	b.clock.SetTime(b.tick())
	b.tick()
	if b.reading().Past == nil {
		t.Error("no past, though the source answers again")
	}
}

func TestAPastThatIsKnownIsNotAskedFor(t *testing.T) {
	b := newBench(t)
	known := fresh()
	known.PastKnown, known.Config.Phi = true, []float64{7}
	b.follow(known, Weight{})
	running, other := named(1)
	other.From = noon
	b.loop.Follow(running, following(other, Weight{}))
	b.tick()
	if n := len(b.store.lengths()); n > 0 || b.loop.releases[shop].Config.Phi[0] != 7 || b.loop.releases[running].past != nil {
		t.Errorf("asked %d times", n)
	}
}

func TestTheRateIsThatOfTheLastMinutes(t *testing.T) {
	b := newBench(t)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(6 * time.Minute)); at = at.Add(slice) {
		n := 100.0
		if at.After(noon.Add(3 * time.Minute)) {
			n = 500
		}
		b.store.observe(stable, at, "200", n-10)
		b.store.observe(canary, at, "200", 10)
	}
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(3 * time.Minute))
	if got := b.reading().Rate; math.Abs(got-20) > 1 {
		t.Errorf("rate %v, want 20", got)
	}
	b.until(noon.Add(6 * time.Minute))
	if got := b.reading().Rate; math.Abs(got-100) > 5 {
		t.Errorf("rate %v, want 100", got)
	}
}

// Beyond the time between two reports it is known that no request came.
func TestTheSilenceIsSinceTheLastRequest(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	if got := b.reading().Silence; got != 0 {
		t.Errorf("%s while requests come, want 0", got)
	}
	b.until(noon.Add(time.Minute + 40*time.Second))
	r := b.reading()
	if want := 40*time.Second - b.store.timing.Interval; r.Rate == 0 || r.Silence < want-3*slice || r.Silence > want {
		t.Errorf("%s at %v requests per second, want about %s", r.Silence, r.Rate, want)
	}
	b.traffic(noon.Add(time.Minute+40*time.Second), noon.Add(2*time.Minute))
	b.until(noon.Add(2 * time.Minute))
	if got := b.reading().Silence; got != 0 {
		t.Errorf("%s when requests come again, want 0", got)
	}
}

func TestAPaceGetsTheRateThatWasCounted(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(2 * time.Minute))
	pace := pkgevidence.Pace{Weight: 0.0001, Failures: 10}
	r, _ := b.loop.Reading(shop, 7, pkgevidence.Question{NextWeight: 0.5, Pace: &pace})
	if pace.Rate != 0 {
		t.Error("the question was changed")
	}
	pace.Rate = r.Rate
	want := b.loop.releases[shop].tests.Verdict(pkgevidence.Question{NextWeight: 0.5, Pace: &pace})
	if diff := cmp.Diff(want, r.Verdict); diff != "" || r.Rate == 0 {
		t.Errorf("rate %v: %s", r.Rate, diff)
	}
}

func TestThePastOfEveryIndicatorIsAskedFor(t *testing.T) {
	b := newBench(t)
	b.lived(2*time.Hour, func(int) float64 { return 2 })
	three := threefold()
	three.From = time.Time{}
	b.follow(three, Weight{})
	b.tick()
	p := b.reading().Past
	if p == nil || len(p.Objectives) != 3 || p.Objectives[0].Counts.Bad == 0 || p.Objectives[1].Counts.Bad != 0 || p.Objectives[2].Counts.Bad == 0 {
		t.Fatalf("past %+v", p)
	}
	if by := (counting.Indicator{}); p.Rate == 0 || b.loop.releases[shop].Indicators[0] != by {
		t.Errorf("rate %v", p.Rate)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
