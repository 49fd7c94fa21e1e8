package metrics

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// looked are the numbers of running releases as the last pass over each saw them, which its status has some time later.
type looked struct {
	mu sync.Mutex
	of map[types.NamespacedName]v1alpha1.Release
}

// Looked takes the record of a TrafficShift's release as a pass leaves it, written or not: while it runs its numbers are told at the next scrape. One
// that does not run, or nil, ends that.
func (x *Set) Looked(key types.NamespacedName, r *v1alpha1.Release) {
	if x == nil {
		return
	}
	x.looked.mu.Lock()
	defer x.looked.mu.Unlock()
	if !r.Running() {
		delete(x.looked.of, key)
		return
	}
	if x.looked.of == nil {
		x.looked.of = map[types.NamespacedName]v1alpha1.Release{}
	}
	x.looked.of[key] = v1alpha1.Release{Number: r.Number, LiveWeight: r.LiveWeight, Exposed: r.Exposed, Failed: r.Failed, Objectives: slices.Clone(r.Objectives)}
}

// bring gives a record the numbers that were seen since it was written. The record is not changed, but copied.
func (x *Set) bring(key types.NamespacedName, r *v1alpha1.Release) *v1alpha1.Release {
	if x == nil || !r.Running() {
		return r
	}
	x.looked.mu.Lock()
	defer x.looked.mu.Unlock()
	seen, known := x.looked.of[key]
	if !known || seen.Number != r.Number {
		return r
	}
	now := *r
	now.LiveWeight, now.Exposed, now.Failed, now.Objectives = seen.LiveWeight, seen.Exposed, seen.Failed, seen.Objectives
	return &now
}
