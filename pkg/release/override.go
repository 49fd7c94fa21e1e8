package release

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// mostOverrides is how many entries of a kind the record keeps of what others set against a release. The API server takes as many of each kind.
const mostOverrides = 4

// What was edited, where that is no route.
const (
	selectorOfService       = "the selector of the Service"
	selectorOfCanaryService = "the selector of the canary's Service"
)

// override notes an edit by somebody else that is put back. Those of the same kind and writer are one entry.
func override(r *v1alpha1.Release, kind v1alpha1.OverrideKind, by Writer, what string, now time.Time) {
	e := entry(r, kind, now, func(e v1alpha1.Override) bool { return e.By == by.name() })
	e.By, e.Until, e.Message = by.name(), stamp(now), truncate(what, mostWhy)
}

// entry is that of a kind which is the same, counted up, or a new one. Where there is no room for another of the kind, its last one takes it in.
func entry(r *v1alpha1.Release, kind v1alpha1.OverrideKind, now time.Time, same func(v1alpha1.Override) bool) *v1alpha1.Override {
	last, n := -1, 0
	for i, e := range r.Overridden {
		if e.Kind != kind {
			continue
		}
		if last, n = i, n+1; same(e) {
			break
		}
	}
	if n < mostOverrides && (n == 0 || !same(r.Overridden[last])) {
		r.Overridden = append(r.Overridden, v1alpha1.Override{Kind: kind, From: *stamp(now)})
		last = len(r.Overridden) - 1
	}
	e := &r.Overridden[last]
	e.Times++
	return e
}

// undoneAbort notes whose edits gave the canary traffic again that an abort had taken away.
func undoneAbort(r *v1alpha1.Release, o Observation, now time.Time) {
	if o.Canary.Exists && o.Canary.Aborted && o.Canary.Selects != r.Stable { // the abort had written both
		override(r, v1alpha1.OverrideSelector, o.Canary.SelectorBy, selectorOfCanaryService, now)
	}
	if f := o.Routes.Foreign; f != nil && o.Routes.Highest > 0 && r.DrainUntil != nil { // they had no traffic for the canary any more
		override(r, v1alpha1.OverrideRoutes, f.Writer, f.what(), now)
	}
}

// confirmed notes which Services have callers that meet the canary unrouted, because somebody confirmed it, unless the record says so already.
func confirmed(o Observation, d Decision, now time.Time) Decision {
	r, s := cmp.Or(d.Release, o.Release), o.Service
	if !r.Running() || len(s.Confirmed) == 0 {
		return d
	}
	names := truncate(strings.Join(s.Confirmed, ", "), mostWhy)
	known := slices.ContainsFunc(r.Overridden, func(e v1alpha1.Override) bool {
		return e.Kind == v1alpha1.OverrideSiblings && (e.Message == names || !slices.ContainsFunc(s.Confirmed, func(name string) bool {
			return !slices.Contains(strings.Split(e.Message, ", "), name)
		}))
	})
	if known {
		return d
	}
	d.Release = r.DeepCopy()
	e := entry(d.Release, v1alpha1.OverrideSiblings, now, func(v1alpha1.Override) bool { return false })
	e.By, e.Message = s.ConfirmedBy.name(), names
	return d
}

// NoteDenial notes in a record which write of a release was denied in a pass, and that a denial is over when a pass has nothing more to write. A
// denial that lasts is one, however often it is tried again. Before the writes of a decision are sent, nothing is known of them.
func NoteDenial(r *v1alpha1.Release, d Decision, now time.Time) {
	over := d.Denied == "" && (len(d.Writes()) == 0 || r.State.Ended())
	what, _, _ := strings.Cut(d.Denied, ": denied: ")
	same := func(e v1alpha1.Override) bool { return strings.HasPrefix(e.Message, what+": denied: ") }
	lasts := false
	for i := range r.Overridden {
		e := &r.Overridden[i]
		if e.Kind != v1alpha1.OverrideDenied || e.Until != nil {
			continue
		}
		if lasts = same(*e); over || d.Denied != "" && !lasts {
			e.Until = stamp(now)
		}
	}
	if d.Denied == "" || lasts {
		return
	}
	e := entry(r, v1alpha1.OverrideDenied, now, same)
	e.Until, e.Message = nil, truncate(d.Denied, mostWhy)
}
