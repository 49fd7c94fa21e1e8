package routing

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func exact(value string) StringMatch { return StringMatch{Exact: value} }

func byHeader(name string, m StringMatch) Match {
	return Match{Headers: map[string]StringMatch{name: m}}
}

// staff is a ring by a header, backoffice one by who calls, early one by a claim.
func staff() Ring { return Ring{Name: "staff", Match: []Match{byHeader("x-cohort", exact("staff"))}} }

func backoffice() Ring {
	return Ring{Name: "backoffice", Match: []Match{{SourceNamespace: "backoffice", SourceLabels: map[string]string{"app": "desk"}}}}
}

func early() Ring {
	return Ring{Name: "early", Match: []Match{byHeader("@request.auth.claims.channel", exact("early"))}}
}

// TestWhatARouteMatchesIsNarrowedToARing has the table of what both together give.
func TestWhatARouteMatchesIsNarrowedToARing(t *testing.T) {
	cases := map[string]struct {
		vs    string // of the spec, beside http
		match string // of the route
		ring  Ring
		want  string // alternatives
		left  string // why others are left out
		err   string
	}{
		"no match":              {match: `null`, ring: staff(), want: `[{headers: {x-cohort: {exact: staff}}}]`},
		"an empty match":        {match: `[]`, ring: staff(), want: `[{headers: {x-cohort: {exact: staff}}}]`},
		"an empty alternative":  {match: `[{}]`, ring: staff(), want: `[{headers: {x-cohort: {exact: staff}}}]`},
		"different headers":     {match: `[{headers: {a: {prefix: b}}}]`, ring: staff(), want: `[{headers: {a: {prefix: b}, x-cohort: {exact: staff}}}]`},
		"everything else stays": {match: `[{uri: {prefix: /}, port: 80, name: n, future: [1]}]`, ring: staff(), want: `[{uri: {prefix: /}, port: 80, name: n, future: [1], headers: {x-cohort: {exact: staff}}}]`},
		"each with each": {match: `[{uri: {exact: /a}}, {uri: {exact: /b}}]`, ring: Ring{Name: "r", Match: []Match{byHeader("h", StringMatch{Prefix: "p"}), {SourceNamespace: "web"}}},
			want: `[{uri: {exact: /a}, headers: {h: {prefix: p}}}, {uri: {exact: /a}, sourceNamespace: web}, {uri: {exact: /b}, headers: {h: {prefix: p}}}, {uri: {exact: /b}, sourceNamespace: web}]`},
		"the same header, equal":           {match: `[{headers: {x-cohort: {exact: staff}}}]`, ring: staff(), want: `[{headers: {x-cohort: {exact: staff}}}]`},
		"the same header in upper case":    {match: `[{headers: {X-Cohort: {exact: staff}}}]`, ring: staff(), want: `[{headers: {X-Cohort: {exact: staff}}}]`},
		"the same header, another value":   {match: `[{headers: {x-cohort: {exact: late}}}]`, ring: staff(), err: `VirtualService shop/checkout, http[0] (api): ring staff: header x-cohort has to be exact "staff", and the route has a condition of its own for it, exact "late": Istio takes one for each header: ring cannot be told apart`},
		"the same header, another kind":    {match: `[{}, {headers: {x-cohort: {regex: staff}}}]`, ring: staff(), err: `header x-cohort has to be exact "staff", and the route has a condition of its own for it, regex "staff"`},
		"the same header, only to be set":  {match: `[{headers: {x-cohort: {}}}]`, ring: staff(), err: `a condition of its own for it, map[]`},
		"a header that must not be":        {match: `[{withoutHeaders: {x-cohort: {exact: late}}}]`, ring: staff(), want: `[{withoutHeaders: {x-cohort: {exact: late}}, headers: {x-cohort: {exact: staff}}}]`},
		"who calls":                        {match: `[{uri: {prefix: /}}]`, ring: backoffice(), want: `[{uri: {prefix: /}, sourceNamespace: backoffice, sourceLabels: {app: desk}}]`},
		"who calls, equal":                 {match: `[{sourceNamespace: backoffice, sourceLabels: {app: desk, v: a}}]`, ring: backoffice(), want: `[{sourceNamespace: backoffice, sourceLabels: {app: desk, v: a}}]`},
		"another namespace":                {match: `[{sourceNamespace: web}]`, ring: backoffice(), left: "no caller is in the namespaces web and backoffice"},
		"another label":                    {match: `[{sourceLabels: {app: web}}]`, ring: backoffice(), left: "no caller has the values web and desk for the label app"},
		"who calls beside gateways":        {match: `[{gateways: [mesh]}, {uri: {exact: /a}}]`, ring: backoffice(), want: `[{uri: {exact: /a}, sourceNamespace: backoffice, sourceLabels: {app: desk}}]`, left: "Istio does not look at who calls where a match has gateways"},
		"who calls beside gateways alone":  {match: `[{gateways: [edge/web]}]`, ring: backoffice(), left: "Istio does not look at who calls where a match has gateways"},
		"no gateways in the list of them":  {match: `[{gateways: []}]`, ring: backoffice(), want: `[{gateways: [], sourceNamespace: backoffice, sourceLabels: {app: desk}}]`},
		"a header beside gateways":         {match: `[{gateways: [mesh]}]`, ring: staff(), want: `[{gateways: [mesh], headers: {x-cohort: {exact: staff}}}]`},
		"who calls in a delegate":          {vs: `hosts: []`, match: `null`, ring: backoffice(), left: "Istio does not look at who calls where the match of a delegating VirtualService has gateways, and this one is a delegate"},
		"a header in a delegate":           {vs: `hosts: []`, match: `null`, ring: staff(), want: `[{headers: {x-cohort: {exact: staff}}}]`},
		"a claim in the mesh":              {match: `null`, ring: early(), left: "claims of tokens are known at gateways only, and the VirtualService is one of the mesh"},
		"a claim in the mesh and gateway":  {vs: `hosts: [x], gateways: [web, mesh]`, match: `null`, ring: early(), left: "claims of tokens are known at gateways only, and the VirtualService is one of the mesh"},
		"a claim in brackets in the mesh":  {match: `null`, ring: Ring{Name: "early", Match: []Match{byHeader("@request.auth.claims[channel]", exact("early"))}}, left: "claims of tokens are known at gateways only, and the VirtualService is one of the mesh"},
		"a claim at a gateway":             {vs: `hosts: [x], gateways: [web]`, match: `null`, ring: early(), want: `[{headers: {"@request.auth.claims.channel": {exact: early}}}]`},
		"claims that differ in their case": {vs: `hosts: [x], gateways: [web]`, match: `[{headers: {"@request.auth.claims.Channel": {exact: x}}}]`, ring: early(), want: `[{headers: {"@request.auth.claims.Channel": {exact: x}, "@request.auth.claims.channel": {exact: early}}}]`},
		"a claim beside a header, in mesh": {match: `null`, ring: Ring{Name: "r", Match: []Match{byHeader("@request.auth.claims.a", exact("b")), byHeader("h", StringMatch{Regex: "x.*"})}}, want: `[{headers: {h: {regex: x.*}}}]`, left: "claims of tokens are known at gateways only, and the VirtualService is one of the mesh"},
		"a match that is no list":          {match: `{}`, ring: staff(), left: "its match is no list"},
		"an alternative that is none":      {match: `[7, {}]`, ring: staff(), want: `[{headers: {x-cohort: {exact: staff}}}]`, left: "an alternative of its match is no object"},
		"headers that are none":            {match: `[{headers: x}]`, ring: staff(), left: "the headers of its match are no object"},
		"labels that are none":             {match: `[{sourceLabels: x}]`, ring: backoffice(), left: "the sourceLabels of its match are no object"},
		"as many as there may be":          {match: alternatives(32), ring: Ring{Name: "r", Match: []Match{byHeader("a", exact("b")), byHeader("c", exact("d"))}}, want: "64"},
		"too many":                         {match: alternatives(13), ring: Ring{Name: "r", Match: many(5)}, err: "ring r would have 65 alternatives there, and 64 is the most"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.vs == "" {
				c.vs = `hosts: [checkout]`
			}
			vs := withSpec(t, `{`+c.vs+`, http: [{name: api, match: `+c.match+`, route: [{destination: {host: checkout}}]}]}`)
			before := vs.DeepCopy()
			r := routesOf(vs, checkout())[0]
			got, left, err := r.narrowed(c.ring, surroundingsOf(vs))
			same(t, "what was given is changed", before, vs)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !errors.Is(err, ErrRing) {
					t.Errorf("error is %v, not %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(left, "; "); got != c.left {
				t.Errorf("left out because of %q, not %q", got, c.left)
			}
			if fmt.Sprint(len(got)) == c.want {
				return
			}
			var want []any
			if err := yaml.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(mustJSON(t, want)), string(mustJSON(t, got))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// alternatives is a match of so many, written in YAML.
func alternatives(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("{uri: {exact: /%d}}", i))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func many(n int) []Match {
	var out []Match
	for i := range n {
		out = append(out, byHeader("h", exact(fmt.Sprint(i))))
	}
	return out
}

// TestARingThatWouldBeEverybodyIsRefused has what must never be rendered, whoever checked the policy.
func TestARingThatWouldBeEverybodyIsRefused(t *testing.T) {
	user := withRoutes(t, `[{route: [{destination: {host: checkout}}]}]`)
	cases := map[string]struct {
		target Target
		rings  []Ring
		want   string
	}{
		"nothing":             {checkout(), []Ring{{Name: "a", Match: []Match{{}}}}, "ring a: a match without a condition is everybody"},
		"nothing beside some": {checkout(), []Ring{{Name: "a", Match: []Match{byHeader("h", exact("x")), {Headers: map[string]StringMatch{}}}}}, "ring a: a match without a condition is everybody"},
		"a header at all":     {checkout(), []Ring{{Name: "a", Match: []Match{byHeader("h", StringMatch{})}}}, "ring a: header h: give exactly one of exact, prefix and regex"},
		"two for one header":  {checkout(), []Ring{{Name: "a", Match: []Match{byHeader("h", StringMatch{Exact: "x", Regex: "y"})}}}, "ring a: header h: give exactly one of exact, prefix and regex"},
		"no alternatives":     {checkout(), []Ring{{Name: "a"}}, "ring a matches nobody, as it has no alternatives"},
		"one name for two":    {checkout(), []Ring{staff(), staff()}, "two rings have the name staff"},
		"the canary's name":   {checkout(), []Ring{{Name: "canary", Match: staff().Match}}, `"canary" is no name of a ring`},
		"no name":             {checkout(), []Ring{{Match: staff().Match}}, `"" is no name of a ring`},
		"a name too long":     {checkout(), []Ring{{Name: strings.Repeat("a", 21), Match: staff().Match}}, "is no name of a ring"},
		"the user's own arms": {Target{Namespace: "shop", Arms: &Arms{Stable: Destination{Host: "a"}, Canary: Destination{Host: "b"}}}, []Ring{staff()}, "rings need Services of Stagger's, and a and b are the user's own"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := SplitRings(user, c.target, c.rings, nil, seven(), Raise{ResourceVersion: "41"})
			if len(p) > 0 || !errors.Is(err, ErrRing) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("writes %v, error %v", p, err)
			}
			if got := RingsUnsupported(nil, c.target, c.rings); !strings.Contains(got, c.want) {
				t.Errorf("refused with %q", got)
			}
		})
	}
}

func TestStringMatchesAreWrittenAsTheyAreRead(t *testing.T) {
	for want, m := range map[string]StringMatch{`exact "a"`: {Exact: "a"}, `prefix "b"`: {Prefix: "b"}, `regex "c"`: {Regex: "c"}, "nothing": {}} {
		if m.String() != want {
			t.Errorf("%+v is %s", m, m)
		}
		if raw := m.raw(); raw != nil && condition(raw) != want {
			t.Errorf("%v is %s", raw, condition(raw))
		}
	}
	if got := (StringMatch{Prefix: "b"}).raw(); !reflect.DeepEqual(got, map[string]any{"prefix": "b"}) {
		t.Errorf("written as %v", got)
	}
}
