package counting

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what an Indicator counts from.
type Kind string

const (
	// Requests counts istio_requests_total: bad is what failed as the callers' proxies saw it, see Rules.
	Requests Kind = "Requests"
	// Duration counts istio_request_duration_milliseconds: bad is what took longer than a threshold.
	Duration Kind = "Duration"
	// Custom counts two counters of the user's own: all requests, and the bad ones.
	Custom Kind = "Custom"
)

// Placeholder is what stands for the arm's labels in the selectors of a Custom indicator.
const Placeholder = "{{selector}}"

// Indicator says which requests of an arm are counted and which of them are bad. The zero Indicator is that of Requests with
// the default Rules. Indicators can be compared: equal ones are asked about in one question.
type Indicator struct {
	// Kind is Requests when empty.
	Kind Kind
	// Rules are of Requests.
	Rules Rules
	// Threshold is of Duration: what takes longer is bad. It must be an edge of the histogram.
	Threshold time.Duration
	// Total and Bad are of Custom: selectors of counters that contain Placeholder once, such as
	// orders_total{{{selector}},result="error"}.
	Total, Bad string
}

// Validate returns an error that names the field that cannot be used. Whether a threshold is an edge is asked of Edge.
func (i Indicator) Validate() error {
	switch i.KindOrDefault() {
	case Requests:
		return nil
	case Duration:
		if i.Threshold <= 0 {
			return fmt.Errorf("threshold is %s; it must be above 0, such as 500ms", i.Threshold)
		}
		return nil
	case Custom:
		if err := checkSelector("total", i.Total); err != nil {
			return err
		}
		return checkSelector("bad", i.Bad)
	}
	return fmt.Errorf("indicator is %q; it must be Requests, Duration or Custom", i.Kind)
}

// Carrier returns the Indicator that tells how current the scrapes of i are: the same for everything that Istio's
// proxies give, for they give durations with the requests.
func (i Indicator) Carrier() Indicator {
	if i.KindOrDefault() == Custom {
		return i
	}
	return Indicator{}
}

// KindOrDefault returns the Kind, which is Requests when none is given.
func (i Indicator) KindOrDefault() Kind {
	if i.Kind == "" {
		return Requests
	}
	return i.Kind
}

// String names the metrics, for messages.
func (i Indicator) String() string {
	switch i.KindOrDefault() {
	case Duration:
		return "istio_request_duration_milliseconds"
	case Custom:
		name, _, _ := strings.Cut(i.Total, "{")
		return name
	default:
		return "istio_requests_total"
	}
}

// Edges are the upper edges of Istio's histogram of durations as the mesh is installed.
func Edges() []time.Duration {
	ms := []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000}
	edges := make([]time.Duration, len(ms))
	for i, x := range ms {
		edges[i] = time.Duration(x * float64(time.Millisecond))
	}
	return edges
}

// Edge returns an error that names the nearest edges when the threshold is none of them. Edges rise.
func Edge(threshold time.Duration, edges []time.Duration) error {
	i, found := slices.BinarySearch(edges, threshold)
	if found {
		return nil
	}
	var near []string
	for _, j := range []int{i - 1, i} {
		if j >= 0 && j < len(edges) {
			near = append(near, edges[j].String())
		}
	}
	return fmt.Errorf("threshold %s is no edge of the mesh's histogram, so that nobody counted it; the nearest are %s", threshold, strings.Join(near, " and "))
}
