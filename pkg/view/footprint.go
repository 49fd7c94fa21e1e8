package view

import (
	"fmt"
	"strings"
)

// Footprint is what a running release uses in the cluster: its pods and routes. Whoever shows a Screen reads it.
type Footprint struct {
	// Stable and Canary are the pods of both versions; nil when they are not Stagger's, or may not be seen.
	Stable, Canary *Pods
	// Routes are the VirtualServices whose weights are moved, as namespace/name.
	Routes []string
}

// Pods are those of one version.
type Pods struct {
	// Ready of All serve.
	Ready, All int
	// Odd are those that do not, each with why.
	Odd []string
}

func (p Pods) text() string {
	text := fmt.Sprintf("%d of %s ready", p.Ready, counted(int64(p.All), "pod"))
	const most = 5
	odd := p.Odd
	if len(odd) > most {
		odd = append(append([]string{}, odd[:most]...), fmt.Sprintf("%d more", len(p.Odd)-most))
	}
	if len(odd) > 0 {
		text += " (" + strings.Join(odd, "; ") + ")"
	}
	return text
}

// running says how many pods both versions have; "" where nothing is known of them.
func (f *Footprint) running() (string, Tone) {
	if f == nil || f.Stable == nil || f.Canary == nil {
		return "", TonePlain
	}
	tone := TonePlain
	if len(f.Stable.Odd)+len(f.Canary.Odd) > 0 {
		tone = ToneCareful
	}
	return clean("stable " + f.Stable.text() + ", canary " + f.Canary.text()), tone
}

// routes says which routes are written; "" where nothing is known of them.
func (f *Footprint) routes() string {
	if f == nil || len(f.Routes) == 0 {
		return ""
	}
	return clean(Named("VirtualService", f.Routes))
}

// facts are both for a page.
func (f *Footprint) facts() []Fact {
	facts := []Fact{}
	if text, tone := f.running(); text != "" {
		facts = append(facts, Fact{Label: "Running", Text: text, Tone: tone.String()})
	}
	if text := f.routes(); text != "" {
		facts = append(facts, Fact{Label: "Weights in", Text: text, Tone: TonePlain.String()})
	}
	return facts
}

// footprint says how many pods both versions have, and which routes are written.
func (w *writer) footprint(f *Footprint) {
	if text, tone := f.running(); text != "" {
		w.field("RUNNING", tone, text)
	}
	if text := f.routes(); text != "" {
		w.field("ROUTES", TonePlain, text)
	}
}
