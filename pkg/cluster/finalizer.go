package cluster

import (
	"slices"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
)

const finalizers = "/metadata/finalizers"

// Keep is the write that puts our finalizer on a TrafficShift, so that it does not go before everything is put back; false when it is
// there, or when the TrafficShift is going.
func Keep(s *v1alpha1.TrafficShift) (Write, bool) {
	if slices.Contains(s.Finalizers, v1alpha1.Finalizer) || !s.DeletionTimestamp.IsZero() {
		return Write{}, false
	}
	all := append(slices.Clone(s.Finalizers), v1alpha1.Finalizer)
	return Write{Action: release.Action{Verb: release.Keep}, Kind: Patch, Object: s, Patch: patch.Patch{patch.Version(s.ResourceVersion), patch.Add(finalizers, all)}}, true
}

// Gone says whether a TrafficShift is only waiting for others to let it go.
func Gone(s *v1alpha1.TrafficShift) bool {
	return !s.DeletionTimestamp.IsZero() && !slices.Contains(s.Finalizers, v1alpha1.Finalizer)
}

// withoutFinalizer lets a TrafficShift go.
func withoutFinalizer(s *v1alpha1.TrafficShift) Write {
	rest := slices.DeleteFunc(slices.Clone(s.Finalizers), func(f string) bool { return f == v1alpha1.Finalizer })
	return Write{Action: release.Action{Verb: release.Forget}, Kind: Patch, Object: s,
		Patch: patch.Patch{patch.Version(s.ResourceVersion), patch.Replace(finalizers, rest)}}
}
