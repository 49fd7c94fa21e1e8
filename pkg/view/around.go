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

// around says how many pods both versions have, and which routes are written.
func (w *writer) around(a *Around) {
	if a == nil {
		return
	}
	if a.Stable != nil && a.Canary != nil {
		tone := TonePlain
		if len(a.Stable.Odd)+len(a.Canary.Odd) > 0 {
			tone = ToneCareful
		}
		w.field("RUNNING", tone, clean("stable "+a.Stable.text()+", canary "+a.Canary.text()))
	}
	if len(a.Routes) > 0 {
		w.field("ROUTES", TonePlain, clean(Named("VirtualService", a.Routes)))
	}
}
