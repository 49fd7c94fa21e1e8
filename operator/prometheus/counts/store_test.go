package counts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// kind is which of counting's questions an expression asks.
type kind string

const (
	asksRequests  kind = "requests"
	asksFreshness kind = "freshness"
	asksComplete  kind = "complete"
	asksBase      kind = "base"
	asksLag       kind = "lag"
	asksInterval  kind = "interval"
	asksUnknown   kind = "unmeasured"
	asksDurations kind = "durations"
	asksCustom    kind = "custom"
	asksCopies    kind = "copies"
	asksClock     kind = "vector(1)"
)

// store is a Prometheus that remembers when requests were counted, and answers the questions of counting about any time.
type store struct {
	mu       sync.Mutex
	now      func() time.Time // by its own clock
	behind   time.Duration    // how late samples can be seen
	until    time.Time        // up to when those of requests can be seen; zero: all
	requests map[counting.Service][]observation
	targets  int
	lag      float64
	interval float64
	// slow are arms of which something else was measured.
	slow map[counting.Service]timed
	// unmeasured is how long ago a target was scraped for the first time of a job whose interval is not known; 0: there is none.
	unmeasured float64
	// born is when it was empty; since then targets are scraped each interval. Zero: long ago.
	born time.Time
	// begins is how many of the targets are of jobs that are only begun to be scraped.
	begins int
	// fresh says how many targets are fresh at a time; nil: all.
	fresh func(at time.Time) int
	// fail is asked before every answer; its error is the answer.
	fail func(k kind, at time.Time) error
	// hide keeps an arm out of the answers of requests.
	hide func(s counting.Service, at time.Time) bool
	// copies is the answer to the question which proxies come more than once.
	copies model.Vector
	// rogue are added to every answer of requests.
	rogue model.Vector
	// unknown are added to every answer of freshness.
	unknown model.Vector
	// exprs are the questions for requests.
	exprs []string

	// failRange is the answer to every question about a range of times, when it is set.
	failRange error
	// ofPods is the answer to the questions about pods.
	ofPods model.Matrix
	// ranges are the lengths that were asked for.
	ranges []time.Duration

	asked map[kind]int
}

// observation is n requests with one code, sampled at a time. The code "late" is a 200 that came too late for the histogram's
// edge.
type observation struct {
	at   time.Time
	code string
	n    float64
}

func newStore() *store {
	return &store{
		now: time.Now, requests: map[counting.Service][]observation{}, targets: 10, lag: 0.5, interval: 5,
		asked: map[kind]int{},
	}
}

// observe adds requests that are sampled at a time, after all that were added for the service before.
func (p *store) observe(s counting.Service, at time.Time, code string, n float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[s] = append(p.requests[s], observation{at, code, n})
}

// total is all that was observed of a service in (from, to].
func (p *store) total(s counting.Service, from, to time.Time) (requests, bad float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for code, n := range p.increments(s, from, to) {
		requests += n
		if code == "500" {
			bad += n
		}
	}
	return requests, bad
}

func (p *store) increments(s counting.Service, from, to time.Time) map[string]float64 {
	seen := p.requests[s]
	i, _ := slices.BinarySearchFunc(seen, from, func(o observation, t time.Time) int { return o.at.Compare(t) })
	sums := map[string]float64{}
	for ; i < len(seen) && !seen[i].at.After(to); i++ {
		if seen[i].at.After(from) {
			sums[seen[i].code] += seen[i].n
		}
	}
	return sums
}

// carried tells whether the service has a series at a time.
func (p *store) carried(s counting.Service, at time.Time) bool {
	return len(p.requests[s]) > 0 && !p.requests[s][0].at.After(at)
}

func (p *store) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := kindOf(expr)
	p.asked[k]++
	if at.IsZero() {
		at = p.now()
	}
	if k == asksRequests {
		p.exprs = append(p.exprs, expr)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.fail != nil {
		if err := p.fail(k, at); err != nil {
			return nil, err
		}
	}
	return p.evaluate(k, expr, at)
}

func (p *store) evaluate(k kind, expr string, at time.Time) (model.Vector, error) {
	switch k {
	case asksBase:
		if at.Add(-offsetOf(settled, expr)).Before(p.born) {
			return nil, nil
		}
		return scalar(float64(p.targets)), nil
	case asksLag:
		if at.Before(p.born) {
			return nil, nil
		}
		return p.seconds(expr, func(arm counting.Service) float64 { return cmp.Or(p.slow[arm].lag, p.lag) }), nil
	case asksComplete:
		return p.complete(expr, at), nil
	case asksInterval:
		if p.young(at) {
			return nil, nil
		}
		return p.seconds(expr, func(arm counting.Service) float64 { return cmp.Or(p.slow[arm].interval, p.interval) }), nil
	case asksUnknown:
		if p.young(at) && !at.Before(p.born) {
			return p.seconds(expr, func(counting.Service) float64 { return at.Sub(p.born).Seconds() }), nil
		}
		return p.seconds(expr, func(arm counting.Service) float64 { return cmp.Or(p.slow[arm].unmeasured, p.unmeasured) }), nil
	case asksFreshness:
		return append(p.freshness(expr, at), p.unknown...), nil
	case asksCopies:
		return p.copies, nil
	case asksClock:
		return model.Vector{{Value: 1, Timestamp: model.TimeFromUnixNano(at.UnixNano())}}, nil
	case asksRequests:
		return append(p.visible(expr, at), p.rogue...), nil
	case asksDurations:
		return p.pairs(expr, at, "within", func(code string) bool { return code != "late" }), nil
	case asksCustom:
		return p.pairs(expr, at, "bad", func(code string) bool { return code == "500" }), nil
	}
	return nil, fmt.Errorf("unexpected question: %s", expr)
}

func (p *store) QueryRange(ctx context.Context, expr string, first, last time.Time, step time.Duration) (model.Matrix, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ranges = append(p.ranges, last.Sub(first)+step)
	if err := cmp.Or(ctx.Err(), p.failRange); err != nil {
		return nil, err
	}
	if strings.Contains(expr, `reporter="destination"`) {
		return p.ofPods, nil
	}
	series := map[model.Fingerprint]*model.SampleStream{}
	for at := first; !at.After(last); at = at.Add(step) {
		v, err := p.evaluate(kindOf(expr), expr, at)
		if err != nil {
			return nil, err
		}
		for _, s := range v {
			one := series[s.Metric.Fingerprint()]
			if one == nil {
				one = &model.SampleStream{Metric: s.Metric}
				series[s.Metric.Fingerprint()] = one
			}
			one.Values = append(one.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(at.UnixNano()), Value: s.Value})
		}
	}
	return slices.Collect(maps.Values(series)), nil
}

func (p *store) counts(expr string, at time.Time) model.Vector {
	return p.countsOf(expr, at.Add(-sliceOf(expr)), at)
}

func (p *store) countsOf(expr string, from, at time.Time) model.Vector {
	var v model.Vector
	for s := range arms(expr) {
		if !p.carried(s, at) || p.hide != nil && p.hide(s, at) {
			continue
		}
		sums := p.increments(s, from, at)
		sums["200"] += sums["late"] // the series is there, also when nothing was added to it
		delete(sums, "late")
		for code, n := range sums {
			v = append(v, &model.Sample{Metric: labels(s, "response_code", model.LabelValue(code)), Value: model.SampleValue(n)})
		}
	}
	return v
}

// young tells whether no target has been scraped twice, and for long enough that it shows.
func (p *store) young(at time.Time) bool {
	return at.Sub(p.born) <= max(20*time.Second, time.Duration(p.interval*float64(time.Second)))
}

// pairs are all requests of each arm, and those of the second fact.
func (p *store) pairs(expr string, at time.Time, second string, counts func(code string) bool) model.Vector {
	var v model.Vector
	for s := range arms(expr) {
		if !p.carried(s, at) {
			continue
		}
		all, some := 0.0, 0.0
		for code, n := range p.increments(s, at.Add(-sliceOf(expr)), at) {
			all += n
			if counts(code) {
				some += n
			}
		}
		v = append(v, &model.Sample{Metric: labels(s, "fact", "all"), Value: model.SampleValue(all)})
		if p.hide == nil || !p.hide(s, at) {
			v = append(v, &model.Sample{Metric: labels(s, "fact", model.LabelValue(second)), Value: model.SampleValue(some)})
		}
	}
	return v
}

func (p *store) freshness(expr string, at time.Time) model.Vector {
	fresh := p.targets
	if p.fresh != nil {
		fresh = p.fresh(at)
	}
	var v model.Vector
	for s := range arms(expr) {
		if !p.carried(s, at) {
			continue
		}
		v = append(v,
			&model.Sample{Metric: labels(s, "fact", "targets"), Value: model.SampleValue(p.targets)},
			&model.Sample{Metric: labels(s, "fact", "fresh"), Value: model.SampleValue(fresh)},
			&model.Sample{Metric: labels(s, "fact", "newest"), Value: model.SampleValue(at.Unix())},
			&model.Sample{Metric: labels(s, "fact", "new"), Value: model.SampleValue(p.begins)})
	}
	return v
}

// complete is what is visible of each arm.
func (p *store) complete(expr string, at time.Time) model.Vector {
	var v model.Vector
	for s := range arms(expr) {
		if p.carried(s, at) {
			v = append(v, &model.Sample{Metric: labels(s, "", ""), Value: model.SampleValue(at.Add(-p.behind).UnixMilli()) / 1000})
			delete(v[len(v)-1].Metric, "")
		}
	}
	return v
}

func scalar(n float64) model.Vector { return model.Vector{{Value: model.SampleValue(n)}} }

func kindOf(expr string) kind {
	for prefix, k := range map[string]kind{
		"(group by (proxy": asksCopies, "sum by": asksRequests, "clamp_max(min by": asksComplete, "label_replace(count": asksFreshness, "count(": asksBase,
	} {
		if strings.HasPrefix(expr, prefix) {
			return k
		}
	}
	switch {
	case strings.Contains(expr, "scrape_duration_seconds"):
		return asksLag
	case strings.Contains(expr, "time() - "):
		return asksUnknown
	case strings.HasPrefix(expr, "max by"):
		return asksInterval
	case strings.Contains(expr, "_bucket{"):
		return asksDurations
	case strings.Contains(expr, `"bad"`):
		return asksCustom
	}
	return kind(expr)
}

var (
	namespaces = regexp.MustCompile(`destination_service_namespace=~?"([^"]*)"`)
	names      = regexp.MustCompile(`destination_service_name=~?"([^"]*)"`)
	settled    = regexp.MustCompile(`offset (\w+)\)\)$`)
	offsets    = regexp.MustCompile(`(?:_total|_count)\{[^\[]*\[\w+\] offset (\w+)`)
)

// arms are the services an expression asks about: the product of its namespaces and names.
func arms(expr string) map[counting.Service]bool {
	all := map[counting.Service]bool{}
	for ns := range strings.SplitSeq(namespaces.FindStringSubmatch(expr)[1], "|") {
		for name := range strings.SplitSeq(names.FindStringSubmatch(expr)[1], "|") {
			all[counting.Service{Namespace: ns, Name: name}] = true
		}
	}
	return all
}

func sliceOf(expr string) time.Duration { return offsetOf(offsets, expr) }

func offsetOf(where *regexp.Regexp, expr string) time.Duration {
	d, err := model.ParseDuration(where.FindStringSubmatch(expr)[1])
	if err != nil {
		panic(err)
	}
	return time.Duration(d)
}

func (p *store) questions() map[kind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.asked)
}

var errDown = errors.New("connection refused")

// partial is the error of an answer with warnings.
type partial struct{ warnings []string }

func (p partial) Error() string        { return strings.Join(p.warnings, "; ") }
func (p partial) Incomplete() []string { return p.warnings }

func TestStoreKnowsEveryQuestion(t *testing.T) {
	s := counting.Service{Namespace: "shop", Name: "checkout"}
	b, err := promql.NewBatch(promql.Scope{}, counting.Indicator{}, []counting.Service{s, s.Canary()})
	if err != nil {
		t.Fatal(err)
	}
	requests, err := b.Increments(15 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	base, err := b.Base(15 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := b.Freshness(15 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for want, expr := range map[kind]string{asksRequests: requests, asksBase: base, asksFreshness: fresh, asksUnknown: b.Unmeasured(), asksComplete: b.Complete(), asksLag: b.Lag(), asksCopies: b.Copies(), asksInterval: b.ScrapeInterval()} {
		if got := kindOf(expr); got != want {
			t.Errorf("the question for %s is taken for %s", want, got)
		}
	}
	if got := sliceOf(requests); got != 15*time.Second {
		t.Errorf("the slice is taken for %s", got)
	}
	if got := arms(requests); !got[s] || !got[s.Canary()] || len(got) != 2 {
		t.Errorf("the arms are taken for %v", got)
	}
}
