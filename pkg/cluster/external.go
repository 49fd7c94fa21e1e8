package cluster

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// external looks at two versions that are run by their owner: at the routes between them, and at nothing else.
func (v *View) external(o Objects) {
	v.Facts.External = true
	v.refuseOthersServices()
	v.turn(o.Routes)
	named, others, lacks := false, false, ""
	for _, u := range o.Routes {
		carrier, known := routing.CarrierOf(u)
		if !known {
			continue
		}
		reading := carrier.Read(v.target, v.reader())
		if reading.Found && lacks == "" && !reading.Allowed {
			lacks = fmt.Sprintf("let VirtualService %s take part: %s", idOf(u), v.target.Lacks(u))
		}
		named, others = named || reading.Allowed && reading.Found, true
		v.see(route{Unstructured: u, Carrier: carrier}, reading)
	}
	v.missed()
	if !named {
		v.refuse(v1alpha1.ReasonRouteUnsupported, v.unnamed(lacks, others))
	}
	for _, dr := range o.Rules {
		if v.beforeTraffic() {
			v.releasedElsewhere(dr.GetKind(), dr)
		}
	}
	v.revisions()
	for i, arm := range []routing.Destination{v.target.Arms.Stable, v.target.Arms.Canary} {
		v.Arms[i] = v.armOf(arm, o.Rules)
	}
}

// unnamed says what to do where no route with both destinations can be written: what one that has both lacks, and whether there are any others.
func (v *View) unnamed(lacks string, others bool) string {
	stable, canary := v.target.Arms.Stable, v.target.Arms.Canary
	switch {
	case v.Facts.Release == nil || lacks != "":
		said := fmt.Sprintf("no VirtualService that takes part in releases of this TrafficShift has a route with both destinations, %s and %s: "+
			"give one of namespace %s such a route, with all weight on one of them", stable, canary, v.Shift.Namespace)
		if lacks != "" {
			said += ", or " + lacks
		}
		return said
	case others:
		return fmt.Sprintf("no route has both destinations, %s and %s, any more: write both into one again, with all weight on one of them", stable, canary)
	}
	return fmt.Sprintf("the VirtualService with both destinations, %s and %s, is gone: apply it again, with all weight on one of them", stable, canary)
}

// turn finds out which way the next release goes, or the running one does.
func (v *View) turn(all []*unstructured.Unstructured) {
	v.Facts.Toward = v1alpha1.TowardCanary
	if v.running() {
		if v.Facts.Release.Toward != "" {
			v.Facts.Toward = v.Facts.Release.Toward
		}
		return
	}
	lowest, highest, named := int64(routing.Whole), int64(0), false
	for _, u := range all {
		carrier, known := routing.CarrierOf(u)
		if !known {
			continue
		}
		if r := carrier.Read(v.target, v.reader()); r.Allowed && r.Found {
			lowest, highest, named = min(lowest, r.Lowest), max(highest, r.Highest), true
		}
	}
	switch {
	case !named || highest == 0:
	case lowest == routing.Whole:
		v.Facts.Toward = v1alpha1.TowardStable
		v.target = between(v.Shift, v.Facts.Toward, v.target.Domain)
	default:
		v.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf(
			"the routes give both destinations traffic, %s to %s of it to %s, and no release runs: give all of it to one of them",
			v1alpha1.PercentageOf(lowest), v1alpha1.PercentageOf(highest), v.target.Arms.Canary))
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
	return routing.Target{Namespace: s.Namespace, Domain: domain, Arms: &routing.Arms{Stable: stable, Canary: canary},
		Invites: s.Annotations[v1alpha1.AllowAnnotation]}
}

// revisions is what is known of the versions: their names.
func (v *View) revisions() {
	wanted, rec := v.Shift.Spec.Destinations.Revision, v.Facts.Release
	serving := wanted
	switch {
	case v.running():
		serving = rec.Stable
	case rec != nil && rec.State == v1alpha1.StatePromoted:
		serving = rec.Revision
	case v.Shift.Status.Stable.Revision != "":
		serving = v.Shift.Status.Stable.Revision
	}
	v.Facts.Workload = release.Workload{
		Replicas: 1, Template: wanted, Waits: wanted != serving,
		Stable: release.Set{Name: v.target.Arms.Stable.String(), Hash: serving},
	}
}

// refuseOthersServices refuses a destination that is a Service of another namespace, before anything else is said of it: its numbers are not for
// everybody who writes its name.
func (v *View) refuseOthersServices() {
	for _, d := range []routing.Destination{v.target.Arms.Stable, v.target.Arms.Canary} {
		if _, namespace := v.target.ServiceOf(d); namespace != v.Shift.Namespace {
			v.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf(
				"destination %s is a Service of namespace %s: make a TrafficShift there, or name Services of namespace %s", d, namespace, v.Shift.Namespace))
		}
	}
}

// armOf is a destination as its requests are counted. One that they cannot be told apart by is refused. Nothing is counted of a Service of another
// namespace.
func (v *View) armOf(d routing.Destination, rules []*unstructured.Unstructured) counting.Service {
	name, namespace := v.target.ServiceOf(d)
	arm := counting.Service{Namespace: v.Shift.Namespace, Name: name}
	if namespace != v.Shift.Namespace {
		arm.Name = d.Host // as no Service here is named
		return arm
	}
	if d.Subset == "" {
		return arm
	}
	revision, err := routing.RevisionOf(rules, v.target, d)
	if err != nil {
		v.refuse(v1alpha1.ReasonRouteUnsupported, err.Error())
	}
	arm.Revision = revision
	return arm
}
