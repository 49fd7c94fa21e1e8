package main

import (
	"fmt"

	"github.com/go-logr/logr"
	metrics "github.com/prometheus/client_golang/prometheus"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// newLoop returns the evidence loop over all sources of the configuration; it asks nothing before it is started.
func newLoop(o options.Options, l logr.Logger, r metrics.Registerer) (*evidence.Loop, error) {
	s := evidence.Settings{Slice: o.Evidence.Slice, Backfill: o.Evidence.Backfill, Metrics: r, Log: l}
	for _, c := range o.Sources {
		asked, err := prometheus.New(prometheus.Config{Address: c.Address, HTTP: c.HTTP, Parameters: c.Parameters})
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
		s.Sources = append(s.Sources, evidence.Source{
			Name: c.Name, Querier: asked, Lag: c.Lag,
			Scope: counting.Scope{Matchers: c.Matchers, Jobs: c.Jobs, ScrapeInterval: c.ScrapeInterval},
		})
	}
	return evidence.New(s)
}
