package release

import (
	"fmt"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// arms are two versions that their owner runs: the revision that is wanted, the one that serves, and where it does.
type arms struct {
	wanted, serving string
	toward          v1alpha1.Toward
}

// externalArms makes the world one without a workload of ours.
func (w *world) externalArms(revision string) {
	w.arms = &arms{wanted: revision, serving: revision, toward: v1alpha1.TowardCanary}
	w.dep, w.sets, w.service.exists = deployment{}, nil, false
}

func (a *arms) observe(o *Observation) {
	serving := a.serving
	if o.running() {
		serving = o.Release.Stable
	}
	o.External, o.Toward = true, a.toward
	o.Workload = Workload{Replicas: 1, Template: a.wanted, Waits: a.wanted != serving, Stable: Set{Name: "stable", Hash: serving}}
}

// rest is what is left when the marks are taken off the routes: at full traffic the arms have changed places.
func (a *arms) rest(r *route, rec *v1alpha1.Release) {
	if r.share == v1alpha1.Whole {
		a.serving = rec.Revision
		a.toward = map[v1alpha1.Toward]v1alpha1.Toward{v1alpha1.TowardCanary: v1alpha1.TowardStable, v1alpha1.TowardStable: v1alpha1.TowardCanary}[a.toward]
	}
}

func (a *arms) facts() string { return fmt.Sprintf("serving %s, next toward %s", a.serving, a.toward) }
