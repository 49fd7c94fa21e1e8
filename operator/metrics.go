package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/operator/version"
)

// newMetrics returns the operator's metrics, which are served beside those of controller-runtime.
func newMetrics(o options.Options, m manager.Manager, l logr.Logger) (*metrics.Set, error) {
	var names []string
	from := metrics.Labels{Cache: m.GetCache()}
	for _, c := range o.Metrics.Labels {
		names, from.Keys = append(names, c.Name), append(from.Keys, c.From)
	}
	number, revision, _ := strings.Cut(version.String(), " ")
	set := metrics.New(metrics.Settings{Custom: names, Of: from.Of, Elected: m.Elected(), Build: []string{number, revision, runtime.Version()}})
	fleet := &metrics.Fleet{Cache: m.GetCache(), Detail: o.Metrics.Releases, Set: set, Clock: clock.RealClock{}, Log: l}
	set.Gauges(fleet.State)
	if err := runtimemetrics.Registry.Register(set); err != nil {
		return nil, fmt.Errorf("registering the metrics: %w", err)
	}
	return set, nil
}
