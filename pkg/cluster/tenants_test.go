package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// moments are those of a release at which somebody else's objects may be seen for the first time.
func moments() map[string]func() *place {
	return map[string]func() *place{
		"in the middle of a release": func() *place { return inTheMiddle("shop") },
		"at rest":                    atRest,
		"before the first weight": func() *place {
			p := inTheMiddle("shop")
			p.shift.Status.Release.Step, p.shift.Status.Release.Weight, p.shift.Status.Release.State = 0, "0%", v1alpha1.StatePreparing
			p.routes = nil
			return p
		},
	}
}

// atRest is the place while no release runs, without a VirtualService.
func atRest() *place {
	p := inTheMiddle("shop")
	p.shift.Status.Release, p.routes, p.second = nil, nil, nil
	return p
}

// of is an object of another namespace, with annotations by their names after "stagger.dev/".
func of(namespace string, o *unstructured.Unstructured, annotations map[string]string) *unstructured.Unstructured {
	o.SetNamespace(namespace)
	whole := map[string]string{}
	for key, value := range annotations {
		whole["stagger.dev/"+key] = value
	}
	o.SetAnnotations(whole)
	return o
}

// serving is a VirtualService of another namespace that sends everything to one host.
func (p *place) serving(name, host string) *unstructured.Unstructured {
	return p.object("VirtualService", name, map[string]any{"hosts": []any{"bank.example.com"}, "gateways": []any{"edge"}, "http": []any{
		map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": host}}}}}})
}

// between is a VirtualService that gives the canary of the Service web of another namespace a share.
func (p *place) between(share int64) *unstructured.Unstructured {
	to := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	return p.object("VirtualService", "web", map[string]any{"hosts": []any{"bank.example.com"}, "gateways": []any{"edge"}, "http": []any{map[string]any{
		"route": []any{to("web.shop.svc.cluster.local", routing.Whole-share), to("web-canary.shop.svc.cluster.local", share)}}}})
}

// reduced are the facts without what is merely said of the objects of others.
func reduced(f release.Observation) release.Observation {
	f.Routes.Strays, f.Routes.Uninvited = nil, nil
	return f
}

// writesTo are the writes of every action on routes and rules that touch a namespace.
func writesTo(v *cluster.View, namespace string) []string {
	var all []string
	for _, verb := range []release.Verb{release.Raise, release.Lower, release.AbortRoutes, release.RestoreRoutes, release.MakeRule, release.RemoveRule} {
		action := release.Action{Verb: verb}
		if verb == release.Raise {
			action.Who.Share = routing.Whole
		}
		for _, w := range cluster.Plan(v, release.Decision{Actions: []release.Action{action}}) {
			if w.Object != nil && w.Object.GetNamespace() == namespace {
				all = append(all, w.String())
			}
		}
	}
	return all
}

// Whoever may write a VirtualService may write the marks of anybody's release on it. They say nothing about that release, and the object is not
// written: nobody allowed it.
func TestMarksWhereNobodyAllowsThemCountForNothing(t *testing.T) {
	marks := map[string]map[string]string{
		"of an abort to come": {"aborted": "shop/web 999999"},
		"of an abort":         {"aborted": "shop/web 3"},
		"of a release":        {"release": "shop/web 3", "routes": `{"shop/web":{}}`},
		"of both":             {"release": "shop/web 3", "aborted": "shop/web 3"},
		"allowed to others":   {"aborted": "shop/web 3", "allow": "pay"},
	}
	for when, p := range moments() {
		for name, mark := range marks {
			for _, host := range []string{"bank", "web.shop.svc.cluster.local", "web-canary.shop.svc.cluster.local"} {
				t.Run(when+"/"+name+"/"+host, func(t *testing.T) {
					place := p()
					want := cluster.Observe(place.objects(), settings(), noon).Facts
					place.routes = append(place.routes, of("bank", place.serving("bank", host), mark))
					v := cluster.Observe(place.objects(), settings(), noon)
					if d := cmp.Diff(want, reduced(v.Facts), cmp.AllowUnexported(release.Command{})); d != "" {
						t.Errorf("facts (-without +with):\n%s", d)
					}
					if !slices.Equal(v.Facts.Routes.Strays, []string{"bank/bank"}) {
						t.Errorf("the marks that count for nothing are said to be on %v", v.Facts.Routes.Strays)
					}
					if writes := writesTo(v, "bank"); len(writes) > 0 {
						t.Errorf("writes %v", writes)
					}
				})
			}
		}
	}
}

// Whoever lets releases of a Service write his VirtualService has no part in them until the Service's side wants it too: he neither ends one, nor
// holds it, nor begins one, whatever he gives the canary and marks.
func TestAnUninvitedVirtualServiceCountsForNothing(t *testing.T) {
	marks := map[string]map[string]string{
		"no mark":             {"allow": "shop"},
		"of an abort":         {"allow": "shop", "aborted": "shop/web 3"},
		"of an abort to come": {"allow": "shop", "aborted": "shop/web 4"},
		"of a release":        {"allow": "shop", "release": "shop/web 3"},
		"of both":             {"allow": "shop", "release": "shop/web 3", "aborted": "shop/web 3"},
	}
	invites := map[string]string{"nobody": "", "others": "edge, banking"}
	for when, p := range moments() {
		for name, mark := range marks {
			for invited, invitation := range invites {
				for _, share := range []int64{0, 250_000, routing.Whole} {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", when, name, invited, share), func(t *testing.T) {
						place := p()
						place.service.Annotations[v1alpha1.AllowAnnotation] = invitation
						want := cluster.Observe(place.objects(), settings(), noon).Facts
						place.routes = append(place.routes, of("bank", place.between(share), mark))
						v := cluster.Observe(place.objects(), settings(), noon)
						if d := cmp.Diff(want, reduced(v.Facts), cmp.AllowUnexported(release.Command{})); d != "" {
							t.Errorf("facts (-without +with):\n%s", d)
						}
						said := strings.Join(append(v.Facts.Routes.Strays, v.Facts.Routes.Uninvited...), "; ")
						if marked := len(mark) > 1; marked && said != "bank/web" || !marked && !strings.HasSuffix(said, ": annotate Service web with stagger.dev/allow: bank") {
							t.Errorf("it is said %q", said)
						}
						if writes := writesTo(v, "bank"); len(writes) > 0 {
							t.Errorf("writes %v", writes)
						}
					})
				}
			}
		}
	}
}

// Whoever is invited into a release, and allows it to write his VirtualService, cannot end it by a mark, nor keep the next one from beginning.
func TestAMarkOfAnotherNamespaceEndsNoRelease(t *testing.T) {
	for when, p := range moments() {
		for _, mark := range []string{"shop/web 3", "shop/web 4", "shop/web 999999"} {
			t.Run(when+"/"+mark, func(t *testing.T) {
				place := p()
				theirs := of("bank", place.serving("bank", "web.shop.svc.cluster.local"), map[string]string{"allow": "shop", "aborted": mark})
				place.service.Annotations[v1alpha1.AllowAnnotation] = "bank"
				place.routes = append(place.routes, theirs)
				f := cluster.Observe(place.objects(), settings(), noon).Facts
				if !slices.Contains(f.Routes.Names, "bank/bank") {
					t.Error("it takes no part")
				}
				if f.Routes.AbortFound {
					t.Error("the mark is taken for an abort of the release")
				}
				if mark == "shop/web 999999" && f.Wanted.Problem != nil {
					t.Errorf("the mark is in the way: %+v", f.Wanted.Problem)
				}
			})
		}
	}
}

// What the record says was written is taken back also where one side does not allow it any more, and gets no more until both do.
func TestWhatWasWrittenIsTakenBackWhereItIsNotAllowedAnyMore(t *testing.T) {
	both := "annotate it with stagger.dev/allow: shop and Service web with stagger.dev/allow: edge"
	for said, still := range map[string]map[string]string{
		"annotate it with stagger.dev/allow: shop":          {"service": "edge"},
		"annotate Service web with stagger.dev/allow: edge": {"route": "shop"},
		both: {},
	} {
		p := inTheMiddle("shop")
		theirs := of("edge", p.serving("web", "web.shop.svc.cluster.local"), map[string]string{"allow": "shop"})
		theirs = patched(t, theirs, routing.Target{Namespace: "shop", Service: "web"})
		theirs.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "shop/web 3", v1alpha1.AllowAnnotation: still["route"]})
		p.service.Annotations[v1alpha1.AllowAnnotation] = still["service"]
		p.routes, p.shift.Status.Release.Routes = append(p.routes, theirs), []string{"edge/web", "shop/web"}
		v := cluster.Observe(p.objects(), settings(), noon)
		problem := v.Facts.Wanted.Problem
		if want := "edge/web has weights of this release, and takes no part in it any more: " + said + ", or abort"; problem == nil || !strings.Contains(problem.Message, want) {
			t.Errorf("problem %+v; want %s", problem, want)
		}
		want := []string{"lower to 0%: patch VirtualService edge/web", "abort routes: patch VirtualService edge/web", "restore routes: patch VirtualService edge/web"}
		if d := cmp.Diff(want, writesTo(v, "edge")); d != "" {
			t.Errorf("%s: writes (-want +got):\n%s", said, d)
		}
	}
}

// patched is a VirtualService in which the canary has a quarter of the traffic, as the release would write it.
func patched(t *testing.T, vs *unstructured.Unstructured, target routing.Target) *unstructured.Unstructured {
	t.Helper()
	store := &inmemory.Store{}
	store.Put(vs.DeepCopy())
	vs = store.FindKind(vs.GetKind(), vs.GetNamespace(), vs.GetName())
	p, err := routing.Split(vs, target, 250_000, routing.Mark{Shift: "shop/web", Number: 3}, routing.Raise{ResourceVersion: vs.GetResourceVersion()})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Patch(vs, p, "stagger"); err != nil {
		t.Fatal(err)
	}
	return store.FindKind(vs.GetKind(), vs.GetNamespace(), vs.GetName())
}

// Objects of another namespace that differ in nothing else are none of a release's business, whatever they allow, are marked with, cover for
// themselves or come through.
func TestAnotherTenantIsNotSeen(t *testing.T) {
	tenants := map[string]func(theirs *place){
		"as it is": func(*place) {},
		"with marks of anybody": func(theirs *place) {
			for _, u := range append(theirs.routes, theirs.rules...) {
				u.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "bank/web 3, bank/x 9", v1alpha1.AbortedAnnotation: "bank/web 999999"})
			}
		},
		"with allowances": func(theirs *place) {
			for _, u := range append(theirs.routes, theirs.rules...) {
				u.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "shop"})
			}
		},
		"with routes to the first that allow it": func(theirs *place) {
			theirs.routes = append(theirs.routes, of("bank", theirs.serving("shop", "web.shop.svc.cluster.local"), map[string]string{"allow": "shop"}))
		},
		"with wildcards for itself": func(theirs *place) {
			theirs.routes = append(theirs.routes, theirs.object("VirtualService", "wild", map[string]any{"hosts": []any{"*"}, "exportTo": []any{"."}}),
				theirs.object("VirtualService", "wilder", map[string]any{"hosts": []any{"*.svc.cluster.local"}, "exportTo": []any{"bank", "pay"}}))
		},
		"with a host of the first for itself": func(theirs *place) {
			theirs.routes = append(theirs.routes, theirs.object("VirtualService", "theirs",
				map[string]any{"hosts": []any{"web.shop.svc.cluster.local"}, "exportTo": []any{"."}, "http": []any{
					map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web.shop.svc.cluster.local"}}}}}}))
		},
		"with routes of their own that all see": func(theirs *place) {
			theirs.routes = append(theirs.routes, theirs.object("VirtualService", "shown", map[string]any{"hosts": []any{"web", "*.bank.svc.cluster.local"}, "exportTo": []any{"*"}}))
		},
		"at a gateway": func(theirs *place) {
			theirs.routes = append(theirs.routes, theirs.serving("edge", "web.shop.svc.cluster.local"))
		},
		"with rules for all it calls": func(theirs *place) {
			theirs.rules = append(theirs.rules, theirs.rule("all", "*"), theirs.rule("far", "*.local"), theirs.rule("web-canary", "web-canary"))
		},
	}
	for when, first := range moments() {
		for what, change := range tenants {
			t.Run(when+"/"+what, func(t *testing.T) {
				p, their := first(), inTheMiddle("bank")
				change(their)
				other := their.objects()
				alone := cluster.Observe(p.objects(), settings(), noon)
				o := p.objects()
				o.Siblings, o.Deployments, o.ReplicaSets = append(o.Siblings, other.Siblings...), append(other.Deployments, o.Deployments...), append(other.ReplicaSets, o.ReplicaSets...)
				o.Pods, o.Routes, o.Rules = append(other.Pods, o.Pods...), append(other.Routes, o.Routes...), append(other.Rules, o.Rules...)
				o.Rivals = append(o.Rivals, cluster.Rival{Shift: other.Shift, Service: other.Service})
				beside := cluster.Observe(o, settings(), noon)
				if d := cmp.Diff(alone.Facts, reduced(beside.Facts), cmp.AllowUnexported(release.Command{})); d != "" {
					t.Errorf("facts beside another tenant (-alone +beside):\n%s", d)
				}
				if writes := writesTo(beside, "bank"); len(writes) > 0 {
					t.Errorf("writes %v", writes)
				}
			})
		}
	}
}

// The numbers of a Service are not for everybody who writes its name into a TrafficShift of his own.
func TestServicesOfOtherNamespacesAreNotCounted(t *testing.T) {
	for host, own := range map[string]string{
		"ledger": "ledger", "ledger.shop.svc": "ledger", "ledger.shop.svc.cluster.local": "ledger", "blue.example.com": "blue.example.com",
		"ledger.bank.svc.cluster.local": "", "ledger.bank.svc": "",
	} {
		for _, subset := range []string{"", "v1"} {
			t.Run(host+"/"+subset, func(t *testing.T) {
				p, weight := inTheMiddle("shop"), int64(0)
				if own == "" {
					weight, p.shift.Status.Release = 50, nil // which is refused as well, and is not what is said
				}
				p.shift.Spec.Destinations = &v1alpha1.Destinations{Stable: v1alpha1.Destination{Host: host, Subset: subset}, Canary: v1alpha1.Destination{Host: "green"}, Revision: "2"}
				p.rules = []*unstructured.Unstructured{p.object("DestinationRule", "ledger", map[string]any{"host": host, "subsets": []any{
					map[string]any{"name": "v1", "labels": map[string]any{"version": "v1"}}}})}
				p.routes = []*unstructured.Unstructured{p.object("VirtualService", "ledger", map[string]any{"http": []any{map[string]any{"route": []any{
					map[string]any{"destination": map[string]any{"host": host, "subset": subset}, "weight": int64(100)},
					map[string]any{"destination": map[string]any{"host": "green"}, "weight": weight}}}}})}
				v := cluster.Observe(p.objects(), settings(), noon)
				problem := v.Facts.Wanted.Problem
				if refused := problem != nil && strings.Contains(problem.Message, "is a Service of namespace bank: make a TrafficShift there"); refused != (own == "") {
					t.Errorf("problem %+v", problem)
				}
				want := own
				if want == "" {
					want = host
				}
				if arm := v.Arms[0]; arm.Namespace != "shop" || arm.Name != want {
					t.Errorf("counts %+v", arm)
				}
			})
		}
	}
}
