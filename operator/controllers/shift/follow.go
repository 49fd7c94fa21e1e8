package shift

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// follow tells what is to be counted from now on, and which proxies are to be read.
func (r *reconciler) follow(v *cluster.View) {
	key, rec := client.ObjectKeyFromObject(v.Shift), v.Shift.Status.Release
	r.Loop.Follow(key, cluster.Follow(v, rec, cluster.Ticks{Fast: r.FastTick, Slow: r.SlowTick, Urgent: r.reads()}))
	if !r.reads() {
		return
	}
	if of, reads := cluster.DirectOf(v, rec); reads {
		r.Direct.Follow(of)
	} else {
		r.Direct.Forget(key)
	}
}

// reads says whether proxies are read at all.
func (r *reconciler) reads() bool { return r.Direct != nil && r.Direct.Mode != direct.Off }

// hear is what the proxies say that are read.
func (r *reconciler) hear(v *cluster.View) release.Direct {
	if !r.reads() {
		return release.Direct{Off: true}
	}
	state, known := r.Direct.State(client.ObjectKeyFromObject(v.Shift))
	return v.HeardOf(state, known, func(since time.Time) bool { return r.stirs.quiet(since, r.own(v)) })
}

// own says which changes a release makes itself, or are of its pods.
func (r *reconciler) own(v *cluster.View) func(stir) bool {
	rec, target := v.Shift.Status.Release, cluster.TargetOf(v.Shift, r.Domain)
	return func(x stir) bool {
		return x.namespace == v.Shift.Namespace && (x.name == target.Canary || x.name == target.Service || x.hash != "" && x.hash == rec.Revision) ||
			x.mark == workload.Mark{Namespace: v.Shift.Namespace, Shift: v.Shift.Name, Number: rec.Number}
	}
}
