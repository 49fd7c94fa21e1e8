package shift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

func (r *reconciler) writeRoutes(ctx context.Context, f *facts, a release.Action) error {
	switch a.Verb {
	case release.MakeRule:
		return r.makeRule(ctx, f)
	case release.RemoveRule:
		return r.removeOurs(ctx, f.haveRule)
	case release.RestoreRoutes:
		return r.restore(ctx, f)
	}
	if a.Verb == release.Raise && f.o.Routes.MakeOne {
		return errors.Join(r.makeRoute(ctx, f, a.Share), r.split(ctx, f, a))
	}
	return r.split(ctx, f, a)
}

func (f *facts) routeMark(aborted bool) routing.Mark {
	return routing.Mark{Shift: f.mark.Namespace + "/" + f.mark.Shift, Number: f.mark.Number, Aborted: aborted}
}

// split writes the share into every route; all are tried, whatever became of the others.
func (r *reconciler) split(ctx context.Context, f *facts, a release.Action) error {
	var all []error
	for _, vs := range f.routes {
		permission := routing.Raise{}
		if a.Raises() {
			permission.ResourceVersion = vs.GetResourceVersion()
		}
		p, err := routing.Split(vs, f.target, a.Share, f.routeMark(a.Verb == release.AbortRoutes), permission)
		if err == nil {
			err = r.apply(ctx, vs, p)
		}
		if err != nil {
			all = append(all, fmt.Errorf("VirtualService %s: %w", vs.GetName(), err))
		}
		if len(p) > 0 {
			r.metrics.routeWrites.Inc()
		}
	}
	return errors.Join(all...)
}

// makeRoute makes the VirtualService of a Service that none covers, already split.
func (r *reconciler) makeRoute(ctx context.Context, f *facts, share int64) error {
	vs := routing.Make(f.target, f.target.Canary, maps.Clone(labelsOfOurs), f.ports())
	p, err := routing.Split(vs, f.target, share, f.routeMark(false), routing.Raise{ResourceVersion: "0"})
	if err != nil {
		return fmt.Errorf("splitting a VirtualService of our own: %w", err)
	}
	if vs, err = patched(vs, p); err != nil {
		return fmt.Errorf("splitting a VirtualService of our own: %w", err)
	}
	if err := r.client.Create(ctx, vs); err != nil {
		return fmt.Errorf("making VirtualService %s: %w", vs.GetName(), err)
	}
	r.metrics.routeWrites.Inc()
	return nil
}

// patched is a VirtualService that is not on the API server yet with a patch applied, all but its tests of a version.
func patched(vs *unstructured.Unstructured, p patch.Patch) (*unstructured.Unstructured, error) {
	var kept patch.Patch
	for _, op := range p {
		if op.Path != "/metadata/resourceVersion" {
			kept = append(kept, op)
		}
	}
	body, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	decoded, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, err
	}
	before, err := json.Marshal(vs.Object)
	if err != nil {
		return nil, err
	}
	after, err := decoded.Apply(before)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, json.Unmarshal(after, &out.Object)
}

// restore takes everything of ours out of the routes.
func (r *reconciler) restore(ctx context.Context, f *facts) error {
	var all []error
	for _, vs := range f.routes {
		if vs == f.made {
			continue
		}
		p, err := routing.Restore(vs, f.target, f.mark.Namespace+"/"+f.mark.Shift)
		if err == nil {
			err = r.apply(ctx, vs, p)
		}
		if err != nil {
			all = append(all, fmt.Errorf("VirtualService %s: %w", vs.GetName(), err))
		}
	}
	return errors.Join(append(all, r.removeOurs(ctx, f.made))...)
}

func (r *reconciler) removeOurs(ctx context.Context, u *unstructured.Unstructured) error {
	if u == nil {
		return nil
	}
	uid := u.GetUID()
	return client.IgnoreNotFound(r.client.Delete(ctx, u, client.Preconditions{UID: &uid}))
}

// makeRule makes the canary's DestinationRule, or makes it what the user's has become.
func (r *reconciler) makeRule(ctx context.Context, f *facts) error {
	if f.haveRule != nil {
		return r.apply(ctx, f.haveRule, patch.Patch{patch.Replace("/spec", f.rule.Object["spec"])})
	}
	rule := f.rule.DeepCopy()
	if err := r.client.Create(ctx, rule); err != nil {
		return fmt.Errorf("making DestinationRule %s: %w", rule.GetName(), err)
	}
	f.haveRule = rule
	return nil
}
