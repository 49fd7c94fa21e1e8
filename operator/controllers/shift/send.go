package shift

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/metrics"
	"github.com/stagger-dev/stagger/pkg/release"
)

// send carries out the writes of a decision, and returns the first that failed; nil when none did. Its levers come before all else, side by side:
// one that hangs keeps no other waiting. The others follow in their order, as far as they are due.
func (r *reconciler) send(ctx context.Context, v *cluster.View, d release.Decision) *cluster.Failure {
	key := client.ObjectKeyFromObject(v.Shift)
	writes := cluster.Plan(v, d)
	if len(d.Levers) > 0 {
		r.lanes.passes.keep(key)
	}
	first, failed := r.pull(ctx, v, writes)
	early := r.refusals.standing(key, writes, r.clock.Now()) // of what leads to a write that has just failed, only levers are sent
	for i := range writes {
		w := &writes[i]
		if w.Lever || early != nil || !w.Due(failed) {
			continue
		}
		if failure := r.write(ctx, v, w); failure != nil {
			failed = append(failed, i)
			first = cmp.Or(first, failure)
		}
	}
	return cmp.Or(early, first)
}

// pull sends the levers among the writes, and returns the first that failed and the indices of all that did.
func (r *reconciler) pull(ctx context.Context, v *cluster.View, writes []cluster.Write) (first *cluster.Failure, failed []int) {
	failures := make([]*cluster.Failure, len(writes))
	var pulled sync.WaitGroup
	for i := range writes {
		if writes[i].Lever {
			pulled.Go(func() { failures[i] = r.write(ctx, v, &writes[i]) })
		}
	}
	pulled.Wait()
	for i, failure := range failures {
		if failure != nil {
			failed = append(failed, i)
			first = cmp.Or(first, failure)
		}
	}
	return first, failed
}

// write sends one write, and notes what became of it.
func (r *reconciler) write(ctx context.Context, v *cluster.View, w *cluster.Write) *cluster.Failure {
	key := client.ObjectKeyFromObject(v.Shift)
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	ctx, unguard, err := r.Lease.Guard(ctx)
	defer unguard()
	if err != nil {
		w.Err = err // nothing is sent
	}
	if err := r.request(ctx, v, w); err != nil {
		failure := &cluster.Failure{Write: *w, Err: err}
		if failure.Unanswered() || w.Lever && failure.Stale() {
			r.written.unsure(key, w.Object) // a lever waits for no cache: what is there now is asked for
		}
		r.refusals.note(key, failure, r.clock.Now())
		return failure
	}
	r.refusals.pass(key, w)
	if w.Lever && w.Action.Verb == release.Pause {
		r.Metrics.Add(metrics.ForeignEdits, 1, metrics.EditRollout) // while a release runs nobody else lets it loose
	}
	return nil
}

// request completes a write and makes the request.
func (r *reconciler) request(ctx context.Context, v *cluster.View, w *cluster.Write) error {
	if w.Err != nil {
		return w.Err
	}
	for _, o := range w.Fresh {
		if err := r.reader.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			w.Err = fmt.Errorf("looking at %T %s once more: %w", o, o.GetName(), err) // nothing was sent
			return w.Err
		}
	}
	if w.Finish != nil {
		if w.Err = w.Finish(w); w.Err != nil {
			return w.Err
		}
	}
	switch w.Kind {
	case cluster.Status:
		return r.patchStatus(ctx, v, *w.Status)
	case cluster.Create:
		err := r.sender(w).Create(ctx, w.Object, client.DisableReadYourWritesConsistency)
		if r.Metrics.Write(w.Object, w.Kind, err); err != nil {
			return err
		}
		r.written.note(client.ObjectKeyFromObject(v.Shift), w.Object)
		return nil
	case cluster.Delete:
		return r.remove(ctx, client.ObjectKeyFromObject(v.Shift), w)
	}
	return r.patch(ctx, client.ObjectKeyFromObject(v.Shift), w)
}

// sender is the client that sends a write.
func (r *reconciler) sender(w *cluster.Write) client.Client {
	if w.Lever {
		return r.levering
	}
	return r.client
}

// remove deletes the object that was read, and what it owns in the background.
func (r *reconciler) remove(ctx context.Context, key types.NamespacedName, w *cluster.Write) error {
	uid, version := w.Object.GetUID(), w.Object.GetResourceVersion()
	only := client.Preconditions{UID: &uid}
	if w.ExactVersion {
		only.ResourceVersion = &version
	}
	err := r.sender(w).Delete(ctx, w.Object, client.PropagationPolicy("Background"), only, client.DisableReadYourWritesConsistency)
	err = client.IgnoreNotFound(err)
	if r.Metrics.Write(w.Object, w.Kind, err); err != nil {
		return err
	}
	r.written.gone(key, w.Object)
	return nil
}

// patch sends a patch of named paths; an empty one is not sent. The object is a cache's and is not changed.
func (r *reconciler) patch(ctx context.Context, key types.NamespacedName, w *cluster.Write) error {
	if len(w.Patch) == 0 {
		return nil
	}
	body, err := json.Marshal(w.Patch)
	if err != nil {
		return fmt.Errorf("rendering the patch of %s: %w", w.Object.GetName(), err)
	}
	sent, ok := w.Object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s: not an object", w.Object.GetName())
	}
	err = r.sender(w).Patch(ctx, sent, client.RawPatch(types.JSONPatchType, body), client.DisableReadYourWritesConsistency)
	if r.Metrics.Write(sent, w.Kind, err); err != nil {
		if w.Action.Verb == release.Forget && apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	r.written.note(key, sent)
	return nil
}
