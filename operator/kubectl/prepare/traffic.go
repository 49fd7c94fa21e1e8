package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/config"
	"github.com/spf13/pflag"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/simulate"
)

// mostRate is the most requests per second that can be given.
const mostRate = 1_000_000_000

// traffic is where a Service's traffic is known from: flags, Prometheus or the last release.
type traffic struct {
	rate float64
	bad  string
	prometheusFlags
}

func (t *traffic) check() error {
	if !(t.rate >= 0 && t.rate <= mostRate) || t.bad != "" && v1alpha1.Percentage(t.bad).Millionths() == 0 && t.bad != "0%" {
		return fmt.Errorf("--rate must be from 0 to %d requests per second, and --bad a percentage such as 0.2%%", mostRate)
	}
	return t.prometheusFlags.check()
}

// past is the Service's traffic before a release: as given, as Prometheus knows it, or as the last release found it.
func (t *traffic) past(ctx context.Context, shift *v1alpha1.TrafficShift, policy v1alpha1.ShiftPolicySpec, env cli.Env) (*v1alpha1.Baseline, string, error) {
	switch {
	case t.rate > 0:
		return t.fromFlags(policy), "as given", nil
	case t.address != "":
		r, err := t.read(ctx, policy, env.Now())
		if err != nil {
			return nil, "", err
		}
		return r.baseline(policy), r.describe(), nil
	case shift.Status.Release != nil && shift.Status.Release.Baseline != nil && shift.Status.Release.Baseline.Rate() > 0:
		r := shift.Status.Release
		return r.Baseline, fmt.Sprintf("as it was before release %d, on %s", r.Number, r.StartedAt.UTC().Format("2006-01-02 15:04 MST")), nil
	}
	return nil, "", fmt.Errorf("no traffic of %s is known yet from a release; give --rate in requests per second, or --prometheus with the address of the mesh's Prometheus", shift.Name)
}

// fromFlags makes a past of the flags.
func (t *traffic) fromFlags(policy v1alpha1.ShiftPolicySpec) *v1alpha1.Baseline {
	const requests = v1alpha1.Whole
	b := &v1alpha1.Baseline{RequestsPerSecond: strconv.FormatFloat(t.rate, 'g', -1, 64)}
	for _, o := range policy.Objectives {
		if t.bad != "" {
			b.Objectives = append(b.Objectives, v1alpha1.BaselineObjective{Name: o.Name, Phi: "1",
				Counts: v1alpha1.ArmCounts{Requests: requests, Bad: v1alpha1.Percentage(t.bad).Millionths()}})
		}
	}
	return b
}

func (t *traffic) flags(set *pflag.FlagSet) {
	set.Float64Var(&t.rate, "rate", 0, "the Service's traffic in requests per second, instead of what is known of it")
	set.StringVar(&t.bad, "bad", "", "the stable's share of bad requests, such as 0.2%, with --rate")
	t.address.AddTo(set, "the address of the mesh's Prometheus, to look at the Service's real traffic")
	set.StringVar(&t.from, "from", "6h", "with --prometheus: from when on, as a time (RFC 3339) or how long ago")
	set.StringVar(&t.to, "to", "0s", "with --prometheus: until when, in the same way")
}

// prometheusFlags name a Prometheus that knows a Service's traffic, and a time.
type prometheusFlags struct {
	address  cli.Address
	from, to string
	// arm is what serves the Service's traffic when no release runs, as requests are counted.
	arm counting.Service
}

// serving is what serves the traffic of a TrafficShift when no release runs: its Service, or the destination that the last promotion went to.
func serving(ctx context.Context, c cli.Cluster, shift *v1alpha1.TrafficShift) (counting.Service, error) {
	if shift.Spec.Destinations == nil {
		return counting.Service{Namespace: shift.Namespace, Name: shift.Spec.Service.Name}, nil
	}
	d, r := shift.Spec.Destinations.Stable, shift.Status.Release
	if r != nil && (r.Toward == v1alpha1.TowardCanary) == (r.State == v1alpha1.StatePromoted) {
		d = shift.Spec.Destinations.Canary
	}
	return c.Arm(ctx, d)
}

// recording is what Prometheus knows of a Service: its counts minute by minute, for each objective.
type recording struct {
	first, last time.Time
	counts      [][]evidence.Counts
}

const minute = time.Minute

func (r *prometheusFlags) check() error {
	_, _, err := r.span(time.Unix(0, 0))
	return err
}

// span is the time in question, in whole minutes.
func (r *prometheusFlags) span(now time.Time) (first, last time.Time, err error) {
	if first, err = parseTime("--from", r.from, now); err != nil {
		return first, last, err
	}
	if last, err = parseTime("--to", r.to, now); err != nil {
		return first, last, err
	}
	first, last = first.Truncate(minute), last.Truncate(minute)
	switch length := last.Sub(first); {
	case length < 10*minute:
		return first, last, errors.New("--from must lie ten minutes before --to at least")
	case length/minute >= promql.MaxHistory:
		return first, last, fmt.Errorf("--from may lie %s before --to at most", promql.MaxHistory*minute-minute)
	}
	return first, last, nil
}

// parseTime reads a time, or how long ago it was.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%s must be a time such as 2026-03-01T12:00:00Z, or how long ago, such as 6h; not %q", flag, text)
	}
	return at, nil
}

// read asks Prometheus for the stable's counts, minute by minute.
func (r *prometheusFlags) read(ctx context.Context, policy v1alpha1.ShiftPolicySpec, now time.Time) (recording, error) {
	first, last, err := r.span(now)
	if err != nil {
		return recording{}, err
	}
	source, err := prometheus.New(prometheus.Config{Address: r.address.String(), HTTP: config.DefaultHTTPClientConfig, Timeout: time.Minute})
	if err != nil {
		return recording{}, err
	}
	h := recording{first: first, last: last}
	arm := r.arm
	for _, o := range policy.Objectives {
		b, err := promql.NewBatch(promql.Scope{}, counting.IndicatorOf(o), []counting.Service{arm})
		if err != nil {
			return recording{}, fmt.Errorf("objective %s: %w", o.Name, err)
		}
		expr, err := b.Increments(minute)
		if err != nil {
			return recording{}, fmt.Errorf("objective %s: %w", o.Name, err)
		}
		answer, err := source.QueryRange(ctx, expr, first.Add(minute), last, minute)
		if err != nil {
			return recording{}, fmt.Errorf("asking Prometheus: %w", err)
		}
		all, err := b.History(answer, first.Add(minute), last, minute)
		if err != nil {
			return recording{}, fmt.Errorf("reading what Prometheus says: %w", err)
		}
		var counts []evidence.Counts
		total := 0.0
		for _, c := range all[arm] {
			counts = append(counts, evidence.Counts{Requests: c.Requests, Bad: c.Bad})
			total += c.Requests
		}
		if total == 0 {
			return recording{}, fmt.Errorf("no requests are known to Prometheus to %s from %s to %s (objective %s); choose another time, or check the address",
				arm, first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339), o.Name)
		}
		h.counts = append(h.counts, counts)
	}
	return h.known(), nil
}

// known is the part of the time of which Prometheus knows something by every objective.
func (h recording) known() recording {
	if len(h.counts) == 0 {
		return h
	}
	shortest := len(slices.MinFunc(h.counts, func(a, b []evidence.Counts) int { return len(a) - len(b) }))
	for i, counts := range h.counts {
		h.counts[i] = counts[len(counts)-shortest:]
	}
	h.first = h.last.Add(-time.Duration(shortest) * minute)
	return h
}

// baseline is what the operator would take from the same past.
func (h recording) baseline(policy v1alpha1.ShiftPolicySpec) *v1alpha1.Baseline {
	requests := 0.0
	for _, c := range h.counts[0] {
		requests += c.Requests
	}
	b := &v1alpha1.Baseline{
		RequestsPerSecond: strconv.FormatFloat(requests/(float64(len(h.counts[0]))*minute.Seconds()), 'g', 4, 64),
		History:           v1alpha1.DurationOf(h.last.Sub(h.first)),
	}
	c := evidence.ConfigOf(policy, nil)
	for i, o := range policy.Objectives {
		b.Objectives = append(b.Objectives, evidence.Disperse(h.counts[i], c.Objectives[i].Limit).Of(o.Name))
	}
	return b
}

// traffic is the same to be played again, with bad requests in bursts of the size that their dispersion shows.
func (h recording) traffic(past *v1alpha1.Baseline) simulate.Traffic {
	t := simulate.Traffic{Recorded: &simulate.Recorded{Step: minute, Counts: h.counts}, Stable: make([]float64, len(h.counts))}
	for _, o := range past.Objectives {
		t.Burst = max(t.Burst, (o.Dispersion()+1)/2) // the dispersion of geometric bursts of mean b is 2b-1
	}
	return t
}

func (h recording) describe() string {
	return fmt.Sprintf("as Prometheus counted it from %s to %s", h.first.UTC().Format("2006-01-02 15:04"), h.last.UTC().Format("2006-01-02 15:04 MST"))
}
