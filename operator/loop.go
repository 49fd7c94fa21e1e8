package main

import (
	"fmt"

	"github.com/go-logr/logr"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/operator/prometheus/counts"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// newLoop returns the evidence loop over all sources of the configuration; it asks nothing before it is started. Another kind of source
// is one more evidence.Counter here.
func newLoop(o options.Options, l logr.Logger, set *metrics.Set) (*evidence.Loop, error) {
	s := evidence.Settings{Slice: o.Evidence.Slice, Backfill: o.Evidence.Backfill, Metrics: set, Log: l}
	for _, c := range o.Sources {
		to := prometheus.Config{Address: c.Address, HTTP: c.HTTP, Parameters: c.Parameters}
		if c.SigV4 != nil {
			to.Sign = c.SigV4.Sign
		}
		asked, err := prometheus.New(to)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
		counter, err := counts.New(counts.Config{
			Name: c.Name, Querier: asked, Lag: c.Lag, Slice: o.Evidence.Slice, Metrics: set,
			Scope: promql.Scope{Matchers: c.Matchers, Jobs: c.Jobs, Reporters: c.Reporters, ScrapeInterval: c.ScrapeInterval},
		})
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
		s.Sources = append(s.Sources, evidence.Source{Name: c.Name, Kind: counts.Kind, Counter: counter})
	}
	return evidence.New(s)
}

// newReader returns the reader of proxies; it reads nothing before it is started.
func newReader(o options.Options, l logr.Logger, set *metrics.Set) (*direct.Reader, error) {
	return direct.New(direct.Config{Mode: o.Direct.Mode, Interval: o.Direct.Interval, Metrics: set, Log: l})
}
