package direct

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence/urgent"
)

// Objective is one that requests are judged by.
type Objective struct {
	Name string
	// Indicator says which requests are bad. Only those of the kind counting.Requests are read directly.
	Indicator counting.Indicator
}

// Pods are how many pods of each arm are ready, with a sidecar or not.
type Pods struct{ Stable, Canary int }

// Release is what a release wants to be read of, as its record and its objects say it now.
type Release struct {
	// Key names the TrafficShift, and Number its release.
	Key    types.NamespacedName
	Number int64
	// Proxies are all pods that may be read: those of both arms, and of the gateways that the release's routes name. Choose chooses.
	Proxies []Proxy
	// PodsOf are the pods of the arms, which what a part of them says is scaled by.
	PodsOf Pods
	// Stable and Canary are the arms, as gateways report them.
	Stable, Canary counting.Service
	// Objectives are those of the policy, Tolerance what their lanes tolerate, and Threshold what each of them aborts at; see
	// urgent.Config and evidence.Config.UrgentThreshold.
	Objectives           []Objective
	Tolerance, Threshold float64
	// Weight is the share that the routes give the canary, in millionths.
	Weight int64
	// Rate is how many requests a second both arms get.
	Rate float64
	// Braked says that the weight is one that a brake has lowered.
	Braked bool
	// CanarySince is a time at which the canary's Service and its pods were there; zero: they are not there yet.
	CanarySince time.Time
	// Checkpoint is what the State before a restart said; empty: the lanes begin.
	Checkpoint string
}

// Lanes returns how many urgent lanes a release by these objectives has: one for each that is read directly.
func Lanes(of []Objective) int {
	n := 0
	for _, o := range of {
		if o.direct() {
			n++
		}
	}
	return n
}

func (o Objective) direct() bool { return o.Indicator.KindOrDefault() == counting.Requests }

// load is how many requests a second meet the canary.
func (r Release) load() float64 { return float64(r.Weight) / 1e6 * r.Rate }

// lane is one objective and its urgent lane.
type lane struct {
	Objective
	urgent *urgent.Lane
	sign   urgent.Sign
}

// config is that of each lane.
func (r Release) config() urgent.Config {
	return urgent.Config{Tolerance: r.Tolerance, Threshold: r.Threshold}
}

// newLanes returns the lanes of a release as they begin.
func newLanes(r Release) []lane {
	var lanes []lane
	for _, o := range r.Objectives {
		if o.direct() {
			lanes = append(lanes, lane{Objective: o, urgent: urgent.New(r.config())})
		}
	}
	return lanes
}

// between stands between the checkpoints of two lanes.
const between = " | "

// restore has the lanes go on from the release's checkpoint.
func (r Release) restore(lanes []lane) error {
	if r.Checkpoint == "" {
		return nil
	}
	texts := strings.Split(r.Checkpoint, between)
	if len(texts) != len(lanes) {
		return fmt.Errorf("the checkpoint is of %d urgent lanes; the release has %d", len(texts), len(lanes))
	}
	restored := make([]*urgent.Lane, len(lanes))
	var errs error
	for i, text := range texts {
		l, err := urgent.Restore(r.config(), text)
		restored[i], errs = l, errors.Join(errs, err)
	}
	if errs != nil {
		return errs
	}
	for i, l := range restored {
		l.Void()
		lanes[i].urgent = l
	}
	return nil
}

func checkpoint(lanes []lane) string {
	texts := make([]string, len(lanes))
	for i, l := range lanes {
		texts[i] = l.urgent.Checkpoint()
	}
	return strings.Join(texts, between)
}

// wanted are the Services whose requests are read of gateways.
func (r Release) wanted() []counting.Service {
	return slices.Compact([]counting.Service{r.Stable, r.Canary})
}
