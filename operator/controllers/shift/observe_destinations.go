package shift

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// destinations looks at two versions that somebody else runs: at the routes between them, and at nothing else.
func (r *reconciler) destinations(ctx context.Context, f *facts) error {
	all, err := r.list(ctx, virtualService(), "")
	if err != nil {
		return err
	}
	rules, err := r.list(ctx, destinationRule(), f.shift.Namespace)
	if err != nil {
		return err
	}
	f.o.External = true
	f.turn(all)
	named := false
	for _, vs := range all {
		allowed := routing.Allows(vs, f.shift.Namespace) && len(routing.Routes(vs, f.target)) > 0
		named = named || allowed
		if f.marked(vs) != nil || allowed {
			f.routes = append(f.routes, vs)
			f.route(vs)
		}
	}
	if !named {
		f.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf(
			"no VirtualService that namespace %s may write has a route with both destinations, %s and %s: give it one, with all weight on one of them",
			f.shift.Namespace, f.target.Arms.Stable, f.target.Arms.Canary))
	}
	f.revisions()
	for i, arm := range []routing.Destination{f.target.Arms.Stable, f.target.Arms.Canary} {
		f.countedAs[i] = f.armOf(arm, rules)
	}
	return nil
}

// turn finds out which way the next release goes, or the running one does.
func (f *facts) turn(all []*unstructured.Unstructured) {
	f.o.Toward = v1alpha1.TowardCanary
	if f.running() {
		if f.o.Release.Toward != "" {
			f.o.Toward = f.o.Release.Toward
		}
		f.target = between(f.shift, f.o.Toward, f.target.Domain)
		return
	}
	lowest, highest, named := int64(routing.Whole), int64(0), false
	for _, vs := range all {
		if !routing.Allows(vs, f.shift.Namespace) {
			continue
		}
		if low, high, found := routing.Share(vs, f.target); found {
			lowest, highest, named = min(lowest, low), max(highest, high), true
		}
	}
	switch {
	case !named || highest == 0:
	case lowest == routing.Whole:
		f.o.Toward = v1alpha1.TowardStable
		f.target = between(f.shift, f.o.Toward, f.target.Domain)
	default:
		f.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf(
			"the routes give both destinations traffic, %s to %s of it to %s, and no release runs: give all of it to one of them",
			v1alpha1.PercentageOf(lowest), v1alpha1.PercentageOf(highest), f.target.Arms.Canary))
	}
}

// between is the target of a TrafficShift with destinations, in one of the two directions.
func between(s *v1alpha1.TrafficShift, toward v1alpha1.Toward, domain string) routing.Target {
	d := s.Spec.Destinations
	stable := routing.Destination{Host: d.Stable.Host, Subset: d.Stable.Subset, Port: int64(d.Stable.Port)}
	canary := routing.Destination{Host: d.Canary.Host, Subset: d.Canary.Subset, Port: int64(d.Canary.Port)}
	if toward == v1alpha1.TowardStable {
		stable, canary = canary, stable
	}
	return routing.Target{Namespace: s.Namespace, Domain: domain, Arms: &routing.Arms{Stable: stable, Canary: canary}}
}

// revisions is what is known of the versions: their names.
func (f *facts) revisions() {
	serving, rec := f.shift.Spec.Destinations.Revision, f.o.Release
	switch {
	case f.running():
		serving = rec.Stable
	case rec != nil && rec.State == v1alpha1.StatePromoted:
		serving = rec.Revision
	case f.shift.Status.Stable.Revision != "":
		serving = f.shift.Status.Stable.Revision
	}
	wanted := f.shift.Spec.Destinations.Revision
	f.o.Workload = release.Workload{
		Replicas: 1, Template: wanted, Waits: wanted != serving,
		Stable: release.Set{Name: f.target.Arms.Stable.String(), Hash: serving},
	}
}

// armOf is a destination as its requests are counted. One that they cannot be told apart by is refused.
func (f *facts) armOf(d routing.Destination, rules []*unstructured.Unstructured) counting.Service {
	name, namespace := f.target.ServiceOf(d)
	arm := counting.Service{Namespace: namespace, Name: name}
	if d.Subset == "" {
		return arm
	}
	revision, err := routing.RevisionOf(rules, f.target, d)
	if err != nil {
		f.refuse(v1alpha1.ReasonRouteUnsupported, err.Error())
	}
	arm.Revision = revision
	return arm
}
