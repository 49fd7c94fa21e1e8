package release_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
)

// owned checks whom what a release made goes with, whatever way somebody deletes him: the canary's pods with their Service or their Deployment, all
// else with nobody. What had an owner of the user's, or a TrafficShift, would be collected before it was given back.
func (x *watch) owned(t *testing.T, w *world) {
	t.Helper()
	made := []cluster.Object{}
	if c := w.canaryService(); c != nil {
		made = append(made, c)
	}
	for _, kind := range []string{"DestinationRule", "VirtualService"} {
		for _, o := range w.store.ListKind(kind) {
			made = append(made, o)
		}
	}
	for _, o := range made {
		for _, owner := range o.GetOwnerReferences() {
			if owner.Kind != "Canary" { // of Flagger
				x.fail(t, w, "%s goes with %s %s", o.GetName(), owner.Kind, owner.Name)
			}
		}
	}
	for _, s := range w.sets() {
		for _, owner := range s.OwnerReferences {
			if owner.Kind != "Deployment" && owner.Kind != "Rollout" && (owner.Kind != "Service" || owner.Name != web+"-canary") {
				x.fail(t, w, "the pods of %s go with %s %s", s.version, owner.Kind, owner.Name)
			}
		}
	}
}

// A namespace is deleted: its objects go in any order, and nothing can be made in it any more. Whatever a release is about, its TrafficShift lets go.
func TestANamespaceThatIsDeletedIsHeldUpByNoRelease(t *testing.T) {
	t.Parallel()
	for moment, script := range map[string][]string{
		"at rest":         {"wait 5s"},
		"while preparing": {"wait 5s", "push v2", "wait 5s"},
		"in the middle":   {"destination rule", "wait 5s", "push v2", "wait 2m"},
		"without routes":  {"no routes", "wait 5s", "push v2", "wait 2m"},
		"in an abort":     {"wait 5s", "push v2", "wait 2m", "counts bad", "wait 5s"},
		"in the handover": {"wait 5s", "push v2", "wait 3m30s"},
		"while let go":    {"wait 5s", "push v2", "wait 2m", "let go"},
	} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%s, order %d", moment, seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld()
				w.playAll(t, script)
				w.terminate(t, rand.New(rand.NewPCG(seed, 2)))
				w.playAll(t, []string{"wait 10m"})
				if left := w.inNamespace(); len(left) > 0 || !w.forgotten() {
					w.watch.fail(t, w, "the TrafficShift is let go: %t; left are %d others", w.forgotten(), len(left))
				}
			})
		}
	}
}

// terminate deletes all that is in the namespace, in an order of chance, with a pass after each; nothing can be made from now on.
func (w *world) terminate(t *testing.T, r *rand.Rand) {
	t.Helper()
	w.store.Admit = append(w.store.Admit, func(request *inmemory.Request) error {
		if request.Old != nil {
			return nil
		}
		return apierrors.NewForbidden(schema.GroupResource{}, request.Object.GetName(),
			fmt.Errorf("unable to create new content in namespace %s because it is being terminated", namespace))
	})
	goes := r.IntN(6) // how many go before the TrafficShift
	for n := 0; ; n++ {
		if n == goes {
			w.letGo()
		}
		all := w.inNamespace()
		if len(all) == 0 && n > goes {
			return
		}
		if len(all) > 0 {
			w.store.Remove(all[r.IntN(len(all))])
		}
		w.playAll(t, []string{"wait 1s"})
	}
}

// inNamespace is all that is in the namespace but TrafficShifts.
func (w *world) inNamespace() []cluster.Object {
	var all []cluster.Object
	for _, o := range inmemory.List[*corev1.Service](w.store) {
		all = append(all, o)
	}
	for _, o := range inmemory.List[*appsv1.Deployment](w.store) {
		all = append(all, o)
	}
	for _, o := range inmemory.List[*appsv1.ReplicaSet](w.store) {
		all = append(all, o)
	}
	for _, o := range inmemory.List[*corev1.Pod](w.store) {
		all = append(all, o)
	}
	for _, kind := range []string{"DestinationRule", "VirtualService"} {
		for _, o := range w.store.ListKind(kind) {
			all = append(all, o)
		}
	}
	return all
}
