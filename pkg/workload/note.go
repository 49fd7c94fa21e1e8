package workload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/text"
)

// mostBefore is how many versions before it a version of a ConfigMap or Secret is compared with.
const mostBefore = 5

// Noted is what a version of a ConfigMap or Secret has otherwise than the one that is called Since, in the words of KeyChanges.
type Noted struct {
	Since string `json:"since"`
	Says  string `json:"says"`
}

// notes are those of versions, by noteKey.
type notes map[string][]Noted

func noteKey(kind ConfigKind, name string) string { return string(kind) + "/" + name }

// notesOf reads what NoteConfig wrote; nothing where that cannot be read.
func notesOf(annotations map[string]string) notes {
	var n notes
	if json.Unmarshal([]byte(annotations[v1alpha1.ConfigChangesAnnotation]), &n) != nil {
		return nil
	}
	return n
}

// since is what a version is noted to have otherwise than another one; empty when nothing is noted.
func (n notes) since(kind ConfigKind, name, before string) string {
	for _, noted := range n[noteKey(kind, name)] {
		if noted.Since == before {
			return text.Clean(noted.Says)
		}
	}
	return ""
}

// VersionsBefore returns the versions of a ConfigMap or Secret beside which the next one may be released: the one that the Deployment names
// now, and those that were named before it as far as they are noted, the last first; five at most.
func VersionsBefore(d *appsv1.Deployment, kind ConfigKind, name string) []string {
	all := []string{name}
	for _, noted := range notesOf(d.Annotations)[noteKey(kind, name)] {
		all = append(all, noted.Since)
	}
	return all[:min(len(all), mostBefore)]
}

// NoteConfig returns the patch that notes on a Deployment what the version that it is about to name instead of another one has otherwise than
// the versions before it. So what a release changes is said by who may read the configuration, and the operator needs no right to do so.
// Notes of versions that the Deployment does not name any more are dropped.
func NoteConfig(d *appsv1.Deployment, kind ConfigKind, from, to string, noted []Noted) (patch.Patch, error) {
	kept, old := notes{noteKey(kind, to): noted}, notesOf(d.Annotations)
	for _, k := range []ConfigKind{ConfigMap, Secret} {
		for _, name := range ConfigNames(&d.Spec.Template, k) {
			if key := noteKey(k, name); old[key] != nil && kept[key] == nil && key != noteKey(kind, from) {
				kept[key] = old[key]
			}
		}
	}
	value, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("noting what changes: %w", err)
	}
	return patch.SetIn(annotationsPath, d.Annotations, v1alpha1.ConfigChangesAnnotation, string(value)), nil
}

// KeyChanges says how many keys of an object change from one version to the next, and of a ConfigMap which, such as "checkout-settings: 2 keys
// changed, 1 key added (mode, rate, new)". It has no values, and nothing that is in a Secret.
func KeyChanges(kind ConfigKind, base string, before, after map[string][]byte) string {
	var changed, added, removed []string
	for _, key := range slices.Sorted(maps.Keys(union(before, after))) {
		was, had := before[key]
		is, has := after[key]
		switch {
		case !had:
			added = append(added, key)
		case !has:
			removed = append(removed, key)
		case !slices.Equal(was, is):
			changed = append(changed, key)
		}
	}
	var parts []string
	for _, part := range []struct {
		how string
		n   int
	}{{"changed", len(changed)}, {"added", len(added)}, {"removed", len(removed)}} {
		switch part.n {
		case 0:
		case 1:
			parts = append(parts, "1 key "+part.how)
		default:
			parts = append(parts, fmt.Sprintf("%d keys %s", part.n, part.how))
		}
	}
	said := base + ": " + strings.Join(parts, ", ")
	if kind == Secret {
		return text.CutBytes("Secret "+said, LongestChange)
	}
	return text.CutBytes(said+" ("+firstFew(slices.Concat(changed, added, removed))+")", LongestChange)
}
