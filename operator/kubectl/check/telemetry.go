package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	prometheusCheck = "Prometheus"
	requestsCheck   = "istio_requests_total"
	labelsCheck     = "labels of requests"
	protocolsCheck  = "protocols"
	intervalCheck   = "scrape interval"
	lagCheck        = "lag and clocks"
	edgesCheck      = "edges of durations"
)

const (
	// slowScrape is the scrape interval from which on an abort takes noticeably longer.
	slowScrape = 30 * time.Second
	// mostBehind is how old the newest sample may be beyond the scrape interval, mostAhead how far the clocks may differ.
	mostBehind = 15 * time.Second
	mostAhead  = 2 * time.Second
)

// reported are the requests that are counted: those that the callers' proxies report.
const reported = `istio_requests_total{reporter="source"}`

// telemetry looks at whether Istio's metrics in Prometheus are what requests can be counted by.
func (k *check) telemetry(ctx context.Context) {
	if k.prometheus == "" {
		k.add(ResultUnknown, prometheusCheck, "not asked", "give its address with --prometheus, such as http://127.0.0.1:9090 after kubectl port-forward")
		return
	}
	source, err := prometheus.New(prometheus.Config{Address: k.prometheus.String(), HTTP: config.DefaultHTTPClientConfig})
	if err != nil {
		k.add(ResultMissing, prometheusCheck, err.Error(), "give its address as http://host:port, without /api/v1")
		return
	}
	t := telemetry{check: k, ask: source, now: k.env.Now()}
	for _, look := range []func(context.Context) (goOn bool, err error){t.requests, t.labels, t.protocols, t.interval, t.lag, t.edges} {
		goOn, err := look(ctx)
		if err != nil {
			k.add(ResultMissing, prometheusCheck, err.Error(), "see that "+k.prometheus.String()+" is the Prometheus that has Istio's metrics, and that it answers")
			return
		}
		if !goOn {
			return
		}
	}
}

// telemetry asks one Prometheus.
type telemetry struct {
	*check
	ask   *prometheus.Client
	now   time.Time
	every time.Duration
}

// values are the answers by the value of one label; "" where a series lacks it.
func (t *telemetry) values(ctx context.Context, expr, label string) (map[string]float64, error) {
	answer, err := t.ask.Query(ctx, expr, t.now)
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for _, s := range answer {
		found[string(s.Metric[model.LabelName(label)])] = float64(s.Value)
	}
	return found, nil
}

// single is the only answer, and whether there is one.
func (t *telemetry) single(ctx context.Context, expr string) (float64, bool, error) {
	found, err := t.values(ctx, expr, "")
	value, is := found[""]
	return value, is, err
}

// requests looks at whether the callers' proxies are scraped.
func (t *telemetry) requests(ctx context.Context) (bool, error) {
	by, err := t.values(ctx, "count by (reporter) (istio_requests_total)", "reporter")
	if err != nil {
		return false, err
	}
	t.add(ResultOK, prometheusCheck, "answers at "+t.prometheus.String(), "")
	switch {
	case len(by) == 0:
		t.add(ResultMissing, requestsCheck, "there is none",
			"scrape the proxies and gateways (manifests/docs/install.md, Istio's metrics), and send a request through the mesh")
		return false, nil
	case by["source"] == 0:
		t.add(ResultMissing, requestsCheck, `none with reporter="source": only `+strings.Join(keys(by), ", "),
			"scrape the callers' sidecars and the gateways too; a waypoint reports nothing that can be used")
		return false, nil
	}
	t.add(ResultOK, requestsCheck, fmt.Sprintf(`%.0f series with reporter="source"`, by["source"]), "")
	return true, nil
}

// labels looks at each label that requests are counted by.
func (t *telemetry) labels(ctx context.Context) (bool, error) {
	var lacks []string
	for _, label := range []string{"destination_service_name", "destination_service_namespace", counting.LabelCode, counting.LabelFlags, counting.LabelProtocol} {
		n, is, err := t.single(ctx, fmt.Sprintf(`count(istio_requests_total{reporter="source",%s=""})`, label))
		if err != nil {
			return false, err
		}
		if is {
			lacks = append(lacks, fmt.Sprintf("%s on %.0f series", label, n))
		}
	}
	if len(lacks) > 0 {
		t.add(ResultMissing, labelsCheck, "missing: "+strings.Join(lacks, ", "), "take back what removes them: the Telemetry API's tagOverrides, or relabelling in Prometheus")
		return true, nil
	}
	t.add(ResultOK, labelsCheck, "all that requests are counted by", "")
	return true, nil
}

// protocols looks at whether calls of gRPC carry their status.
func (t *telemetry) protocols(ctx context.Context) (bool, error) {
	by, err := t.values(ctx, "count by ("+counting.LabelProtocol+") ("+reported+")", counting.LabelProtocol)
	if err != nil {
		return false, err
	}
	without, is, err := t.single(ctx, `count(istio_requests_total{reporter="source",request_protocol="grpc",grpc_response_status=""})`)
	if err != nil {
		return false, err
	}
	if is {
		t.add(ResultMissing, protocolsCheck, fmt.Sprintf("%.0f series of gRPC have no grpc_response_status", without), "take back what removes the label: the Telemetry API's tagOverrides, or relabelling in Prometheus")
		return true, nil
	}
	t.add(ResultOK, protocolsCheck, strings.Join(keys(by), ", "), "")
	return true, nil
}

// scraped are the targets that report requests: their up, and the time of its newest sample.
const scraped = `(%s) and on (job, instance) group by (job, instance) (` + reported + `)`

// interval looks at how often the proxies are scraped.
func (t *telemetry) interval(ctx context.Context) (bool, error) {
	seconds, is, err := t.single(ctx, "max("+fmt.Sprintf(scraped, "300 / count_over_time(up[5m]) and on (job, instance) last_over_time(up[5m] offset 5m)")+")")
	if err != nil {
		return false, err
	}
	if !is {
		t.add(ResultUnknown, intervalCheck, "no target is known for ten minutes with a sample of up", "look again later; if it stays so, let Prometheus itself scrape, or keep up")
		return true, nil
	}
	t.every = time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
	if t.every > slowScrape {
		t.add(ResultWarning, intervalCheck, fmt.Sprintf("the longest is %s: a breach is seen that much later", t.every), "scrape the proxies every 15s")
		return true, nil
	}
	t.add(ResultOK, intervalCheck, fmt.Sprintf("the longest is %s", t.every), "")
	return true, nil
}

// lag looks at how far the newest samples are behind or ahead of this machine's clock.
func (t *telemetry) lag(ctx context.Context) (bool, error) {
	newest, is, err := t.single(ctx, "max("+fmt.Sprintf(scraped, "timestamp(up)")+")")
	if err != nil || !is {
		return true, err
	}
	behind := t.now.Sub(time.UnixMilli(int64(newest * 1000))).Round(100 * time.Millisecond)
	switch {
	case behind < -mostAhead:
		t.add(ResultWarning, lagCheck, fmt.Sprintf("the newest sample lies %s in the future of this machine", -behind), "set the clocks of this machine and of Prometheus by NTP")
	case behind > t.every+mostBehind:
		t.add(ResultWarning, lagCheck, fmt.Sprintf("the newest sample is %s old: a breach is seen that much later", behind), "see why samples arrive late, or set the clocks by NTP")
	default:
		t.add(ResultOK, lagCheck, fmt.Sprintf("the newest sample is %s old", max(behind, 0)), "")
	}
	return true, nil
}

// edges looks at whether the mesh's histogram has the edges that the policies' thresholds need.
func (t *telemetry) edges(ctx context.Context) (bool, error) {
	by, err := t.values(ctx, `group by (le) (istio_request_duration_milliseconds_bucket{reporter="source"})`, "le")
	if err != nil {
		return false, err
	}
	if len(by) == 0 {
		t.add(ResultWarning, edgesCheck, "there is no istio_request_duration_milliseconds_bucket", "needed by objectives of the indicator Duration alone: let the proxies report it")
		return false, nil
	}
	var there []time.Duration
	for le := range by {
		if ms, err := strconv.ParseFloat(le, 64); err == nil && ms < 1e12 {
			there = append(there, time.Duration(ms*float64(time.Millisecond)))
		}
	}
	slices.Sort(there)
	var wrong []string
	for _, o := range t.thresholds() {
		if err := counting.Edge(o.threshold, there); err != nil {
			wrong = append(wrong, o.policy+": "+err.Error())
		}
	}
	if len(wrong) > 0 {
		t.add(ResultMissing, edgesCheck, strings.Join(wrong, "; "), "choose a threshold at an edge, or give the mesh the edge")
		return true, nil
	}
	t.add(ResultOK, edgesCheck, fmt.Sprintf("%d, among them those of all policies", len(there)), "")
	return true, nil
}

// threshold is that of a policy's objective.
type threshold struct {
	policy    string
	threshold time.Duration
}

// thresholds are those of all policies.
func (k *check) thresholds() []threshold {
	var all []threshold
	for _, p := range k.known {
		for _, o := range p.Spec.Objectives {
			if i := counting.IndicatorOf(o); i.KindOrDefault() == counting.Duration {
				all = append(all, threshold{p.Name, i.Threshold})
			}
		}
	}
	return all
}

func keys(by map[string]float64) []string {
	var all []string
	for name := range by {
		if name == "" {
			name = "(none)"
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
