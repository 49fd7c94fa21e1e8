package routing

import (
	"reflect"
	"strings"
	"testing"
)

func TestNamesOfRingServicesFitAndDiffer(t *testing.T) {
	services := []string{"a", strings.Repeat("s", maxRingService), strings.Repeat("s", maxRingService+1), strings.Repeat("s", 62) + "a", strings.Repeat("s", 63)}
	seen := map[string]bool{}
	for _, service := range services {
		for _, ring := range []string{"a", "early", ringNobody, strings.Repeat("r", maxRingName)} {
			name := RingName(service, ring)
			if len(name) > maxName || seen[name] || !strings.HasSuffix(name, "-ring-"+ring) {
				t.Errorf("%s of %s is %s, of %d characters, seen before: %v", ring, service, name, len(name), seen[name])
			}
			seen[name] = true
		}
	}
	if got := RingName("checkout", "staff"); got != "checkout-ring-staff" {
		t.Errorf("the name is %s", got)
	}
	want := []string{"checkout-ring-staff.shop.svc.x", "checkout-ring-late.shop.svc.x", "checkout-ring-canary.shop.svc.x"}
	var got []string
	for _, target := range (Target{Namespace: "shop", Service: "checkout", Domain: "x"}).RingTargets([]Ring{staff(), late()}) {
		got = append(got, target.CanaryHost())
		if target.Host() != "checkout.shop.svc.x" {
			t.Errorf("the Service of %s is %s", target.CanaryHost(), target.Host())
		}
	}
	if !reflect.DeepEqual(got, want) || checkout().RingTargets(nil) != nil {
		t.Errorf("got %v", got)
	}
}

func TestCopiesAreToldByTheirHosts(t *testing.T) {
	long := strings.Repeat("s", 60)
	cases := map[string]struct {
		route   string
		service string // checkout if not given
		ring    string // none: it is no copy
		other   bool
		bare    bool
	}{
		"as made":                       {route: `{name: api-ring-staff, route: [{destination: {host: checkout-ring-staff.shop.svc.cluster.local}}, {destination: {host: checkout-ring-canary.shop.svc.cluster.local}}]}`, ring: "staff"},
		"without a name":                {route: `{route: [{destination: {host: checkout-ring-staff}}, {destination: {host: checkout-ring-canary}}]}`, ring: "staff"},
		"without the canary":            {route: `{name: ring-staff, route: [{destination: {host: checkout-ring-staff}}]}`, ring: "staff"},
		"without the ring":              {route: `{name: api-ring-staff, route: [{destination: {host: checkout-ring-canary}}, {destination: {host: pay}}]}`, ring: "staff", bare: true},
		"the canary alone":              {route: `{name: x, route: [{destination: {host: checkout-ring-canary.shop}}]}`, ring: "", bare: true},
		"a ring with ring in its name":  {route: `{name: a-ring-b-ring-c, route: [{destination: {host: checkout-ring-b-ring-c}}, {destination: {host: checkout-ring-canary}}]}`, ring: "b-ring-c"},
		"the user's own":                {route: `{name: api, route: [{destination: {host: checkout-ring-staff}}]}`},
		"the user's, named for another": {route: `{name: api-ring-late, route: [{destination: {host: checkout-ring-staff}}]}`},
		"another namespace":             {route: `{name: ring-staff, route: [{destination: {host: checkout-ring-staff.other}}]}`},
		"no ring":                       {route: `{name: api-ring-staff, route: [{destination: {host: checkout}}]}`},
		"nothing":                       {route: `{name: api-ring-staff}`},
		"of another Service":            {route: `{name: api-ring-staff, route: [{destination: {host: pay-ring-staff}}, {destination: {host: pay-ring-canary}}]}`, ring: "staff", other: true},
		"of another, unnamed":           {route: `{route: [{destination: {host: pay-ring-staff}}, {destination: {host: pay-ring-canary}}]}`},
		"of another, of two namespaces": {route: `{name: ring-staff, route: [{destination: {host: pay-ring-staff.a}}, {destination: {host: pay-ring-canary.b}}]}`},
		"of another, a half":            {route: `{name: ring-staff, route: [{destination: {host: pay-ring-staff}}]}`},
		"of a long name":                {route: `{name: ring-staff, route: [{destination: {host: ` + RingName(long, "staff") + `}}]}`, service: long, ring: "staff"},
		"of a Service named like one":   {route: `{name: ring-a, route: [{destination: {host: checkout-ring-b-ring-a}}, {destination: {host: checkout-ring-b-ring-canary}}]}`, service: "checkout-ring-b", ring: "a"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			target := checkout()
			if c.service != "" {
				target.Service = c.service
			}
			raw, _ := list(withRoutes(t, `[`+c.route+`]`), kindHTTP)[0].(map[string]any)
			got, found := target.ringCopyOf(raw, "shop")
			want := c.ring != "" || c.bare
			if found != want || got.ring != c.ring || got.own != (want && !c.other) || got.bare != c.bare {
				t.Errorf("found %v, %q, own %v, bare %v", found, got.ring, got.own, got.bare)
			}
		})
	}
}
