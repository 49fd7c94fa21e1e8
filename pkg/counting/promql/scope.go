package promql

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

const (
	// DefaultLookback is how far an expression looks back for a series' last sample. A scrape gap shorter than this loses
	// nothing; after a longer one the series starts from a new base.
	DefaultLookback = 10 * time.Minute
	// DefaultScrapeInterval is assumed while nobody has measured or configured another: Prometheus's own default.
	DefaultScrapeInterval = time.Minute
	// MaxJobs is the largest number of scrape jobs a Scope may name.
	MaxJobs = 100
	// MaxReporters is the largest number of namespaces that a Scope may name as Reporters.
	MaxReporters = 100

	maxLabelValue = 253
	maxMatchers   = 20
	// discovery is the time Prometheus may take to hand a discovered target to its scraper: it does so every five seconds.
	discovery = 10 * time.Second
)

// Scope is what all questions to one source have in common.
type Scope struct {
	// Matchers are labels with exact values that keep apart the clusters or replicas behind one endpoint, such as
	// cluster="a". They must be on the samples of up and scrape_duration_seconds too, as external labels are; otherwise
	// Base finds nothing and every slice is void. At most 20.
	Matchers map[string]string
	// Jobs are the scrape jobs that carry the metrics: no other is counted, or looked at. At most 100; empty: all.
	Jobs []string
	// Reporters are the namespaces whose pods are believed about Services of any namespace; pods of a Service's own namespace always are. The label
	// namespace of the samples of up says whose pod a target is. At most 100; empty: all are believed.
	Reporters []string
	// Without are values of labels that are left out, so that each proxy is counted once: see Once.
	Without map[string][]string
	// Lookback is at least twice what Settle returns; zero: DefaultLookback.
	Lookback time.Duration
	// ScrapeInterval is the longest interval of the jobs; zero: DefaultScrapeInterval.
	ScrapeInterval time.Duration
	// Unmeasured is the interval that is assumed of jobs of which none is known, so that it is not the longest one; zero: there are none.
	Unmeasured time.Duration

	own []string // the namespaces of the arms that are asked about
}

// Settle returns how long after its first scrape a Prometheus without history cannot be believed: the time to discover
// all targets, to scrape each once, and two intervals in which the first scrapes of a starting pod may fail.
func (s Scope) Settle() time.Duration { return 3*max(s.interval(), s.Unmeasured) + discovery }

// Validate returns an error that names the first field that cannot be used.
func (s Scope) Validate() error {
	if len(s.Matchers) > maxMatchers {
		return fmt.Errorf("matchers has %d entries; at most %d are allowed", len(s.Matchers), maxMatchers)
	}
	for _, label := range slices.Sorted(maps.Keys(s.Matchers)) {
		if err := checkMatcher(label, s.Matchers[label]); err != nil {
			return err
		}
	}
	if len(s.Jobs) > MaxJobs {
		return fmt.Errorf("jobs has %d entries; at most %d are allowed", len(s.Jobs), MaxJobs)
	}
	if len(s.Reporters) > MaxReporters {
		return fmt.Errorf("reporters has %d entries; at most %d are allowed", len(s.Reporters), MaxReporters)
	}
	if err := cmp.Or(checkLabelValues("jobs", s.Jobs), checkLabelValues("reporters", s.Reporters)); err != nil {
		return err
	}
	if s.interval() < time.Millisecond {
		return fmt.Errorf("scrapeInterval is %s; it must be at least 1ms", s.ScrapeInterval)
	}
	if s.lookback() < 2*s.Settle() {
		return fmt.Errorf("lookback is %s; with a scrapeInterval of %s it must be at least %s", s.lookback(), s.interval(), 2*s.Settle())
	}
	return nil
}

func checkMatcher(label, value string) error {
	if !model.LegacyValidation.IsValidLabelName(label) {
		return fmt.Errorf("matchers has the label %q; a label name has letters, digits and underscores only, and no digit first", label)
	}
	if label == model.MetricNameLabel || label == labelReporter || strings.HasPrefix(label, "destination_service") {
		return fmt.Errorf("matchers has the label %q, which the question itself sets; remove it", label)
	}
	return checkLabelValue(fmt.Sprintf("matchers[%q]", label), value)
}

func (s Scope) lookback() time.Duration {
	if s.Lookback == 0 {
		return DefaultLookback
	}
	return s.Lookback
}

func (s Scope) interval() time.Duration {
	if s.ScrapeInterval == 0 {
		return DefaultScrapeInterval
	}
	return s.ScrapeInterval
}

// matchers returns the source's own matchers in a fixed order.
func (s Scope) matchers() []string {
	var all []string
	for _, label := range slices.Sorted(maps.Keys(s.Matchers)) {
		all = append(all, matcher(label, s.Matchers[label]))
	}
	if len(s.Jobs) > 0 {
		all = append(all, matcher(labelJob, distinct(s.Jobs)...))
	}
	for _, label := range slices.Sorted(maps.Keys(s.Without)) {
		if values := s.Without[label]; len(values) > 0 {
			all = append(all, without(label, values))
		}
	}
	return all
}

// target returns the selector of a metric that Prometheus writes about each target of the scope, of those for which the others hold.
func (s Scope) target(metric string, others ...string) string {
	return metric + "{" + strings.Join(append(others, s.matchers()...), ",") + "}"
}
