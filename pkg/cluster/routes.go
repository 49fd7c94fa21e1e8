package cluster

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// labelsOfOurs are on routes and DestinationRules that Stagger makes.
func labelsOfOurs() map[string]string {
	return map[string]string{workload.ManagedByLabel: workload.ManagedBy}
}

func ours(u *unstructured.Unstructured) bool {
	return u.GetLabels()[workload.ManagedByLabel] == workload.ManagedBy
}

// reader is who reads the routes.
func (v *View) reader() routing.Reader {
	r := routing.Reader{Shift: v.Shift.Namespace + "/" + v.Shift.Name, Written: -1, Manager: v.settings.Manager}
	if v.running() && v.Facts.Release.Step > 0 {
		r.Written = v.Facts.Release.Weight.Millionths()
	}
	return r
}

// route looks at the routes to the Service, and at its DestinationRules.
func (v *View) route(o Objects) {
	var taken *unstructured.Unstructured
	covered := false
	for _, u := range o.Routes {
		carrier, known := routing.CarrierOf(u)
		if !known {
			continue
		}
		reading := carrier.Read(v.target, v.reader())
		switch named := u.GetNamespace() == v.Shift.Namespace && u.GetName() == v.target.Canary; {
		case named && ours(u):
			v.made = u
		case named:
			taken = u
			fallthrough
		default:
			covered = covered || reading.Covers
		}
		if written(reading) {
			v.readRoute(route{Unstructured: u, Carrier: carrier}, reading)
		}
	}
	if len(v.routes) == 0 && covered && v.beforeTraffic() {
		v.refuse(v1alpha1.ReasonRouteUnsupported, v.unrouted())
	}
	r := &v.Facts.Routes
	r.OneMade, r.MakeOne = v.made != nil, v.made == nil && !covered
	if r.MakeOne {
		r.Lowest = 0
		v.makeable(taken)
	}
	v.rules(o.Rules)
}

// written says whether an object is one that the release writes, or has written.
func written(r routing.Reading) bool { return r.Allowed && r.Found || r.Mark != nil }

// unrouted says what to do about a Service whose host is covered by routes none of which could be written.
func (v *View) unrouted() string {
	t := v.target
	return fmt.Sprintf("a VirtualService covers the host %s, but none that namespace %s may write has a route to Service %s: "+
		"give the Service a VirtualService of its own there, or annotate one of another namespace with %s: %s",
		t.Host(), t.Namespace, t.Service, v1alpha1.AllowAnnotation, t.Namespace)
}

// makeable refuses a Service for which no route can be made.
func (v *View) makeable(taken *unstructured.Unstructured) {
	if taken != nil {
		v.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("%s %s exists and is not Stagger's: rename it", taken.GetKind(), taken.GetName()))
	}
	if problem := routing.Unmakeable(v.ports(), v.target); problem != "" && v.beforeTraffic() {
		v.refuse(v1alpha1.ReasonRouteUnsupported, problem)
	}
}

// readRoute adds what one object says.
func (v *View) readRoute(r route, reading routing.Reading) {
	o := &v.Facts.Routes
	if reading.Found {
		if !slices.ContainsFunc(v.routes, func(r route) bool { return r.found }) || reading.Lowest < o.Lowest {
			o.Lowest = reading.Lowest
		}
		o.Highest = max(o.Highest, reading.Highest)
	}
	r.found = reading.Found
	v.routes = append(v.routes, r)
	o.Names = append(o.Names, r.GetNamespace()+"/"+r.GetName())
	if mark := reading.Mark; mark != nil {
		o.Marked = true
		o.AbortOpen = o.AbortOpen || v.running() && !(mark.Aborted && mark.Number >= v.Facts.Release.Number)
	}
	if v.beforeTraffic() {
		v.splittable(r, reading)
	}
	if e := reading.Edit; e != nil && o.Foreign == nil && v.since(*e) {
		o.Foreign = &release.Foreign{Route: r.GetKind() + " " + r.GetName(), Kind: string(e.Kind), Manager: e.Manager}
	}
}

// since says whether an edit came after the present weight was written. Until that is settled, routes that were read may be those of
// before, unless the edit itself says when it was made; such times are whole seconds.
func (v *View) since(e routing.Edit) bool {
	r := v.Facts.Release
	return r.SettledAt != nil || r.StepStartedAt != nil && !e.Time.Before(r.StepStartedAt.Add(-time.Second))
}

// splittable asks, before anything is touched, whether the routes could be split at all.
func (v *View) splittable(r route, reading routing.Reading) {
	if reading.Unsupported != "" {
		v.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf("%s %s: %s", r.GetKind(), r.GetName(), reading.Unsupported))
	}
	mark := routing.Mark{Shift: v.reader().Shift, Number: v.mark.Number + 1}
	if _, err := r.Split(v.target, routing.Population{Share: 1}, mark, routing.Raise{ResourceVersion: r.GetResourceVersion()}); err != nil {
		v.refuse(v1alpha1.ReasonRouteConflict, fmt.Sprintf("%s %s: %v", r.GetKind(), r.GetName(), err))
	}
}

// rules looks at the DestinationRule of the Service and at its copy for the canary.
func (v *View) rules(all []*unstructured.Unstructured) {
	c := &v.Facts.Canary
	if rule, found := routing.RuleFor(all, v.target); found {
		v.rule = routing.CanaryRule(rule, v.target, labelsOfOurs())
		c.RuleWanted = true
	}
	for _, dr := range all {
		if dr.GetNamespace() != v.Shift.Namespace || dr.GetName() != v.target.Canary {
			continue
		}
		if !ours(dr) {
			if c.RuleWanted && v.beforeTraffic() {
				v.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("DestinationRule %s exists and is not Stagger's: rename it", dr.GetName()))
			}
			continue
		}
		v.haveRule = dr
		c.RuleExists = !c.RuleWanted || equality.Semantic.DeepEqual(dr.Object["spec"], v.rule.Object["spec"])
	}
}
