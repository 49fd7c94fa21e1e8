package view

import (
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Objective is one objective with the counts and the evidence of both sides.
type Objective struct {
	Name string
	// Bound is what a good request keeps besides being answered, such as "<500ms"; "" for most.
	Bound string
	// Verdict is "healthy", "breach", "undetermined", or "" when nothing is known.
	Verdict string
	// Stable and Canary count the requests of each arm.
	Stable, Canary Arm
	// Against and For are the evidence, as people read it: "0.2", ">999", "-" when unknown.
	Against, For string
}

// title is the name with the bound.
func (o Objective) title() string { return strings.TrimSpace(o.Name + " " + o.Bound) }

// Arm counts one version's requests.
type Arm struct{ Requests, Bad int64 }

// Tone is how the verdict is meant.
func (o Objective) Tone() Tone {
	switch o.Verdict {
	case "healthy":
		return ToneGood
	case "breach":
		return ToneBad
	}
	return TonePlain
}

// objectivesOf follows the plan, so that an objective without counts is seen to have none; objectives that only the status
// knows come after it.
func objectivesOf(r *v1alpha1.Release) []Objective {
	var objectives []Objective
	statuses := map[string]v1alpha1.ObjectiveStatus{}
	for _, o := range r.Objectives {
		statuses[o.Name] = o
	}
	for _, planned := range r.Plan.Objectives {
		status := statuses[planned.Name]
		status.Name = planned.Name
		o := objectiveOf(status)
		if planned.Indicator == v1alpha1.IndicatorDuration {
			o.Bound = "<" + clean(string(planned.Threshold))
		}
		objectives = append(objectives, o)
		delete(statuses, planned.Name)
	}
	for _, o := range r.Objectives {
		if _, left := statuses[o.Name]; left {
			objectives = append(objectives, objectiveOf(o))
			delete(statuses, o.Name)
		}
	}
	return objectives
}

func objectiveOf(o v1alpha1.ObjectiveStatus) Objective {
	return Objective{
		Name:    clean(o.Name),
		Verdict: strings.ToLower(clean(o.Verdict)),
		Stable:  Arm{max(o.Stable.Requests, 0), max(o.Stable.Bad, 0)},
		Canary:  Arm{max(o.Canary.Requests, 0), max(o.Canary.Bad, 0)},
		Against: evidence(o.Against),
		For:     evidence(o.For),
	}
}
