package routing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func late() Ring { return Ring{Name: "late", Match: []Match{byHeader("x-channel", exact("late"))}} }

// ringed is a VirtualService with the copies of these rings, at these shares.
func ringed(t testing.TB, vs *unstructured.Unstructured, rings []Ring, shares map[string]int64) *unstructured.Unstructured {
	t.Helper()
	p, err := SplitRings(vs, checkout(), rings, shares, seven(), Raise{ResourceVersion: vs.GetResourceVersion()})
	if err != nil {
		t.Fatal(err)
	}
	return apply(t, vs, mustJSON(t, p))
}

// routesIn are the routes of http in short: name, then hosts and weights.
func routesIn(vs *unstructured.Unstructured) []string {
	var out []string
	for _, item := range list(vs, kindHTTP) {
		raw, _ := item.(map[string]any)
		r := readRoute(vs, checkout(), raw)
		name, _ := raw["name"].(string)
		text := name + ":"
		for _, e := range r.entries {
			text += " " + strings.TrimSuffix(e.host, ".shop.svc.cluster.local")
			if e.raw["weight"] != nil {
				text += fmt.Sprintf("=%v", e.raw["weight"])
			}
		}
		out = append(out, text)
	}
	return out
}

func TestEachRouteHasItsRingsBeforeIt(t *testing.T) {
	user := withRoutes(t, `[{name: api, match: [{uri: {prefix: /v1}}], route: [{destination: {host: checkout}}]}, `+
		`{name: other, route: [{destination: {host: pay}}]}, `+
		`{route: [{destination: {host: checkout, subset: v1}, weight: 30}, {destination: {host: pay}, weight: 10}, {destination: {host: checkout.shop, subset: v2}, weight: 60}]}, `+
		`{name: drained, route: [{destination: {host: checkout}, weight: 0}, {destination: {host: pay}, weight: 1}]}, {name: gone, redirect: {uri: /}}]`)
	live := ringed(t, user, []Ring{staff(), late()}, map[string]int64{"staff": 50_000})
	want := []string{
		"api-ring-staff: checkout-ring-staff=950000 checkout-ring-canary=50000",
		"api-ring-late: checkout-ring-late=1000000 checkout-ring-canary=0",
		"api: checkout",
		"other: pay",
		"ring-staff: checkout-ring-staff=2850000 checkout-ring-canary=150000 pay=1000000 checkout-ring-staff=5700000 checkout-ring-canary=300000",
		"ring-late: checkout-ring-late=3000000 checkout-ring-canary=0 pay=1000000 checkout-ring-late=6000000 checkout-ring-canary=0",
		": checkout=30 pay=10 checkout.shop=60",
		"drained: checkout=0 pay=1",
		"gone:",
	}
	if diff := cmp.Diff(want, routesIn(live)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := live.GetAnnotations()[v1alpha1.ReleaseAnnotation]; got != shift+" 7" {
		t.Errorf("the mark is %q", got)
	}
	turned := ringed(t, live, []Ring{late(), staff()}, nil)
	if got := routesIn(turned); !strings.HasPrefix(got[0], "api-ring-late") || !strings.HasPrefix(got[1], "api-ring-staff") || len(got) != len(want) {
		t.Errorf("in another order they are %v", got)
	}
	if diff := cmp.Diff(user.Object, restoredOf(t, turned).Object); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

func restoredOf(t testing.TB, live *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	p, err := Restore(live, checkout(), shift)
	if err != nil {
		t.Fatal(err)
	}
	return apply(t, live, mustJSON(t, p))
}

// two has a route that a release of pay concerns as well, and one that it does not.
const two = `[{name: both, match: [{uri: {prefix: /both}}], route: [{destination: {host: checkout}, weight: 1}, {destination: {host: pay}, weight: 1}]}, {name: own, route: [{destination: {host: checkout}}]}]`

// damages are what somebody may do to the first copy of the route "own", and what is read then of its ring.
func damages() map[string]struct {
	edit            string
	lowest, highest int64
	gone            bool
} {
	return map[string]struct {
		edit            string
		lowest, highest int64
		gone            bool
	}{
		"more for the canary":   {edit: `[{"op":"replace","path":"COPY/route/1/weight","value":450000}]`, lowest: 50_000, highest: 321_429},
		"less for the canary":   {edit: `[{"op":"replace","path":"COPY/route/1/weight","value":0}]`, lowest: 0, highest: 50_000},
		"other weights":         {edit: `[{"op":"replace","path":"COPY/route/0/weight","value":95},{"op":"replace","path":"COPY/route/1/weight","value":5}]`, lowest: 50_000, highest: 50_000},
		"the canary taken out":  {edit: `[{"op":"remove","path":"COPY/route/1"}]`, lowest: 0, highest: 50_000},
		"the ring taken out":    {edit: `[{"op":"remove","path":"COPY/route/0"}]`, lowest: 50_000, highest: 1_000_000},
		"another destination":   {edit: `[{"op":"add","path":"COPY/route/-","value":{"destination":{"host":"checkout"},"weight":1000000}}]`, lowest: 50_000, highest: 50_000},
		"another name":          {edit: `[{"op":"replace","path":"COPY/name","value":"mine"}]`, lowest: 50_000, highest: 50_000},
		"matching everybody":    {edit: `[{"op":"remove","path":"COPY/match"}]`, lowest: 50_000, highest: 50_000},
		"another timeout":       {edit: `[{"op":"add","path":"COPY/timeout","value":"1s"}]`, lowest: 50_000, highest: 50_000},
		"taken out":             {edit: `[{"op":"remove","path":"COPY"}]`, lowest: 0, highest: 50_000},
		"doubled":               {edit: `[{"op":"copy","from":"COPY","path":"COPY"}]`, lowest: 50_000, highest: 50_000},
		"moved to the end":      {edit: `[{"op":"move","from":"COPY","path":"/spec/http/-"}]`, lowest: 0, highest: 50_000},
		"moved behind the next": {edit: `[{"op":"move","from":"COPY","path":"/spec/http/4"}]`, lowest: 50_000, highest: 50_000},
	}
}

// TestCopiesThatSomebodyEditedAreMadeAnew edits the copy of one of two routes.
func TestCopiesThatSomebodyEditedAreMadeAnew(t *testing.T) {
	rings, shares := []Ring{staff(), late()}, map[string]int64{"staff": 50_000, "late": 10}
	user := withRoutes(t, two)
	made := ringed(t, user, rings, shares)
	if diff := cmp.Diff([]RingReading{{Name: "staff", Present: true, Rendered: true, Lowest: 50_000, Highest: 50_000}, {Name: "late", Present: true, Rendered: true, Lowest: 10, Highest: 10}},
		ReadRings(made, checkout(), rings)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	for name, c := range damages() {
		t.Run(name, func(t *testing.T) {
			live := apply(t, made, []byte(strings.ReplaceAll(c.edit, "COPY", "/spec/http/3")))
			got := ReadRings(live, checkout(), rings)
			if len(got) != 2 || got[0].Rendered || !got[0].Present || got[0].Lowest != c.lowest || got[0].Highest != c.highest {
				t.Errorf("read %+v", got)
			}
			if order := strings.HasPrefix(name, "moved behind"); got[1].Rendered == order {
				t.Errorf("the other ring is read as %+v", got[1])
			}
			same(t, "made anew", made, ringed(t, live, rings, shares))
			same(t, "restored", user, restoredOf(t, live))
		})
	}
}

// TestWithoutPermissionCopiesAreOnlyLowered lowers what it finds, as it finds it.
func TestWithoutPermissionCopiesAreOnlyLowered(t *testing.T) {
	rings := []Ring{staff(), late()}
	made := ringed(t, withRoutes(t, two), rings, map[string]int64{"staff": 50_000, "late": 10})
	lower := func(t *testing.T, live *unstructured.Unstructured, shares map[string]int64) *unstructured.Unstructured {
		t.Helper()
		p, err := SplitRings(live, checkout(), rings, shares, Mark{Shift: shift, Number: 7, Aborted: true}, Raise{})
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range p {
			if op.Path == "/metadata/resourceVersion" {
				t.Error("lowering waits for nobody")
			}
		}
		return apply(t, live, mustJSON(t, p))
	}
	t.Run("one ring", func(t *testing.T) {
		live := lower(t, made, map[string]int64{"staff": 1, "late": Whole})
		want := []string{
			"both-ring-staff: checkout-ring-staff=999999 checkout-ring-canary=1 pay=1000000",
			"both-ring-late: checkout-ring-late=999990 checkout-ring-canary=10 pay=1000000",
			"both: checkout=1 pay=1",
			"own-ring-staff: checkout-ring-staff=999999 checkout-ring-canary=1",
			"own-ring-late: checkout-ring-late=999990 checkout-ring-canary=10",
			"own: checkout",
		}
		if diff := cmp.Diff(want, routesIn(live)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if m := markOf(live, shift); m == nil || !m.Aborted {
			t.Errorf("the mark is %+v", m)
		}
	})
	for name, c := range damages() {
		t.Run(name, func(t *testing.T) {
			live := apply(t, made, []byte(strings.ReplaceAll(c.edit, "COPY", "/spec/http/3")))
			lowered := lower(t, live, nil)
			for _, r := range ReadRings(lowered, checkout(), rings) {
				if r.Highest > 0 {
					t.Errorf("%+v", r)
				}
			}
			if len(list(live, kindHTTP)) != len(list(lowered, kindHTTP)) {
				t.Error("a route was made or taken out")
			}
			for i, item := range list(lowered, kindHTTP) {
				before, _ := list(live, kindHTTP)[i].(map[string]any)
				if after, _ := item.(map[string]any); !sameBut(before, after, "route") {
					t.Errorf("more than the destinations of http[%d] is changed: %v", i, after)
				}
			}
		})
	}
	t.Run("a ring that is none any more", func(t *testing.T) {
		p, err := SplitRings(made, checkout(), nil, nil, seven(), Raise{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range ReadRings(apply(t, made, mustJSON(t, p)), checkout(), nil) {
			if !r.Present || r.Rendered || r.Highest > 0 {
				t.Errorf("%+v", r)
			}
		}
	})
	t.Run("where nothing is", func(t *testing.T) {
		if p, err := SplitRings(withRoutes(t, two), checkout(), rings, nil, seven(), Raise{}); len(p) > 0 || err != nil {
			t.Errorf("writes %v, %v", p, err)
		}
	})
}

func TestSplitRingsRefusesToRaise(t *testing.T) {
	pay := Target{Namespace: "shop", Service: "pay"}
	paySplit := raised(t, withRoutes(t, two), pay, 10_000, Mark{Shift: "shop/pay", Number: 3})
	cases := map[string]struct {
		vs   *unstructured.Unstructured
		m    Mark
		want error
		text string
	}{
		"an abort":             {withRoutes(t, two), Mark{Shift: shift, Number: 7, Aborted: true}, ErrAborted, "raising release 7"},
		"after an abort":       {marked(withRoutes(t, two), v1alpha1.AbortedAnnotation, shift+" 7"), seven(), ErrAborted, "release 7 of shop/checkout was aborted"},
		"after a newer":        {marked(withRoutes(t, two), v1alpha1.ReleaseAnnotation, shift+" 8"), seven(), ErrAborted, "release 8 of shop/checkout is newer than 7"},
		"another's route":      {paySplit, seven(), ErrOwned, "http[0] (both) is split for TrafficShift shop/pay"},
		"a weight below 0":     {withRoutes(t, `[{route: [{destination: {host: checkout}, weight: -1}]}]`), seven(), ErrWeights, "http[0]: destination checkout has weight -1"},
		"a header of its own":  {withRoutes(t, `[{match: [{headers: {x-cohort: {exact: x}}}], route: [{destination: {host: checkout}}]}]`), seven(), ErrRing, "ring staff: header x-cohort"},
		"another ring's route": {ringedFor(t, withRoutes(t, two), pay, "shop/pay"), seven(), ErrOwned, "http[0] (both-ring-staff) is the copy of a route for a ring of another Service"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := SplitRings(c.vs, checkout(), []Ring{staff()}, nil, c.m, Raise{ResourceVersion: "41"})
			if len(p) > 0 || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("writes %v, error %v", p, err)
			}
		})
	}
	for _, share := range []int64{-1, Whole + 1} {
		if _, err := SplitRings(withRoutes(t, two), checkout(), []Ring{staff()}, map[string]int64{"staff": share}, seven(), Raise{ResourceVersion: "41"}); err == nil {
			t.Errorf("a share of %d is taken", share)
		}
	}
}

func marked(vs *unstructured.Unstructured, key, value string) *unstructured.Unstructured {
	vs.SetAnnotations(map[string]string{key: value})
	return vs
}

// ringedFor is a VirtualService with a ring of another Service.
func ringedFor(t *testing.T, vs *unstructured.Unstructured, target Target, of string) *unstructured.Unstructured {
	t.Helper()
	p, err := SplitRings(vs, target, []Ring{staff()}, map[string]int64{"staff": 20_000}, Mark{Shift: of, Number: 3}, Raise{ResourceVersion: "41"})
	if err != nil {
		t.Fatal(err)
	}
	return apply(t, vs, mustJSON(t, p))
}

func TestARaiseIsForTheObjectThatWasRead(t *testing.T) {
	p, err := SplitRings(withRoutes(t, two), checkout(), []Ring{staff()}, nil, seven(), Raise{ResourceVersion: "41"})
	if err != nil || len(p) == 0 || p[0].Path != "/metadata/resourceVersion" || p[0].Value != "41" {
		t.Fatalf("writes %v, %v", p, err)
	}
	changed := apply(t, withRoutes(t, two), []byte(`[{"op":"add","path":"/spec/http/1/timeout","value":"1s"}]`))
	if _, err := tryApply(changed, mustJSON(t, p)); err == nil {
		t.Error("a copy is written of a route that is another by now")
	}
}

// TestTwoServicesShareAVirtualService has rings and weights of both, in routes of their own.
func TestTwoServicesShareAVirtualService(t *testing.T) {
	user := withRoutes(t, `[{name: a, match: [{uri: {prefix: /a}}], route: [{destination: {host: checkout}}]}, {name: b, route: [{destination: {host: pay}}]}]`)
	pay := Target{Namespace: "shop", Service: "pay"}
	live := ringed(t, ringedFor(t, user, pay, "shop/pay"), []Ring{staff()}, map[string]int64{"staff": 50_000})
	live = raised(t, raised(t, live, checkout(), 10_000, seven()), pay, 30_000, Mark{Shift: "shop/pay", Number: 3})
	want := []string{
		"a-ring-staff: checkout-ring-staff=950000 checkout-ring-canary=50000", "a: checkout=990000 checkout-canary=10000",
		"b-ring-staff: pay-ring-staff=980000 pay-ring-canary=20000", "b: pay=970000 pay-canary=30000",
	}
	if diff := cmp.Diff(want, routesIn(live)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], routesIn(restoredOf(t, live))[1:]); diff != "" {
		t.Errorf("of the other (-want +got):\n%s", diff)
	}
	p, err := Restore(restoredOf(t, live), pay, "shop/pay")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "restored", user, apply(t, restoredOf(t, live), mustJSON(t, p)))
}

// TestNobodyTakesARouteThatARingOfAnotherHas splits a Service that is beside another in the copies for its rings.
func TestNobodyTakesARouteThatARingOfAnotherHas(t *testing.T) {
	live := ringed(t, withRoutes(t, two), []Ring{staff()}, nil)
	pay := Target{Namespace: "shop", Service: "pay"}
	if p, err := Split(live, pay, 10_000, Mark{Shift: "shop/pay", Number: 3}, Raise{ResourceVersion: "41"}); !errors.Is(err, ErrOwned) || len(p) > 0 {
		t.Errorf("writes %v, %v", p, err)
	}
}

// TestSplitLeavesCopiesAlone splits the whole beside rings, and takes it for nobody's edit.
func TestSplitLeavesCopiesAlone(t *testing.T) {
	rings := []Ring{staff(), late()}
	live := ringed(t, withRoutes(t, two), rings, map[string]int64{"staff": Whole, "late": 5})
	split := raised(t, live, checkout(), 10_000, seven())
	if lowest, highest, _ := Share(split, checkout()); lowest != 10_000 || highest != 10_000 {
		t.Errorf("the whole has %d to %d", lowest, highest)
	}
	if edit, found := Foreign(split, checkout(), 10_000, "stagger"); found {
		t.Errorf("taken for an edit: %+v", edit)
	}
	if diff := cmp.Diff(ReadRings(live, checkout(), rings), ReadRings(split, checkout(), rings)); diff != "" {
		t.Errorf("rings (-before +after):\n%s", diff)
	}
	if p, err := SplitRings(split, checkout(), rings, map[string]int64{"staff": Whole, "late": 5}, seven(), Raise{ResourceVersion: "41"}); len(p) > 0 || err != nil {
		t.Errorf("writes %v, %v", p, err)
	}
}

func TestLeftoversWithoutAMarkAreNamed(t *testing.T) {
	live := ringed(t, withRoutes(t, two), []Ring{staff()}, nil)
	if got := Unsupported(live, checkout()); got != "" {
		t.Errorf("our own are refused: %s", got)
	}
	live.SetAnnotations(nil)
	if got := Unsupported(live, checkout()); !strings.Contains(got, "VirtualService shop/checkout names checkout-ring-staff.shop.svc.cluster.local itself") {
		t.Errorf("got %q", got)
	}
}
