package main

import (
	"fmt"

	"github.com/go-logr/logr"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/operator/prometheus"
	scope "github.com/stagger-dev/stagger/pkg/counting"
)

// counting are the settings of the evidence loop: a source for each that is configured.
func counting(o options.Options, l logr.Logger) (evidence.Settings, error) {
	s := evidence.Settings{Slice: o.Evidence.Slice, Backfill: o.Evidence.Backfill, Log: l.WithName("evidence")}
	for _, c := range o.Sources {
		asked, err := prometheus.New(prometheus.Config{Address: c.Address, HTTP: c.HTTP})
		if err != nil {
			return s, fmt.Errorf("source %s: %w", c.Name, err)
		}
		s.Sources = append(s.Sources, evidence.Source{
			Name: c.Name, Querier: asked, Lag: c.Lag,
			Scope: scope.Scope{Matchers: c.Matchers, Jobs: c.Jobs, ScrapeInterval: c.ScrapeInterval},
		})
	}
	return s, nil
}
