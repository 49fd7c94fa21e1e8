package release

import (
	"slices"
	"testing"
	"time"
)

// What is not proven yet neither pauses a Deployment at rest nor unpauses it; a template that waits is held whatever is proven.
func TestAtRestAHoldIsWrittenByWhatIsProven(t *testing.T) {
	cases := map[string]struct {
		mode          HoldMode
		paused, waits bool
		want          []Verb
	}{
		"proven to be held on change":                   {HoldOnChange, false, false, nil},
		"paused for no reason":                          {HoldOnChange, true, false, []Verb{Unpause}},
		"proven not to be held":                         {HoldAlways, false, false, []Verb{Pause}},
		"paused as it has to be":                        {HoldAlways, true, false, nil},
		"not known":                                     {HoldUnknown, false, false, nil},
		"not known, and paused":                         {HoldUnknown, true, false, nil},
		"not known, and a template rolls out by itself": {HoldUnknown, false, true, []Verb{Pause}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := Observation{Wanted: Wanted{Managed: true, Policy: "standard", Plan: PlanOf("1%/1m", "100%/1m")}}
			o.Workload = Workload{Deployment: "web", Replicas: 4, Template: "v1", Held: true, Paused: c.paused, Waits: c.waits, Mode: c.mode,
				Stable: Set{Name: "web-v1", Hash: "v1", Replicas: 4, Available: 4, Pods: 4}}
			o.Service.Exists = true
			var got []Verb
			for _, a := range Decide(o, time.Unix(1_800_000_000, 0)).Actions {
				got = append(got, a.Verb)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("wrote %v, want %v", got, c.want)
			}
		})
	}
}
