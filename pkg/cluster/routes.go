package cluster

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// labelsOfOurs are on routes and DestinationRules that Stagger makes: those that come along from the Service, and from what it copies.
func (v *View) labelsOfOurs(from map[string]string) map[string]string {
	out := map[string]string{}
	if v.Service != nil {
		maps.Copy(out, workload.Inherited(v.Service.Labels))
	}
	maps.Copy(out, workload.Inherited(from))
	out[workload.ManagedByLabel] = workload.ManagedBy
	return out
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
		v.see(route{Unstructured: u, Carrier: carrier}, reading)
	}
	v.missed()
	if len(v.routes) == 0 && covered && v.beforeTraffic() {
		v.refuse(v1alpha1.ReasonRouteUnsupported, routing.Unrouted(o.Routes, v.target))
	}
	r := &v.Facts.Routes
	r.OneMade, r.MakeOne = v.made != nil, v.made == nil && !covered
	if r.MakeOne {
		r.Lowest = 0
		v.makeable(taken)
	}
	v.rules(o.Rules)
}

// makeable refuses a Service for which no route can be made.
func (v *View) makeable(taken *unstructured.Unstructured) {
	if taken != nil {
		v.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("%s %s exists and is not Stagger's: delete or rename it", taken.GetKind(), taken.GetName()))
	}
	if problem := routing.Unmakeable(v.ports(), v.target); problem != "" && v.beforeTraffic() {
		v.refuse(v1alpha1.ReasonRouteUnsupported, problem)
	}
}

// see notes that an object is there, and takes what it says where it takes part in the release, or has taken part by the record. A mark elsewhere may
// be anybody's.
func (v *View) see(r route, reading routing.Reading) {
	if !reading.Found && reading.Mark == nil {
		return
	}
	name := idOf(r).String()
	v.there = append(v.there, name)
	marked := reading.Mark != nil
	switch {
	case reading.Allowed:
		v.readRoute(r, reading)
	case marked && v.Facts.Release != nil && slices.Contains(v.Facts.Release.Routes, name):
		v.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf("%s %s has weights of this release, and takes no part in it any more: "+
			"%s, or abort the release", r.GetKind(), name, v.target.Lacks(r.Unstructured)))
		v.readRoute(r, reading)
	case marked:
		v.Facts.Routes.Strays = append(v.Facts.Routes.Strays, name)
	case routing.Allows(r.Unstructured, v.Shift.Namespace):
		v.Facts.Routes.Uninvited = append(v.Facts.Routes.Uninvited, v.target.LeftAlone(r.Unstructured))
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
	r.found, r.allowed = reading.Found, reading.Allowed
	v.routes = append(v.routes, r)
	o.Names = append(o.Names, idOf(r).String())
	if r.Unstructured != v.made {
		o.Others = append(o.Others, idOf(r).String())
	}
	v.marked(r, reading.Mark)
	if v.beforeTraffic() {
		v.splittable(r, reading)
	}
	if e := reading.Edit; e != nil && o.Foreign == nil && v.since(*e) {
		o.Foreign = &release.Foreign{Route: r.GetKind() + " " + r.GetName(), Kind: string(e.Kind), Made: v.unwritten(r, *e),
			Writer: release.Writer{Manager: e.Manager, At: e.Time}}
	}
}

// marked adds what a mark of the TrafficShift on an object says; nil where there is none.
func (v *View) marked(r route, mark *routing.Mark) {
	if mark == nil {
		return
	}
	o := &v.Facts.Routes
	aborted := v.running() && mark.Aborted && mark.Number >= v.Facts.Release.Number
	o.Marked, o.AbortOpen = true, o.AbortOpen || v.running() && !aborted
	o.AbortFound = o.AbortFound || aborted && r.GetNamespace() == v.Shift.Namespace
}

// missed finds out which VirtualServices of the record are not among those that are there.
func (v *View) missed() {
	if v.Facts.Release == nil {
		return
	}
	for _, name := range v.Facts.Release.Routes {
		if !slices.Contains(v.there, name) {
			v.Facts.Routes.Gone = append(v.Facts.Routes.Gone, name)
		}
	}
}

// since says whether an edit came after the present weight was written. Until that is settled, routes that were read may be those of
// before, unless the edit itself says when it was made; such times are whole seconds.
func (v *View) since(e routing.Edit) bool {
	r := v.Facts.Release
	return r.SettledAt != nil || r.StepStartedAt != nil && !e.Time.Before(r.StepStartedAt.Add(-time.Second))
}

// unwritten says whether an object that lacks the canary is as it was made: then nobody took the weight from it. Where the API server does
// not tell of writers, it is one that was made since the present weight was written.
func (v *View) unwritten(r route, e routing.Edit) bool {
	made, last := r.GetCreationTimestamp(), e.Time
	if started := v.Facts.Release.StepStartedAt; last.IsZero() && started != nil {
		return e.Kind == routing.Removed && !made.Time.Before(started.Time)
	}
	return e.Kind == routing.Removed && !last.IsZero() && !last.After(made.Time)
}

// splittable asks, before anything is touched, whether the routes could be split at all.
func (v *View) splittable(r route, reading routing.Reading) {
	v.releasedElsewhere(r.GetKind(), r)
	if reading.Unsupported != "" {
		v.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf("%s %s: %s", r.GetKind(), r.GetName(), reading.Unsupported))
	}
	mark := routing.Mark{Shift: v.reader().Shift, Number: v.mark.Number + 1}
	if _, err := r.Split(v.target, routing.Population{Share: 1}, mark, routing.Raise{ResourceVersion: r.GetResourceVersion()}); err != nil {
		v.refuse(v1alpha1.ReasonRouteConflict, fmt.Sprintf("%s %s: %v", r.GetKind(), r.GetName(), err))
	}
}

// ruleCopy is a DestinationRule for the canary's host: what it has to be, nil when there is to be none, and what is there, nil when not.
type ruleCopy struct{ want, have *unstructured.Unstructured }

// due says whether it has to be written.
func (c ruleCopy) due() bool {
	return c.want == nil || c.have == nil || !equality.Semantic.DeepEqual(c.have.Object["spec"], c.want.Object["spec"])
}

// rules looks at the DestinationRules that callers of the Service go by, of whatever namespace, and at their copies for the canary.
func (v *View) rules(all []*unstructured.Unstructured) {
	have, others := map[types.NamespacedName]*unstructured.Unstructured{}, map[types.NamespacedName]*unstructured.Unstructured{}
	for _, dr := range all {
		if v.beforeTraffic() {
			v.releasedElsewhere(dr.GetKind(), dr)
		}
		if id := idOf(dr); ours(dr) && v.target.IsCopy(dr) {
			have[id] = dr
		} else {
			others[id] = dr
		}
	}
	wanted := routing.RulesFor(slices.Collect(maps.Values(others)), v.target)
	if wanted.Problem != "" {
		v.refuse(v1alpha1.ReasonRouteUnsupported, wanted.Problem)
	}
	v.Facts.Canary.Relaxed = append(v.Facts.Canary.Relaxed, wanted.Relaxed...)
	copied := map[string]bool{}
	for _, want := range wanted.Copies {
		id := idOf(want)
		copied[id.Namespace] = true
		if others[id] != nil {
			v.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("DestinationRule %s exists and is not Stagger's: delete or rename it", id))
			continue
		}
		want.SetLabels(v.labelsOfOurs(want.GetLabels()))
		want.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: v.mark.String()})
		v.copies = append(v.copies, ruleCopy{want, have[id]})
		delete(have, id)
	}
	for _, left := range byName(slices.Collect(maps.Values(have))) {
		v.copies = append(v.copies, ruleCopy{have: left})
		in := left.GetNamespace()
		others := slices.ContainsFunc(all, func(dr *unstructured.Unstructured) bool { // somebody may have written the copy
			return dr.GetNamespace() == in && others[idOf(dr)] != nil
		})
		if wanted.Problem == "" && (copied[in] || !others) {
			v.Facts.Canary.RulesGone = append(v.Facts.Canary.RulesGone, in)
		}
	}
	v.Facts.Canary.RulesGone = slices.Compact(v.Facts.Canary.RulesGone)
	v.rulesDue()
}

// rulesDue says whether copies are there, and whether any has to be written.
func (v *View) rulesDue() {
	for _, c := range v.copies {
		v.Facts.Canary.RulesDue = v.Facts.Canary.RulesDue || c.due()
		v.Facts.Canary.RuleExists = v.Facts.Canary.RuleExists || c.have != nil
	}
}

func idOf(o Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
