package routing

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/text"
)

const (
	ringInfix   = "-ring-"
	ringNobody  = "canary" // no ring has this name: it is the part of all of them that meets the canary
	maxRingName = 20
	// maxRingService is what is left for the name of the Service, whatever the ring is called.
	maxRingService = maxName - len(ringInfix) - maxRingName
)

// ErrRing says that a ring cannot be told apart in a route; the message names both.
var ErrRing = errors.New("ring cannot be told apart")

// Ring is a group of callers that is told by its requests and has a share of its own. Each http route to the Service gets a copy for it,
// directly before the route, that matches the ring's requests among the route's and sends them to Services of Stagger's:
//
//	the user wrote              with the ring staff at 5 %
//	- name: api                 - name: api-ring-staff
//	  match: [{uri: /v1}]         match: [{uri: /v1, headers: {x-cohort: staff}}]
//	  route: checkout             route: checkout-ring-staff 950 000, checkout-ring-canary 50 000
//	                            - name: api
//	                              match: [{uri: /v1}]
//	                              route: checkout
//
// A copy is found by the hosts that it sends to, and made anew from the user's route each time: nothing about it is stored.
type Ring struct {
	// Name is part of the names of a Service and of routes: at most 20 lower-case letters, digits and hyphens, and not "canary".
	Name string
	// Match are alternatives, of which one has to fit. The first ring of which one fits has the request.
	Match []Match
}

// Match is a condition of a ring, by Istio's words and their meaning: all that it says has to hold. It says at least one thing.
type Match struct {
	Headers         map[string]StringMatch
	SourceNamespace string
	SourceLabels    map[string]string
}

// StringMatch is Istio's: exactly one of its fields is set.
type StringMatch struct{ Exact, Prefix, Regex string }

// RingName returns the name of the Service that has the requests of a ring which do not meet the canary, at most 63 characters long. The
// names of Services over 37 characters are cut and told apart by eight hexadecimal digits of their SHA-256, whatever the ring.
func RingName(service, ring string) string {
	return text.Name(service, maxRingService) + ringInfix + ring
}

// RingCanaryName returns the name of the Service that has the requests of all rings which meet the canary.
func RingCanaryName(service string) string { return RingName(service, ringNobody) }

// ForRing returns the Target whose Services are those of a ring, for what is done with them as with the user's and the canary's.
func (t Target) ForRing(ring string) Target {
	return Target{Namespace: t.Namespace, Service: RingName(t.Service, ring), Canary: RingCanaryName(t.Service), Domain: t.Domain}
}

// RingTargets returns, for each Service that rings need, the Target in which it stands for the canary's: first those of the rings in their
// order, last that of their canary. What the canary's Service needs beside the user's is found for them as for it: see RulesFor.
func (t Target) RingTargets(rings []Ring) []Target {
	var out []Target
	for _, ring := range rings {
		out = append(out, Target{Namespace: t.Namespace, Service: t.Service, Canary: RingName(t.Service, ring.Name), Domain: t.Domain})
	}
	if len(out) > 0 {
		out = append(out, Target{Namespace: t.Namespace, Service: t.Service, Canary: RingCanaryName(t.Service), Domain: t.Domain})
	}
	return out
}

var ringNames = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$`)

// checkRings returns why these rings could not be told apart in any route: one that says nothing would be everybody.
func (t Target) checkRings(rings []Ring) error {
	if t.Arms != nil {
		return fmt.Errorf("rings need Services of Stagger's, and %s are the user's own: %w", t, ErrRing)
	}
	seen := map[string]bool{}
	for _, ring := range rings {
		switch {
		case !ringNames.MatchString(ring.Name) || ring.Name == ringNobody:
			return fmt.Errorf("%q is no name of a ring: %w", ring.Name, ErrRing)
		case seen[ring.Name]:
			return fmt.Errorf("two rings have the name %s: %w", ring.Name, ErrRing)
		case len(ring.Match) == 0:
			return fmt.Errorf("ring %s matches nobody, as it has no alternatives: %w", ring.Name, ErrRing)
		}
		seen[ring.Name] = true
		for _, m := range ring.Match {
			if err := m.check(); err != nil {
				return fmt.Errorf("ring %s: %w: %w", ring.Name, err, ErrRing)
			}
		}
	}
	return nil
}

func (m Match) check() error {
	if len(m.Headers) == 0 && !m.bySource() {
		return errors.New("a match without a condition is everybody")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		if m.Headers[name].raw() == nil {
			return fmt.Errorf("header %s: give exactly one of exact, prefix and regex", name)
		}
	}
	return nil
}

// bySource says that the match looks at who calls, not only at what is called.
func (m Match) bySource() bool { return m.SourceNamespace != "" || len(m.SourceLabels) > 0 }

// raw is the match as a VirtualService has it; nil where it does not say one thing.
func (m StringMatch) raw() map[string]any {
	all := map[string]string{"exact": m.Exact, "prefix": m.Prefix, "regex": m.Regex}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	if len(all) != 1 {
		return nil
	}
	out := map[string]any{}
	for kind, value := range all {
		out[kind] = value
	}
	return out
}

// String is the match as people write it: exact "staff".
func (m StringMatch) String() string {
	for kind, value := range m.raw() {
		return fmt.Sprintf("%s %q", kind, value)
	}
	return "nothing"
}

// ringRoute is the name of a ring's copy of a route.
func ringRoute(route, ring string) string {
	if route == "" {
		return strings.TrimPrefix(ringInfix, "-") + ring
	}
	return route + ringInfix + ring
}

// ringCopy is a route that was made for a ring.
type ringCopy struct {
	index int // in spec.http
	raw   map[string]any
	ring  string
	own   bool // a ring of the Target's Service
	// bare says that somebody took the ring's Service out of it, so that the user's stands for it.
	bare bool
}

// target is the Target between whose Services a copy of the Target's own divides its requests.
func (c ringCopy) target(t Target) Target {
	out := t.ForRing(c.ring)
	if c.bare {
		out.Service = t.Service
	}
	return out
}

// read reads a copy of the Target's own as a route to the ring's Services.
func (c ringCopy) read(vs *unstructured.Unstructured, t Target) route {
	r := readRoute(vs, c.target(t), c.raw)
	r.kind, r.index = kindHTTP, c.index
	return r
}

// ringCopyOf tells whether an http route, in an object of the namespace, is the copy for a ring. One of the Target's own is told by the host of
// the rings' canary, which no user names (see Unsupported), or by a ring's in its name and its host. One of another Service has to have all.
func (t Target) ringCopyOf(raw map[string]any, namespace string) (ringCopy, bool) {
	var hosts []string // of rings, as Canonical writes them
	for _, host := range destinationsOf(raw) {
		if strings.Contains(host, ringInfix) {
			hosts = append(hosts, t.canonical(host, namespace))
		}
	}
	if len(hosts) == 0 {
		return ringCopy{}, false
	}
	name, _ := raw["name"].(string)
	own := text.Name(t.Service, maxRingService) + ringInfix
	canary := slices.Contains(hosts, own+ringNobody+"."+t.Namespace)
	for _, host := range hosts {
		service, in, _ := strings.Cut(host, ".")
		ring, found := strings.CutPrefix(service, own)
		if found && in == t.Namespace && ring != ringNobody && (canary || namedFor(name, ring)) {
			return ringCopy{raw: raw, ring: ring, own: true}, true
		}
	}
	if canary {
		return ringCopy{raw: raw, ring: lastRing(name), own: true, bare: true}, true
	}
	ring := lastRing(name)
	for _, host := range hosts {
		service, in, _ := strings.Cut(host, ".")
		if base, found := strings.CutSuffix(service, ringInfix+ring); found && ring != "" && slices.Contains(hosts, base+ringInfix+ringNobody+"."+in) {
			return ringCopy{raw: raw, ring: ring}, true
		}
	}
	return ringCopy{}, false
}

// namedFor says whether a route has the name of a ring's copy.
func namedFor(route, ring string) bool {
	return strings.HasSuffix("-"+route, ringInfix+ring)
}

// lastRing is the ring by the name of a copy; "" when there is none.
func lastRing(route string) string {
	at := strings.LastIndex("-"+route, ringInfix)
	if at < 0 {
		return ""
	}
	return ("-" + route)[at+len(ringInfix):]
}

// ringCopies are the copies for rings in a VirtualService, of the Target's Service and of others.
func ringCopies(vs *unstructured.Unstructured, t Target) []ringCopy {
	var out []ringCopy
	for i, item := range list(vs, kindHTTP) {
		raw, _ := item.(map[string]any)
		if c, found := t.ringCopyOf(raw, vs.GetNamespace()); found {
			c.index = i
			out = append(out, c)
		}
	}
	return out
}
