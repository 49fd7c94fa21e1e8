package direct

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"unique"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

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
	// What a proxy is told of: clusters, and other endpoints of those it has. Source: Envoy's statistics of the cluster manager.
	addedFamily   = "envoy_cluster_manager_cluster_added"
	updatedFamily = "envoy_cluster_manager_cluster_updated"

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
	if len(page) > 0 && page[len(page)-1] != '\n' {
		return nil, errors.New("its statistics cannot be read: they are cut off")
	}
	p := &Page{Own: Tally{}, To: map[counting.Service]Tally{}, Told: -1}
	for _, s := range wanted {
		p.To[s] = Tally{}
	}
	counted := false
	for parser := textparse.NewPromParser(page, labels.NewSymbolTable(), false); ; {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF) && !counted && p.Told < 0:
			return nil, ErrNoStatistics
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return nil, fmt.Errorf("its statistics cannot be read: %w", err)
		}
		is, err := p.take(entry, parser, of)
		if err != nil {
			return nil, err
		}
		counted = counted || is
	}
}

// take takes what the parser is at, and says whether it counts requests.
func (p *Page) take(entry textparse.Entry, parser textparse.Parser, of Proxy) (requests bool, err error) {
	switch entry {
	case textparse.EntryType:
		if name, kind := parser.Type(); string(name) == requestsFamily && kind != model.MetricTypeCounter && kind != model.MetricTypeUnknown {
			return false, fmt.Errorf("%s: it is a %s; it must be a counter", name, kind)
		}
		return false, nil
	case textparse.EntrySeries:
		return p.takeSeries(parser, of)
	default:
		return false, nil
	}
}

func (p *Page) takeSeries(parser textparse.Parser, of Proxy) (requests bool, err error) {
	text, _, value := parser.Series()
	name, _, _ := bytes.Cut(text, []byte("{"))
	switch string(name) {
	case requestsFamily:
		if err := countable(value); err != nil {
			return false, fmt.Errorf("%s: %w", requestsFamily, err)
		}
		var all labels.Labels
		parser.Labels(&all)
		p.add(seriesOf(all), of, value)
		return true, nil
	case addedFamily, updatedFamily:
		if err := countable(value); err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		p.Told = max(p.Told, 0) + value
	case warmingFamily:
		p.Warming = p.Warming || value > 0
	}
	return false, nil
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

func seriesOf(all labels.Labels) series {
	var s series
	all.Range(func(l labels.Label) {
		switch l.Name {
		case labelReporter:
			s.reporter = l.Value
		case labelNamespace:
			s.to.Namespace = l.Value
		case labelName:
			s.to.Name = l.Value
		case labelRevision:
			s.to.Revision = l.Value
		case labelWorkload:
			s.workload = l.Value
		case labelWorkloadsNS:
			s.workloadSpace = l.Value
		case counting.LabelCode:
			s.outcome.Code = kept(l.Value)
		case counting.LabelFlags:
			s.outcome.Flags = kept(l.Value)
		case counting.LabelGRPC:
			s.outcome.GRPC = kept(l.Value)
		case counting.LabelProtocol:
			s.outcome.Protocol = kept(l.Value)
		}
	})
	return s
}

// kept is a string that is remembered: one of its kind for all pages, and not a part of the page it was read from.
func kept(value string) string { return unique.Make(value).Value() }

// own says whether what a sidecar reports as asked is its own pod's, and came for a Service: what comes to a port that no Service has, such
// as a scrape of the app, is passed through.
func (s series) own(of Proxy) bool {
	return !strings.Contains(s.to.Name, "PassthroughCluster") && same(s.workloadSpace, of.Namespace) && (of.Workload == "" || same(s.workload, of.Workload))
}

// same says whether a label says what is wanted, or nothing.
func same(label, wanted string) bool { return label == wanted || label == "" || label == "unknown" }

// countable says why a value is no count; nil: it is one.
func countable(n float64) error {
	if !(n >= 0 && n <= mostCounted && n == math.Trunc(n)) { // also for NaN
		return fmt.Errorf("its value is %v; a count is a whole number from 0 to %v", n, float64(mostCounted))
	}
	return nil
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
