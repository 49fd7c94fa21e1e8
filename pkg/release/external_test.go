package release_test

import (
	"fmt"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// external makes the world one of two versions that are run by their owner.
func (w *world) external(revision string) {
	for _, s := range w.sets() {
		w.store.Remove(s.ReplicaSet)
	}
	w.store.Remove(w.deployment())
	w.store.Remove(w.service())
	w.store.Put(virtualService(web, destination("blue", 100), destination("green", 0)))
	s := w.newShift()
	s.Spec.Service = v1alpha1.ServiceReference{}
	s.Spec.Destinations = &v1alpha1.Destinations{Stable: v1alpha1.Destination{Host: "blue"}, Canary: v1alpha1.Destination{Host: "green"}, Revision: revision}
	w.store.Put(s)
}

func (w *world) wantRevision(revision string) {
	edit(w, w.shift(), func(s *v1alpha1.TrafficShift) { s.Spec.Destinations.Revision = revision })
}

func (w *world) externalFacts() string {
	objects, _ := w.store.Objects(namespace, web)
	o := cluster.Observe(objects, cluster.Settings{Bounds: w.bounds, Manager: operator}, w.store.Now).Facts
	serving := o.Workload.Stable.Hash
	return fmt.Sprintf("serving %s, next toward %s", serving, o.Toward)
}
