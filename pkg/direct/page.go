package direct

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// Port is where Istio's proxies give their statistics: outside of mTLS, and not redirected.
	Port = 15090
	// Path is what they give them by.
	Path = "/stats/prometheus"

	requestsFamily = "istio_requests_total"
	warmingFamily  = "envoy_cluster_manager_warming_clusters"

	// mostNames is how many Services a question names at the most; beyond that it is about all of them.
	mostNames = 100
	// mostCounted is far beyond what a proxy counts in its life, and far below where a float64 skips whole numbers.
	mostCounted = 1e15
)

// Istio's labels that a page is read by.
const (
	labelReporter    = "reporter"
	labelNamespace   = "destination_service_namespace"
	labelName        = "destination_service_name"
	labelRevision    = "destination_canonical_revision"
	labelWorkload    = "destination_workload"
	labelWorkloadsNS = "destination_workload_namespace"
)

// ErrNoStatistics is the error of a page that has nothing that every proxy of Istio counts.
var ErrNoStatistics = errors.New("no statistics")

// Tally is how many requests ended how, since the proxy started.
type Tally map[counting.Outcome]float64

// Page is what one proxy has counted since it started.
type Page struct {
	// Own are the requests that its own pod was asked.
	Own Tally
	// To are the requests that it passed on, by the Services that were wanted. A Service without a revision is all of its revisions.
	To map[counting.Service]Tally
	// Told is how often it was told of a cluster, or of other endpoints of one; below 0: it did not say. Warming says that it was told of a cluster
	// whose endpoints it still waits for: requests to that one fail.
	Told    float64
	Warming bool
}

// Filter returns the expression by which the admin interface of Envoy chooses what it gives: the clusters it was told of, and the requests,
// of a pod those that it was asked, else those to the Services that are wanted; all requests where both are wanted, or too many Services. It
// is matched with the names as Envoy keeps them, in which the labels' values are. So little is read of a sidecar that asks much itself, and
// of a gateway of many Services. Source: Envoy's documentation of the admin interface, GET /stats?filter=regex.
func Filter(pod bool, wanted []counting.Service) string {
	var names []string
	for _, s := range wanted {
		names = append(names, regexp.QuoteMeta(s.Name))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	requests := requestsFamily
	switch {
	case pod && len(names) == 0:
		requests += ".*" + labelReporter + "[.]destination[.]"
	case !pod && len(names) > 0 && len(names) <= mostNames:
		requests += ".*" + labelName + "[.](" + strings.Join(names, "|") + ")[.]"
	}
	return requests + "|cluster_manager.(cluster_added|cluster_updated|warming_clusters)"
}

// Parse reads the page of a proxy, in Prometheus's text format: what the proxy says of its own pod, and of the requests to the Services
// that are wanted. An error says why nothing can be taken from it.
func Parse(page []byte, of Proxy, wanted []counting.Service) (*Page, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		return nil, fmt.Errorf("its statistics cannot be read: %w", err)
	}
	requests := families[requestsFamily]
	p := &Page{Own: Tally{}, To: map[counting.Service]Tally{}, Told: -1}
	if err := p.readClusters(families); err != nil {
		return nil, err
	}
	if requests == nil && p.Told < 0 {
		return nil, ErrNoStatistics
	}
	for _, s := range wanted {
		p.To[s] = Tally{}
	}
	for _, m := range requests.GetMetric() {
		n, err := valueOf(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", requestsFamily, err)
		}
		p.add(seriesOf(m), of, n)
	}
	return p, nil
}

// toldFamilies count what a proxy is told of: clusters, and other endpoints of those it has. Source: Envoy's statistics of the cluster manager.
var toldFamilies = []string{"envoy_cluster_manager_cluster_added", "envoy_cluster_manager_cluster_updated"}

// readClusters takes what the proxy says of its clusters.
func (p *Page) readClusters(families map[string]*dto.MetricFamily) error {
	for _, name := range toldFamilies {
		for _, m := range families[name].GetMetric() {
			n, err := valueOf(m)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			p.Told = max(p.Told, 0) + n
		}
	}
	for _, m := range families[warmingFamily].GetMetric() {
		p.Warming = p.Warming || m.GetGauge().GetValue() > 0
	}
	return nil
}

// add takes one series.
func (p *Page) add(s series, of Proxy, n float64) {
	switch s.reporter {
	case "destination":
		if s.own(of) {
			p.Own[s.outcome] += n
		}
	case "source":
		all := counting.Service{Namespace: s.to.Namespace, Name: s.to.Name}
		if t, ok := p.To[all]; ok {
			t[s.outcome] += n
		}
		if t, ok := p.To[s.to]; ok && s.to != all {
			t[s.outcome] += n
		}
	}
}

// series is what the labels of a series say.
type series struct {
	reporter                string
	to                      counting.Service
	workload, workloadSpace string
	outcome                 counting.Outcome
}

func seriesOf(m *dto.Metric) series {
	var s series
	for _, l := range m.GetLabel() {
		v := l.GetValue()
		switch l.GetName() {
		case labelReporter:
			s.reporter = v
		case labelNamespace:
			s.to.Namespace = v
		case labelName:
			s.to.Name = v
		case labelRevision:
			s.to.Revision = v
		case labelWorkload:
			s.workload = v
		case labelWorkloadsNS:
			s.workloadSpace = v
		case counting.LabelCode:
			s.outcome.Code = v
		case counting.LabelFlags:
			s.outcome.Flags = v
		case counting.LabelGRPC:
			s.outcome.GRPC = v
		case counting.LabelProtocol:
			s.outcome.Protocol = v
		}
	}
	return s
}

// own says whether what a sidecar reports as asked is its own pod's, and came for a Service: what comes to a port that no Service has, such
// as a scrape of the app, is passed through.
func (s series) own(of Proxy) bool {
	return !strings.Contains(s.to.Name, "PassthroughCluster") && same(s.workloadSpace, of.Namespace) && (of.Workload == "" || same(s.workload, of.Workload))
}

// same says whether a label says what is wanted, or nothing.
func same(label, wanted string) bool { return label == wanted || label == "" || label == "unknown" }

// valueOf is the value of a counter.
func valueOf(m *dto.Metric) (float64, error) {
	n := math.NaN()
	switch {
	case m.GetCounter() != nil:
		n = m.GetCounter().GetValue()
	case m.GetUntyped() != nil:
		n = m.GetUntyped().GetValue()
	}
	if !(n >= 0 && n <= mostCounted && n == math.Trunc(n)) { // also for NaN
		return 0, fmt.Errorf("its value is %v; a count is a whole number from 0 to %v", n, float64(mostCounted))
	}
	return n, nil
}

// since returns what came between two tallies of the same proxy; false when a counter fell, or is not there any more.
func (t Tally) since(before Tally) (Tally, bool) {
	came := Tally{}
	for o, n := range t {
		switch d := n - before[o]; {
		case d < 0:
			return nil, false
		case d > 0:
			came[o] = d
		}
	}
	for o, n := range before {
		if _, ok := t[o]; !ok && n > 0 {
			return nil, false
		}
	}
	return came, true
}

// plus adds a tally to another.
func (t Tally) plus(more Tally) {
	for o, n := range more {
		t[o] += n
	}
}

// total is how many requests there are, however they ended.
func (t Tally) total() float64 {
	sum := 0.0
	for _, n := range t {
		sum += n
	}
	return sum
}

// counts are the requests as an indicator counts them.
func (t Tally) counts(by counting.Indicator) evidence.Counts {
	var c counting.Counts
	for o, n := range t {
		c.Add(by.Rules.Classify(o), n)
	}
	return evidence.Counts{Requests: c.Requests, Bad: c.Bad}
}
