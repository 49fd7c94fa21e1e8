package routing

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

var (
	// ErrOwned says that a route is held by another TrafficShift, which the message names: two never write one route.
	ErrOwned = errors.New("held by another TrafficShift")
	// ErrAborted says that the VirtualService bears the mark of this release's abort, or of a newer release: no traffic goes back.
	ErrAborted = errors.New("release is over on this VirtualService")
	// ErrBroken says that a route names the canary without the stable arm beside it, so that its share cannot be told.
	ErrBroken = errors.New("stable arm removed")
	// ErrWeights says that the weights of a route cannot be split; the message names route and destination.
	ErrWeights = errors.New("weights cannot be split")
)

// Mark says which release writes to a VirtualService.
type Mark struct {
	Shift   string // "<namespace>/<name>" of the TrafficShift
	Number  int64  // of its release, from 1
	Aborted bool   // the release was aborted: nothing raises it again
}

// Marks returns the marks of all releases that hold the VirtualService, ordered by shift; what is not a mark is left out.
func Marks(vs *unstructured.Unstructured) []Mark {
	all := parseMarks(vs.GetAnnotations()[v1alpha1.ReleaseAnnotation])
	for shift, number := range parseMarks(vs.GetAnnotations()[v1alpha1.AbortedAnnotation]) {
		all[shift] = max(all[shift], number)
	}
	aborted := parseMarks(vs.GetAnnotations()[v1alpha1.AbortedAnnotation])
	var out []Mark
	for shift, number := range all {
		out = append(out, Mark{Shift: shift, Number: number, Aborted: aborted[shift] == number})
	}
	slices.SortFunc(out, func(a, b Mark) int { return cmp.Compare(a.Shift, b.Shift) })
	return out
}

// credible are the annotations of an object without what a mark there cannot say truly. Releases are counted in the record, so that one after this
// release is not there yet; in the Target's own namespace whoever claims it harms himself alone, and a record may be lost.
func (m Mark) credible(o *unstructured.Unstructured, t Target) map[string]string {
	annotations := o.GetAnnotations()
	if o.GetNamespace() == t.Namespace || newest(o, m.Shift) <= m.Number {
		return annotations
	}
	out := maps.Clone(annotations)
	unmark(out, m.Shift)
	return out
}

// newest is the number of the newest release of a shift by its marks on an object; 0 where there is none.
func newest(o *unstructured.Unstructured, shift string) int64 {
	if m := markOf(o, shift); m != nil {
		return m.Number
	}
	return 0
}

// refuse returns the reason why the mark may not raise what the annotations say is over.
func (m Mark) refuse(annotations map[string]string) error {
	if number, found := parseMarks(annotations[v1alpha1.AbortedAnnotation])[m.Shift]; found && number >= m.Number {
		return fmt.Errorf("release %d of %s was aborted: %w", number, m.Shift, ErrAborted)
	}
	if number := parseMarks(annotations[v1alpha1.ReleaseAnnotation])[m.Shift]; number > m.Number {
		return fmt.Errorf("release %d of %s is newer than %d: %w", number, m.Shift, m.Number, ErrAborted)
	}
	return nil
}

// into writes the mark beside those of other shifts. A mark of an older abort goes when its successor is written.
func (m Mark) into(annotations map[string]string) {
	releases, aborts := parseMarks(annotations[v1alpha1.ReleaseAnnotation]), parseMarks(annotations[v1alpha1.AbortedAnnotation])
	releases[m.Shift] = max(releases[m.Shift], m.Number)
	if m.Aborted {
		aborts[m.Shift] = max(aborts[m.Shift], m.Number)
	} else if aborts[m.Shift] < m.Number {
		delete(aborts, m.Shift)
	}
	put(annotations, v1alpha1.ReleaseAnnotation, formatMarks(releases))
	put(annotations, v1alpha1.AbortedAnnotation, formatMarks(aborts))
}

// unmark takes the marks of one shift out of the annotations.
func unmark(annotations map[string]string, shift string) {
	for _, key := range []string{v1alpha1.ReleaseAnnotation, v1alpha1.AbortedAnnotation} {
		marks := parseMarks(annotations[key])
		if _, found := marks[shift]; found {
			delete(marks, shift)
			put(annotations, key, formatMarks(marks))
		}
	}
}

func put(annotations map[string]string, key, value string) {
	if value == "" {
		delete(annotations, key)
		return
	}
	annotations[key] = value
}

func parseMarks(value string) map[string]int64 {
	out := map[string]int64{}
	for part := range strings.SplitSeq(value, ",") {
		shift, digits, ok := strings.Cut(strings.TrimSpace(part), " ")
		if number, err := strconv.ParseInt(digits, 10, 64); ok && err == nil {
			out[shift] = number
		}
	}
	return out
}

func formatMarks(marks map[string]int64) string {
	var parts []string
	for _, shift := range slices.Sorted(maps.Keys(marks)) {
		parts = append(parts, shift+" "+strconv.FormatInt(marks[shift], 10))
	}
	return strings.Join(parts, ", ")
}

// annotate turns the annotations as read into the wanted ones. A key that is not there is tested to be missing still, so
// that nothing written since the read is lost; the map goes with its last member, as the API server keeps no empty one.
func annotate(vs *unstructured.Unstructured, wanted map[string]string) patch.Patch {
	const path = "/metadata/annotations"
	current := vs.GetAnnotations()
	switch {
	case maps.Equal(current, wanted):
		return nil
	case current == nil:
		return patch.Patch{patch.Test(path, nil), patch.Add(path, wanted)}
	case len(wanted) == 0:
		return patch.Patch{patch.Test(path, current), patch.Remove(path)}
	}
	var p patch.Patch
	for _, key := range []string{v1alpha1.ReleaseAnnotation, v1alpha1.AbortedAnnotation, v1alpha1.RoutesAnnotation} {
		at := path + patch.Pointer(key)
		old, had := current[key]
		value, want := wanted[key]
		switch {
		case old == value && had == want:
		case !had:
			p = append(p, patch.Test(at, nil), patch.Add(at, value))
		case !want:
			p = append(p, patch.Test(at, old), patch.Remove(at))
		default:
			p = append(p, patch.Test(at, old), patch.Replace(at, value))
		}
	}
	return p
}
