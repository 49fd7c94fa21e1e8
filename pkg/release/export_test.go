package release

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// What the scenarios, which play releases on real objects and so stand outside of this package, look at of its inside.

// Running says whether a release is neither absent nor over.
func (o Observation) Running() bool { return o.running() }

// Aborting says whether the running release is being taken back.
func (o Observation) Aborting() bool { return o.running() && o.aborting() }

// Commanded says whether a command with this verb can be carried out.
func (o Observation) Commanded(v string) bool { return o.commanded(verb(v)) }

// Leaving says whether a person wants the present weight left.
func (o Observation) Leaving() bool { return o.leaving() }

// Suspicious says whether too much speaks against the canary to raise it.
func (o Observation) Suspicious() bool { return o.suspicious() }

// FirstShare is the weight that a brake lowers to.
func (o Observation) FirstShare() int64 { return o.firstShare() }

// Excused says whether one pod of the canary is known to be all that is wrong with it.
func (o Observation) Excused() bool { return o.excused() }

// Size is how many pods of the canary a share needs.
func (o Observation) Size(share int64) int32 { return o.size(share) }

// StableReady says whether the stable has the pods to take all traffic back.
func (o Observation) StableReady() bool { return o.stableReady() }

// Overridden says whether a person wants the present weight left and has said why.
func (o Observation) Overridden() bool { return o.overridden() }

// Enough says whether so many pods of all that are wanted can carry a version.
func Enough(available, wanted int32) bool { return enough(available, wanted) }

// Verb is what a command asks for.
func (c *Command) Verb() string { return string(c.verb) }

// Budget is how many requests may fail.
func Budget(r *v1alpha1.Release) float64 { return budget(r) }

// ByProof says whether the evidence chooses the weights.
func ByProof(r *v1alpha1.Release) bool { return byProof(r) }

// ContestedNow is the count of put-backs within the window.
func ContestedNow(r *v1alpha1.Release, now time.Time) v1alpha1.Contested { return contested(r, now) }

// The bounds that invariants hold against.
const (
	MostCommands = mostCommands
	MostWeights  = mostWeights
	Contestable  = contestable
)

// Stamp is a time as the API stores it.
func Stamp(t time.Time) *metav1.Time { return stamp(t) }

// PlanOf is a policy of steps, each as "weight/hold".
func PlanOf(steps ...string) *v1alpha1.ShiftPolicySpec {
	p := &v1alpha1.ShiftPolicySpec{
		Objectives:   []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}},
		Undetermined: v1alpha1.Deadline{After: "30m", Action: v1alpha1.ActionHold},
		SharedBreach: v1alpha1.Deadline{After: "10m", Action: v1alpha1.ActionHold},
		Workload:     v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}
	for _, s := range steps {
		weight, hold, _ := strings.Cut(s, "/")
		p.Steps = append(p.Steps, v1alpha1.Step{Weight: v1alpha1.Percentage(weight), Hold: v1alpha1.Duration(hold)})
	}
	return p
}
