package shift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// failed is a write that did not succeed.
type failed struct {
	action release.Action
	err    error
}

func (f *failed) Error() string { return fmt.Sprintf("to %s: %v", f.action, f.err) }
func (f *failed) Unwrap() error { return f.err }

// act carries out the writes of a decision: each lever, whatever became of the others; then, when none has failed, the other writes in
// their order, up to the first that fails.
func (r *reconciler) act(ctx context.Context, f *facts, d release.Decision) *failed {
	if d.Release != nil {
		f.mark.Number = d.Release.Number
	}
	var first *failed
	for _, a := range d.Levers {
		if err := r.write(ctx, f, d, a); err != nil && first == nil {
			first = &failed{a, err}
		}
	}
	if first != nil {
		return first
	}
	for _, a := range d.Actions {
		if err := r.write(ctx, f, d, a); err != nil {
			return &failed{a, err}
		}
	}
	return nil
}

// ofTraffic says whether the write takes the canary's traffic in the routes away.
func ofTraffic(a release.Action) bool {
	return a.Verb == release.AbortService || a.Verb == release.AbortRoutes || a.Verb == release.Lower
}

// write carries out one action.
func (r *reconciler) write(ctx context.Context, f *facts, d release.Decision, a release.Action) error {
	switch a.Verb {
	case release.Save:
		return r.save(ctx, f, d)
	case release.Hold, release.Pause, release.Unpause, release.Unhold:
		return r.writeDeployment(ctx, f, a)
	case release.PutBack:
		return r.putBack(ctx, f)
	case release.MakeService, release.AbortService, release.RemoveService, release.Narrow, release.Widen:
		return r.writeService(ctx, f, a)
	case release.MakeSet, release.ScaleSet, release.RemoveSet, release.RemoveTwin, release.ScaleStable, release.ScaleRogue, release.GiveSet:
		return r.writeSet(ctx, f, a)
	case release.Raise, release.Lower, release.AbortRoutes, release.RestoreRoutes, release.MakeRule, release.RemoveRule:
		return r.writeRoutes(ctx, f, a)
	case release.Forget:
		return r.removeFinalizer(ctx, f.shift)
	}
	return fmt.Errorf("no write is known for %q", a.Verb)
}

// apply sends a patch of named paths; an empty one is not sent. The object is a cache's and is not changed.
func (r *reconciler) apply(ctx context.Context, o client.Object, p patch.Patch) error {
	if len(p) == 0 {
		return nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("rendering the patch of %s: %w", o.GetName(), err)
	}
	sent, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s: not an object", o.GetName())
	}
	return r.client.Patch(ctx, sent, client.RawPatch(types.JSONPatchType, body))
}

// moved says whether a write failed because the object is not the one that was read, so that the next pass knows better.
func moved(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsInvalid(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) ||
		apierrors.ReasonForError(err) == unprocessable
}

// unprocessable is what the API server answers when a test of a JSON patch fails.
const unprocessable = "Invalid"

func (r *reconciler) writeDeployment(ctx context.Context, f *facts, a release.Action) error {
	if f.deployment == nil {
		return nil // gone: nothing is left to hold or to let go
	}
	d, running := f.deployment, f.serving()
	var p patch.Patch
	var err error
	switch a.Verb {
	case release.Hold:
		p = workload.Hold(d, running)
	case release.Pause:
		p = workload.Pause(d)
	case release.Unpause:
		p, err = workload.Unpause(d, running)
	case release.Unhold:
		p = workload.Unhold(d, running)
	}
	if err != nil {
		return err
	}
	return r.apply(ctx, d, p)
}

// putBack gives the Deployment the template that runs, which is read past the caches: they hold only what our types know.
func (r *reconciler) putBack(ctx context.Context, f *facts) error {
	if f.deployment == nil || f.stable == nil {
		return errors.New("the Deployment or its ReplicaSet is not there")
	}
	running := &unstructured.Unstructured{}
	running.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	if err := r.reader.Get(ctx, client.ObjectKeyFromObject(f.stable), running); err != nil {
		return fmt.Errorf("reading the template that runs: %w", err)
	}
	p, err := workload.PutBack(f.deployment, running)
	if err != nil {
		return err
	}
	return r.apply(ctx, f.deployment, p)
}

// serving is the ReplicaSet whose pods serve: the canary's once it was handed over, the stable one before.
func (f *facts) serving() *appsv1.ReplicaSet {
	if f.o.Workload.HandedOver {
		return f.canary
	}
	return f.stable
}

func (r *reconciler) writeService(ctx context.Context, f *facts, a release.Action) error {
	switch a.Verb {
	case release.RemoveService:
		if f.canaryService == nil {
			return nil
		}
		return client.IgnoreNotFound(r.client.Delete(ctx, f.canaryService, client.Preconditions{UID: &f.canaryService.UID}))
	case release.AbortService:
		return r.apply(ctx, f.canaryService, workload.Abort(f.canaryService, a.Hash, f.mark.Number))
	}
	if f.service == nil {
		return nil // gone: nothing is left to narrow or to widen
	}
	switch a.Verb {
	case release.Widen:
		return r.apply(ctx, f.service, workload.Widen(f.service, hashes(f.shift)...))
	case release.Narrow:
		p, err := r.narrow(f, a.Hash)
		if err != nil {
			return err
		}
		return r.apply(ctx, f.service, p)
	}
	svc := workload.CanaryService(f.service, f.target.Canary, f.o.Release.Revision, f.mark, hashes(f.shift)...)
	if err := r.client.Create(ctx, svc); err != nil {
		return fmt.Errorf("making Service %s: %w", svc.Name, err)
	}
	f.canaryService = svc
	return nil
}

// narrow narrows the Service, or moves the narrowing from one arm to the other.
func (r *reconciler) narrow(f *facts, hash string) (patch.Patch, error) {
	if from := f.o.Service.Narrowed; from != "" && from != hash {
		return workload.MoveNarrowing(f.service, from, hash)
	}
	return workload.Narrow(f.service, hash, hashes(f.shift)...)
}

func (r *reconciler) writeSet(ctx context.Context, f *facts, a release.Action) error {
	switch a.Verb {
	case release.MakeSet:
		return r.makeSet(ctx, f, a.Replicas)
	case release.RemoveTwin:
		return r.remove(ctx, f.twin)
	case release.RemoveSet:
		return r.remove(ctx, f.canary)
	case release.ScaleStable:
		return r.scale(ctx, f.stable, a.Replicas)
	case release.ScaleRogue:
		return r.scale(ctx, f.rogue, a.Replicas)
	case release.ScaleSet:
		return r.scale(ctx, f.canary, a.Replicas)
	}
	return r.giveSet(ctx, f)
}

func (r *reconciler) scale(ctx context.Context, rs *appsv1.ReplicaSet, replicas int32) error {
	if rs == nil {
		return nil
	}
	return r.apply(ctx, rs, workload.Scale(rs, replicas))
}

// remove deletes a ReplicaSet, and its pods with it.
func (r *reconciler) remove(ctx context.Context, rs *appsv1.ReplicaSet) error {
	if rs == nil {
		return nil
	}
	return client.IgnoreNotFound(r.client.Delete(ctx, rs, client.PropagationPolicy("Background"),
		client.Preconditions{UID: &rs.UID, ResourceVersion: &rs.ResourceVersion}))
}

func (r *reconciler) makeSet(ctx context.Context, f *facts, replicas int32) error {
	if f.canaryService == nil || f.deployment == nil {
		return fmt.Errorf("the canary's Service or the Deployment is not there")
	}
	rs := workload.ReleaseSet(f.deployment, f.o.Release.Revision, f.mark, f.canaryService, replicas)
	if clash := workload.Clash(rs, f.sets); clash != nil {
		return clash
	}
	if err := r.client.Create(ctx, rs); err != nil {
		return fmt.Errorf("making ReplicaSet %s: %w", rs.Name, err)
	}
	return nil
}

// giveSet hands the release's ReplicaSet over, after one more look at the Deployment and the ReplicaSet past the caches.
func (r *reconciler) giveSet(ctx context.Context, f *facts) error {
	d, rs := &appsv1.Deployment{}, &appsv1.ReplicaSet{}
	if err := r.client.Get(ctx, client.ObjectKeyFromObject(f.deployment), d); err != nil {
		return fmt.Errorf("looking at the Deployment again: %w", err)
	}
	if err := r.client.Get(ctx, client.ObjectKeyFromObject(f.canary), rs); err != nil {
		return fmt.Errorf("looking at the ReplicaSet again: %w", err)
	}
	p, err := workload.Handover(rs, d)
	if err != nil {
		return err
	}
	return r.apply(ctx, rs, p)
}

func (r *reconciler) addFinalizer(ctx context.Context, s *v1alpha1.TrafficShift) error {
	add := patch.Patch{patch.Version(s.ResourceVersion), patch.Add("/metadata/finalizers", append(s.Finalizers, v1alpha1.Finalizer))}
	return r.apply(ctx, s, add)
}

func (r *reconciler) removeFinalizer(ctx context.Context, s *v1alpha1.TrafficShift) error {
	rest := s.DeepCopy()
	controllerutil.RemoveFinalizer(rest, v1alpha1.Finalizer)
	p := patch.Patch{patch.Version(s.ResourceVersion), patch.Replace("/metadata/finalizers", rest.Finalizers)}
	return client.IgnoreNotFound(r.apply(ctx, s, p))
}
