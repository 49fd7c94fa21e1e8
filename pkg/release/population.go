package release

import (
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// populationOf is who meets the canary at a step of the plan: a share of all callers, chosen by lot for each request or connection.
func populationOf(s v1alpha1.Step) routing.Population { return callers(s.Weight.Millionths()) }

// callers are a share of all of them, in millionths.
func callers(share int64) routing.Population { return routing.Population{Share: share} }
