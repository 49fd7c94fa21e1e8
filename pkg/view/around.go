package view

import (
	"fmt"
	"strings"
)

// Around is what a running release touches besides its record. It is read off the cluster by who shows it.
type Around struct {
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
func (a *Around) running() (string, Tone) {
	if a == nil || a.Stable == nil || a.Canary == nil {
		return "", TonePlain
	}
	tone := TonePlain
	if len(a.Stable.Odd)+len(a.Canary.Odd) > 0 {
		tone = ToneCareful
	}
	return clean("stable " + a.Stable.text() + ", canary " + a.Canary.text()), tone
}

// routes says which routes are written; "" where nothing is known of them.
func (a *Around) routes() string {
	if a == nil || len(a.Routes) == 0 {
		return ""
	}
	return clean(Named("VirtualService", a.Routes))
}

// facts are both for a page.
func (a *Around) facts() []Fact {
	facts := []Fact{}
	if text, tone := a.running(); text != "" {
		facts = append(facts, Fact{Label: "Running", Text: text, Tone: tone.String()})
	}
	if text := a.routes(); text != "" {
		facts = append(facts, Fact{Label: "Weights in", Text: text, Tone: TonePlain.String()})
	}
	return facts
}

// around says how many pods both versions have, and which routes are written.
func (w *writer) around(a *Around) {
	if text, tone := a.running(); text != "" {
		w.field("RUNNING", tone, text)
	}
	if text := a.routes(); text != "" {
		w.field("ROUTES", TonePlain, text)
	}
}
