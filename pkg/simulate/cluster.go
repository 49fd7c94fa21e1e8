package simulate

import (
	"slices"
	"strconv"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// The modelled cluster has two templates, and as many pods as are wanted, at once.
const (
	old      = "old"
	fresh    = "new"
	replicas = 10
)

// cluster is what a release sees of the API server, and what its record says.
type cluster struct {
	plan     v1alpha1.ShiftPolicySpec
	baseline *v1alpha1.Baseline
	record   *v1alpha1.Release

	share    int64 // as written in the routes, in millionths
	canary   bool  // the canary's Service is there
	pods     int32 // of the canary
	narrowed string
	over     v1alpha1.ReleaseState
}

func newCluster(plan v1alpha1.ShiftPolicySpec, baseline *v1alpha1.Baseline) cluster {
	return cluster{plan: plan, baseline: baseline}
}

// observe is the cluster as the operator would see it.
func (c *cluster) observe(e release.Evidence) release.Observation {
	o := release.Observation{
		Wanted: release.Wanted{Managed: true, Plan: &c.plan, Policy: "simulated"},
		Workload: release.Workload{
			Deployment: "simulated", Replicas: replicas, Template: fresh, Waits: true, Held: true, Paused: true, Mode: release.HoldOnChange,
			Stable: release.Set{Name: old, Hash: old, Replicas: replicas, Available: replicas, Pods: replicas},
		},
		Service:  release.Service{Exists: true, Narrowed: c.narrowed, Marked: c.narrowed != ""},
		Routes:   release.Routes{Names: []string{"simulated"}, Lowest: c.share, Highest: c.share, Marked: c.share > 0, AbortOpen: c.share > 0},
		Evidence: e, Release: c.record,
		Bounds: release.Bounds{Settle: settleBound, Between: evidence.DefaultSlow},
	}
	if c.canary {
		o.Canary = release.Canary{Service: "simulated-canary", Exists: true, Selects: fresh, Number: 1}
	}
	if c.pods > 0 {
		o.Workload.Canary = release.Set{Name: fresh, Hash: fresh, Replicas: c.pods, Available: c.pods, Pods: c.pods}
	}
	return o
}

// act carries out a decision, and says whether anything has changed.
func (c *cluster) act(d release.Decision) bool {
	for _, a := range d.Writes() {
		switch a.Verb {
		case release.MakeService:
			c.canary = true
		case release.Narrow:
			c.narrowed = a.Hash
		case release.MakeSet, release.ScaleSet:
			c.pods = a.Replicas
		case release.Raise, release.Lower:
			c.share = a.Share
		case release.AbortService, release.AbortRoutes:
			c.share, c.over = 0, v1alpha1.StateAborted
		case release.GiveSet:
			c.over = v1alpha1.StatePromoted
		}
	}
	changed := len(d.Writes()) > 0
	if r := d.Release; r != nil {
		changed = changed || c.record == nil || c.record.SettledAt.IsZero() != r.SettledAt.IsZero()
		c.record = r.DeepCopy()
	}
	return changed
}

// past is what the hours before the release say, as far back as the operator asks for it: minutes of the stable alone.
func past(s Setup) *v1alpha1.Baseline {
	b := &v1alpha1.Baseline{}
	history := make([][]evidence.Counts, len(s.Traffic.Stable))
	source := newSource(s.Traffic, Canary{}, s.Seed^0x5eed)
	rate := 0.0
	for _, span := range evidence.Histories() {
		for m := len(history[0]); m < int(span/time.Minute); m++ {
			sum := newArm(len(history))
			for sec := range 60 {
				stable, _ := source.second(time.Duration(m*60+sec)*second, 0, 1)
				sum.add(stable)
			}
			for i := range history {
				history[i] = append(history[i], evidence.Counts{Requests: sum.requests, Bad: min(sum.bad[i], sum.requests)})
			}
			if m < 5 {
				rate = max(rate, sum.requests/60)
			}
		}
		b.History = v1alpha1.DurationOf(span)
		if !slices.ContainsFunc(history, func(h []evidence.Counts) bool { return !evidence.Enough(h) }) {
			break
		}
	}
	b.RequestsPerSecond = number(rate)
	config := evidence.ConfigOf(s.Plan, nil)
	for i, o := range s.Plan.Objectives {
		b.Objectives = append(b.Objectives, v1alpha1.BaselineObjective{Name: o.Name, Phi: number(evidence.Phi(history[i], config.Objectives[i].Limit))})
	}
	return b
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
