package release

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// What the API server accepts in a record: characters of a text, entries of a list.
const (
	mostMessage = 2000
	mostNext    = 1000
	mostUser    = 256
	mostToken   = 64
	mostWhy     = 512
	mostCause   = 1024
	mostImage   = 1024

	mostSteps    = 20
	mostWeights  = 32
	mostCommands = 32
	mostPauses   = 16
	mostImages   = 32
	mostRoutes   = 32
)

// truncate keeps a text within so many characters.
func truncate(s string, most int) string { return text.CutRunes(s, most) }

// Rounding is how far after a moment its time in the record may lie: the API keeps whole seconds, and the next one is recorded.
const Rounding = time.Second

// stamp is a time as the API stores it, in whole seconds: the next one, so that nothing counted before the moment is taken for
// what came after it.
func stamp(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.Add(Rounding - 1).Truncate(Rounding))
	return &m
}

// noted takes into the record of a release what no rule is about: when the canary's last weight was left, when people paused it, and whose callers
// they let meet it unrouted.
func noted(o Observation, d Decision, now time.Time) Decision {
	if r := d.Release; r != nil && (r.Outcome != nil || r.State == v1alpha1.StateHandover || r.Step == 0) {
		leave(r, now)
	}
	d = confirmed(o, d, now)
	r := cmp.Or(d.Release, o.Release)
	if !r.Running() {
		return d
	}
	last := len(r.Pauses) - 1
	paused := last >= 0 && r.Pauses[last].Until == nil
	pause := v1alpha1.Pause{From: *stamp(now), By: truncate(o.Wanted.PausedBy, mostUser), Reason: truncate(o.Wanted.PausedWhy, mostMessage)}
	// Another name or reason is another pause: nobody looked when the one before it was over.
	same := paused && r.Pauses[last].By == pause.By && r.Pauses[last].Reason == pause.Reason
	if same && o.Wanted.Paused || !paused && !o.Wanted.Paused {
		return d
	}
	r = r.DeepCopy()
	if paused {
		r.Pauses[last].Until = stamp(now)
	}
	if o.Wanted.Paused {
		r.Pauses = append(r.Pauses, pause)
		r.Pauses = r.Pauses[max(0, len(r.Pauses)-mostPauses):]
	}
	d.Release = r
	return d
}

// leave notes when the canary's present weight is left. One that was left already stays so.
func leave(r *v1alpha1.Release, now time.Time) {
	if n := len(r.Weights); n > 0 && r.Weights[n-1].Until == nil {
		r.Weights[n-1].Until = stamp(now)
	}
}

// Carrying are the VirtualServices of others that carry the weights of a release after a pass, given its record before and after that, and
// those there are: all that were seen from the first weight until it is judged. Without a weight they are those of the release before.
func Carrying(was, is *v1alpha1.Release, now []string) []string {
	if !is.Running() || is.Step == 0 || is.Outcome != nil {
		return is.Routes
	}
	all := slices.Clone(now)
	if was != nil && was.Number == is.Number && was.Step > 0 {
		all = append(all, is.Routes...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), mostRoutes)]
}

// Ran adds to the images that pods of a version were seen to run those that they run now.
func Ran(before, now []string) []string {
	for _, image := range now {
		if image = truncate(image, mostImage); len(before) < mostImages && !slices.Contains(before, image) {
			before = append(before, image)
		}
	}
	return before
}
