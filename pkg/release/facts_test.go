package release_test

import (
	"fmt"
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// facts is one line that says how things stand.
func (w *world) facts() string {
	var parts []string
	if r := w.record(); r != nil {
		parts = append(parts, fmt.Sprintf("release %d %s step %d %s", r.Number, r.State, r.Step, r.Weight))
	} else {
		parts = append(parts, "no release")
	}
	for _, r := range w.routes() {
		parts = append(parts, "route "+string(v1alpha1.PercentageOf(r.share))+when(r.made, " ours")+when(r.marked, " marked")+when(r.aborted, " aborted"))
	}
	if to, marked := w.narrowed(); to != "" || marked {
		parts = append(parts, "service → "+to)
	}
	if c := w.canaryService(); c != nil {
		_, aborted := workload.AbortedNumber(c)
		parts = append(parts, "canary service → "+c.Spec.Selector[workload.HashLabel]+when(aborted, " aborted"))
	}
	for _, s := range w.sets() {
		if s.replicas > 0 || s.pods > 0 || s.owner == "release" {
			parts = append(parts, fmt.Sprintf("%s %d/%d%s", s.hash, s.available, s.replicas, when(s.owner == "release", " ours")))
		}
	}
	if s := w.shift(); s != nil && s.Spec.Destinations != nil {
		parts = append(parts, w.externalFacts())
	}
	if d := w.deployment(); d != nil {
		parts = append(parts, "deployment "+version(&d.Spec.Template)+when(d.Labels[v1alpha1.HeldLabel] == "true", " held")+when(d.Spec.Paused, " paused"))
	}
	if s := w.shift(); s != nil && s.Status.Refused != "" {
		parts = append(parts, "refused "+s.Status.Refused)
	}
	if r := w.record(); r != nil && w.met.Requests > 0 {
		parts = append(parts, w.metFacts(r))
	}
	if w.forgotten() {
		parts = append(parts, "forgotten")
	}
	return strings.Join(parts, " | ")
}

func when(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

// named is a text with the versions of templates in it instead of their hashes.
func (w *world) named(text string) string {
	for hash, version := range w.alias {
		text = strings.ReplaceAll(text, hash, version)
	}
	return text
}
