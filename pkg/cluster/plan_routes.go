package cluster

import (
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

func (v *View) planRoutes(a release.Action) []Write {
	if a.Verb == release.RestoreRoutes {
		return v.restoreRoutes()
	}
	var all []Write
	if a.Verb == release.Raise && v.Facts.Routes.MakeOne {
		all = append(all, v.makeRoute(a))
	}
	for _, r := range v.routes {
		permission := routing.Raise{}
		if a.Raises() && r.allowed {
			permission.ResourceVersion = r.GetResourceVersion()
		}
		p, err := r.Split(v.target, a.Who, v.routeMark(a.Verb == release.AbortRoutes), permission)
		all = append(all, patching(r.Unstructured, p, naming(r.Unstructured, err))...)
	}
	return all
}

func (v *View) routeMark(aborted bool) routing.Mark {
	return routing.Mark{Shift: v.reader().Shift, Number: v.mark.Number, Aborted: aborted}
}

// naming says of an error which object it is about.
func naming(u *unstructured.Unstructured, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
}

// makeRoute makes the VirtualService of a Service that none covers, already split.
func (v *View) makeRoute(a release.Action) Write {
	vs := routing.Make(v.target, v.target.Canary, v.labelsOfOurs(nil), v.ports())
	p, err := routing.Split(vs, v.target, a.Who.Share, v.routeMark(false), routing.Raise{ResourceVersion: "0"})
	if err == nil {
		vs, err = patched(vs, p)
	}
	if err != nil {
		return Write{Err: fmt.Errorf("splitting a VirtualService of our own: %w", err)}
	}
	return Write{Kind: Create, Object: vs}
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

// restoreRoutes takes everything of ours out of the routes.
func (v *View) restoreRoutes() []Write {
	var all []Write
	for _, r := range v.routes {
		if r.Unstructured == v.made {
			continue
		}
		p, err := r.Restore(v.target, v.reader().Shift)
		all = append(all, patching(r.Unstructured, p, naming(r.Unstructured, err))...)
	}
	return append(all, removing(v.made, false)...)
}

// planRules makes the DestinationRules of the canary what they have to be, or removes them. What comes after one that is missing in its
// namespace is made anew once that one is there: of several rules Istio takes the oldest first.
func (v *View) planRules(a release.Action) []Write {
	var all []Write
	missing := map[string]bool{}
	for _, c := range v.copies {
		switch {
		case a.Verb == release.RemoveRule || c.want == nil || missing[c.want.GetNamespace()]:
			all = append(all, removing(c.have, false)...)
		case c.have == nil:
			missing[c.want.GetNamespace()] = true
			all = append(all, Write{Kind: Create, Object: c.want})
		case c.due():
			all = append(all, patching(c.have, patch.Patch{patch.Test("/spec", c.have.Object["spec"]), patch.Replace("/spec", c.want.Object["spec"])}, nil)...)
		}
	}
	return all
}
