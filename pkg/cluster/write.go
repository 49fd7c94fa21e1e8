package cluster

import (
	"errors"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Object is any object of the API server.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind is how a Write changes its object.
type Kind string

// The kinds of writes.
const (
	// Create makes the object.
	Create Kind = "create"
	// Patch sends a JSON patch; one without operations is not sent.
	Patch Kind = "patch"
	// Delete deletes the object that was read, and what it owns in the background.
	Delete Kind = "delete"
	// Status writes the status of the TrafficShift, provided that it is the one that was read.
	Status Kind = "status"
)

// Write is one request to the API server.
type Write struct {
	// Action is what it is for.
	Action release.Action
	Kind   Kind
	// Object is what is created, or what is changed, as it was read. Who sends a Create fills in what the API server answered.
	Object Object
	// Patch is what a Patch sends.
	Patch patch.Patch
	// Status is what a Status writes.
	Status *v1alpha1.TrafficShiftStatus
	// ExactVersion says that a Delete is only for the version of the object that was read; else it is for the object, whatever has
	// changed on it.
	ExactVersion bool
	// Lever says that it takes traffic away from the canary.
	Lever bool
	// Needs is how many of the writes before it must have succeeded: all of those with a smaller index. 0: it waits for nothing.
	Needs int
	// Fresh are objects to be read anew, past all caches, right before the write.
	Fresh []Object
	// Finish completes the Write from Fresh and from what earlier writes were answered; nil where it is complete.
	Finish func(*Write) error
	// Err is why there is nothing to send, which counts as a write that failed.
	Err error
}

// Due returns whether the write may be sent when the writes with these indices have failed.
func (w Write) Due(failed []int) bool {
	return len(failed) == 0 || failed[0] >= w.Needs
}

// String is one phrase about the write, for people: "narrow service: patch Service shop/web".
func (w Write) String() string {
	if w.Object == nil {
		return w.Action.String()
	}
	kind := w.Object.GetObjectKind().GroupVersionKind().Kind
	if kind == "" {
		kind = reflect.TypeOf(w.Object).Elem().Name()
	}
	return fmt.Sprintf("%s: %s %s %s/%s", w.Action, w.Kind, kind, w.Object.GetNamespace(), w.Object.GetName())
}

// errGone says that what a write needs is not there.
var errGone = errors.New("it is not there")

// Plan returns the writes of a decision in the order in which they are sent. Levers come first and wait for nothing, and neither does the record beside
// them, which says no more than that there is less traffic. Any other write needs all writes of the actions before it, but not those of its
// own, so that of several routes each is tried.
func Plan(view *View, d release.Decision) []Write {
	planned := *view // what is planned here is not observed
	v := &planned
	if d.Release != nil {
		v.mark.Number = d.Release.Number
	}
	var all []Write
	for i, a := range d.Writes() {
		needs := len(all)
		for _, w := range v.plan(d, a) {
			w.Action, w.Lever = a, i < len(d.Levers)
			if w.Lever {
				w.Patch = fenced(w)
			} else if len(d.Levers) == 0 || w.Kind != Status {
				w.Needs = needs
			}
			all = append(all, w)
		}
	}
	return all
}

// fenced is the patch of a lever, which is refused where the object is not that of the release which was decided on any more: whoever decided may
// have slept since, and another have released the next version. A mark names the release and outlasts edits of others. What bears none must be as it
// was read; but for a pause, which only holds back.
func fenced(w Write) patch.Patch {
	if len(w.Patch) == 0 || w.Action.Verb == release.Pause {
		return w.Patch
	}
	test := patch.Version(w.Object.GetResourceVersion())
	switch w.Action.Verb {
	case release.AbortService, release.AbortRoutes, release.Lower:
		if mark, found := w.Object.GetAnnotations()[v1alpha1.ReleaseAnnotation]; found {
			test = patch.Test("/metadata/annotations"+patch.Pointer(v1alpha1.ReleaseAnnotation), mark)
		}
	}
	return append(patch.Patch{test}, w.Patch...)
}

// plan returns the writes of one action. An object that is gone needs none.
func (v *View) plan(d release.Decision, a release.Action) []Write {
	switch a.Verb {
	case release.Save:
		status := StatusOf(v, d, d.Release)
		return []Write{{Kind: Status, Object: v.Shift, Status: &status}}
	case release.Hold, release.Pause, release.Unpause, release.Unhold, release.PutBack, release.ForgetAuthor:
		return v.planDeployment(a)
	case release.MakeService, release.AbortService, release.RemoveService, release.Narrow, release.Widen:
		return v.planService(a)
	case release.MakeSet, release.ScaleSet, release.RemoveSet, release.RemoveTwin, release.ScaleStable, release.ScaleRogue, release.GiveSet:
		return v.planSet(a)
	case release.Raise, release.Lower, release.AbortRoutes, release.RestoreRoutes:
		return v.planRoutes(a)
	case release.MakePreview, release.RemovePreview, release.RunCheck, release.StopChecks:
		return v.planCheck(a)
	case release.MakeRule, release.RemoveRule:
		return v.planRules(a)
	case release.Forget:
		return []Write{withoutFinalizer(v.Shift)}
	}
	return []Write{{Err: fmt.Errorf("no write is known for %q", a.Verb)}}
}

// patching is the write of a patch that could be rendered; an empty one is none.
func patching(o Object, p patch.Patch, err error) []Write {
	if len(p) == 0 && err == nil {
		return nil
	}
	return []Write{{Kind: Patch, Object: o, Patch: p, Err: err}}
}
