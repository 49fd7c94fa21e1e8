package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	// tick is from one scrape to the next.
	tick = 30 * time.Second
	// length is how much there is before the present.
	length = 26 * time.Hour
)

// day is a day of a made-up fleet: what pkg/metrics tells of made-up TrafficShifts, and counters that follow from it.
type day struct {
	dice   *rand.Rand
	table  map[string]metrics.Metric
	series map[string][]string // the samples of each
	counts map[string]float64  // counters as they are now
	now    time.Time
}

func newDay() *day {
	d := &day{dice: rand.New(rand.NewPCG(1, 1)), table: map[string]metrics.Metric{}, series: map[string][]string{}, counts: map[string]float64{}}
	for _, m := range metrics.Table() {
		d.table[m.Name] = m
	}
	d.born()
	f := d.fleet()
	for d.now = end.Add(-length); !d.now.After(end); d.now = d.now.Add(tick) {
		f.live(d)
		d.work(&f.shifts[0])
		for name, value := range d.counts {
			d.sample(name, value)
		}
	}
	return d
}

// write gives all samples as OpenMetrics.
func (d *day) write(out io.Writer) {
	names := make([]string, 0, len(d.series))
	for name := range d.series {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, sample := range d.series[name] {
			fmt.Fprintln(out, name+" "+sample)
		}
	}
	fmt.Fprintln(out, "# EOF")
}

func (d *day) sample(series string, value float64) {
	d.series[series] = append(d.series[series], strconv.FormatFloat(value, 'g', 8, 64)+" "+strconv.FormatInt(d.now.Unix(), 10))
}

// count adds to a counter.
func (d *day) count(n float64, name string, labels ...string) { d.counts[named(name, labels...)] += n }

// observe adds a value to a histogram.
func (d *day) observe(value float64, name string, bounds []float64, labels ...string) {
	for _, b := range append(slices.Clone(bounds), math.Inf(1)) {
		n := 0.0
		if value <= b {
			n = 1
		}
		d.count(n, name+"_bucket", append(slices.Clone(labels), "le", fmt.Sprint(b))...)
	}
	d.count(1, name+"_count", labels...)
}

// named is a series: labels are names and values in turn.
func named(name string, labels ...string) string {
	parts := make([]string, 0, len(labels)/2+2)
	parts = append(parts, `job="stagger-metrics"`, `pod="stagger-7d9c-x2x5p"`)
	if strings.HasPrefix(name, "istio_") || strings.HasPrefix(name, "kube_") || name == "ALERTS" {
		parts = parts[:0]
	}
	for i := 0; i < len(labels); i += 2 {
		parts = append(parts, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

// labels gives the labels of a metric of the table their names.
func (d *day) labels(name string, values ...string) []string {
	var labels []string
	for i, v := range values {
		labels = append(labels, d.table[name].Labels[i].Name, v)
	}
	return labels
}

// gauge is a metrics.Emit.
func (d *day) gauge(name string, value float64, values ...string) {
	d.sample(named(name, d.labels(name, values...)...), value)
}

// happened is a metrics.Emit of what has changed.
func (d *day) happened(name string, value float64, values ...string) {
	if m := d.table[name]; m.Type == metrics.Histogram {
		d.observe(value, name, m.Buckets, d.labels(name, values...)...)
		return
	}
	d.count(value, name, d.labels(name, values...)...)
}

// born makes the counters that are there at 0.
func (d *day) born() {
	for _, m := range d.table {
		for _, values := range m.Born {
			if m.Name == metrics.StepDuration && len(values[0]) > 1 || m.Name == metrics.StepDuration && values[0] > "5" {
				continue // the policies here have five steps
			}
			labels := d.labels(m.Name, values...)
			if m.Type != metrics.Histogram {
				d.count(0, m.Name, labels...)
				continue
			}
			for _, b := range append(slices.Clone(m.Buckets), math.Inf(1)) {
				d.count(0, m.Name+"_bucket", append(labels, "le", fmt.Sprint(b))...)
			}
			d.count(0, m.Name+"_count", labels...)
		}
	}
}

// fleet is what is released: Services with their releases under way.
type fleet struct {
	shifts   []v1alpha1.TrafficShift
	services []corev1.Service
	plans    []plan
}

// plan is when the next release of a Service begins, and how it goes.
type plan struct {
	at     time.Time
	fails  time.Duration // since the beginning; 0: never
	shares []float64
	bad    float64 // of the canary when it fails
	rate   float64
}

var steps = []float64{0.01, 0.05, 0.25, 0.5, 1}

const (
	hold  = 8 * time.Minute
	share = 0.002 // of the stable's requests are bad
)

// fleet makes the Services: checkout of shop is the one of the release board.
func (d *day) fleet() *fleet {
	f := &fleet{}
	for _, n := range []struct {
		namespace, policy string
		names             []string
		unmanaged         int
	}{
		{"shop", "standard", []string{"checkout", "basket", "prices", "stock"}, 1},
		{"payments", "cautious", []string{"ledger", "cards", "refunds"}, 2},
		{"search", "fast", []string{"query", "index", "suggest", "ranking"}, 0},
		{"media", "standard", []string{"thumbs", "upload"}, 4},
	} {
		for _, name := range n.names {
			s := v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: name}}
			s.Spec.PolicyRef.Name, s.Spec.Service.Name = n.policy, name
			s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReasonUpToDate)}}
			f.shifts = append(f.shifts, s)
			p := plan{at: end.Add(-length + time.Duration(d.dice.IntN(180))*time.Minute), rate: 40 + 200*d.dice.Float64(), bad: 0.06}
			if d.dice.Float64() < 0.3 {
				p.fails = time.Duration(2+d.dice.IntN(20)) * time.Minute
			}
			if name == "checkout" {
				p.at, p.fails, p.rate, p.bad = end.Add(-31*time.Minute), 27*time.Minute, 180, 0.0042
			}
			f.plans = append(f.plans, p)
		}
		for i := range n.unmanaged {
			f.services = append(f.services, corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: fmt.Sprint("old-", i)},
				Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "old"}}})
		}
		for _, outcome := range []v1alpha1.ReleaseState{v1alpha1.StatePromoted, v1alpha1.StateAborted} {
			d.count(0, metrics.NamespaceReleases, d.labels(metrics.NamespaceReleases, n.namespace, string(outcome))...)
		}
		for _, result := range []string{metrics.Exposed, metrics.Failed, metrics.ExcessFailed} {
			d.count(0, metrics.NamespaceCanaryRequests, d.labels(metrics.NamespaceCanaryRequests, n.namespace, result)...)
		}
		d.count(0, metrics.ReleasesStarted, metrics.LabelPolicy, n.policy)
	}
	return f
}

// live lets a tick pass for every Service, and tells of it.
func (f *fleet) live(d *day) {
	for i := range f.shifts {
		s, before := &f.shifts[i], *f.shifts[i].Status.DeepCopy()
		d.move(s, &f.plans[i])
		at := d.now
		if r := before.Release; r != nil && r.State == v1alpha1.StateAborting {
			at = r.Outcome.DecidedAt.Add(time.Duration(300+d.dice.IntN(900)) * time.Millisecond) // writing takes no tick
		}
		metrics.Changes(s.Namespace, before, s.Status, "", at, d.happened)
	}
	metrics.State(metrics.Fleet{Shifts: f.shifts, Services: f.services}, metrics.AllReleases, d.gauge)
}

// move takes a release to where it is a tick later.
func (d *day) move(s *v1alpha1.TrafficShift, p *plan) {
	r := s.Status.Release
	if !r.Running() {
		if d.now.Before(p.at) {
			return
		}
		next := int64(7)
		if r != nil {
			next = r.Number + 1
		}
		s.Status.Release = &v1alpha1.Release{Number: next, Policy: s.Spec.PolicyRef.Name, State: v1alpha1.StatePreparing, StartedAt: metav1.NewTime(d.now), Revision: fmt.Sprint(next),
			Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability", Against: "1", For: "1"}}}
		for range steps {
			s.Status.Release.Plan.Steps = append(s.Status.Release.Plan.Steps, v1alpha1.Step{})
		}
		d.waits(s, v1alpha1.ReasonReleasing)
		return
	}
	age := d.now.Sub(r.StartedAt.Time)
	step := int((age-90*time.Second)/hold) + 1
	switch {
	case age < 90*time.Second:
		return
	case r.Outcome != nil && d.now.Sub(r.Outcome.DecidedAt.Time) > 10*tick:
		d.over(s, p)
		return
	case r.Outcome != nil:
		r.State, r.Weight, r.LiveWeight = v1alpha1.StateDraining, "0%", "0%"
		return
	case step > len(steps):
		r.State = v1alpha1.StateHandover
		if age > 90*time.Second+time.Duration(len(steps))*hold+2*time.Minute {
			d.over(s, p)
		}
		return
	}
	r.State = v1alpha1.StateShifting
	if int(r.Step) != step {
		r.Step = int32(step)
		r.Weight = v1alpha1.Percentage(fmt.Sprint(steps[step-1]*100, "%"))
		r.Weights = append(r.Weights, v1alpha1.WrittenWeight{Weight: r.Weight, Step: r.Step, At: metav1.NewTime(d.now)})
		r.Objectives[0].For = "1"
		d.waits(s, v1alpha1.ReasonHolding)
	}
	d.serve(r, p, age, steps[step-1])
}

// serve has users make their requests of a tick, and judges by them: each request has so many chances to be bad as stable's, or five times as
// many.
func (d *day) serve(r *v1alpha1.Release, p *plan, age time.Duration, weight float64) {
	o := &r.Objectives[0]
	live := weight * (0.93 + 0.14*d.dice.Float64())
	r.LiveWeight = v1alpha1.Percentage(strconv.FormatFloat(min(100, live*100), 'f', 2, 64) + "%")
	n := p.rate * tick.Seconds()
	bad := share
	if p.fails > 0 && age > p.fails {
		bad = p.bad
	}
	canary, stable := n*min(1, live), n*max(0, 1-live)
	failed := math.Round(max(0, canary*bad+math.Sqrt(canary*bad)*d.dice.NormFloat64()))
	o.Stable.Requests += int64(stable)
	o.Stable.Bad += int64(max(0, stable*share+math.Sqrt(stable*share)*d.dice.NormFloat64()))
	o.Canary.Requests += int64(canary)
	o.Canary.Bad += int64(failed)
	r.Exposed, r.Failed = o.Canary.Requests, o.Canary.Bad
	before := func(text string) float64 { v, _ := strconv.ParseFloat(text, 64); return math.Log(v) }
	ratio := failed*math.Log(3) - canary*share*2
	against := max(math.Log(0.3), min(math.Log(1e6), before(o.Against)+ratio))
	support := max(math.Log(0.2), min(math.Log(1e6), before(o.For)-ratio*0.5/math.Sqrt(1+canary/2000)+0.01))
	o.Against, o.For = strconv.FormatFloat(math.Exp(against), 'g', 6, 64), strconv.FormatFloat(math.Exp(support), 'g', 6, 64)
	if against > math.Log(100) {
		counted, decided := metav1.NewMicroTime(d.now.Add(-4*time.Second)), metav1.NewMicroTime(d.now.Add(-time.Duration(500+d.dice.IntN(900))*time.Millisecond))
		r.State = v1alpha1.StateAborting
		r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryWorseThanStable, CountedUntil: &counted, DecidedAt: &decided}
	}
}

// over ends a release, and plans the next.
func (d *day) over(s *v1alpha1.TrafficShift, p *plan) {
	r := s.Status.Release
	past := v1alpha1.PastRelease{Number: r.Number, Revision: r.Revision, Outcome: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted, Exposed: r.Exposed, Failed: r.Failed,
		Duration: v1alpha1.DurationOf(d.now.Sub(r.StartedAt.Time))}
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReasonUpToDate)}
	if r.Outcome != nil {
		past.Outcome, past.Reason = r.Outcome.Result, r.Outcome.Reason
		ready.Status, ready.Reason = metav1.ConditionFalse, string(v1alpha1.ReasonAborted)
	}
	r.State = past.Outcome
	s.Status.History = append([]v1alpha1.PastRelease{past}, s.Status.History...)
	s.Status.Conditions = []metav1.Condition{ready}
	*p = plan{at: d.now.Add(time.Duration(60+d.dice.IntN(300)) * time.Minute), rate: p.rate, bad: p.bad}
	if d.dice.Float64() < 0.3 {
		p.fails = time.Duration(2+d.dice.IntN(20)) * time.Minute
	}
}

// waits says why the release is where it is.
func (d *day) waits(s *v1alpha1.TrafficShift, reason v1alpha1.Reason) {
	now := metav1.NewTime(d.now)
	s.Status.ReasonSince = &now
	s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: string(reason)}}
}
