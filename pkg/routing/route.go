package routing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The kinds of routes: fields of a VirtualService's spec. All have weighted destinations of the same shape.
const (
	kindHTTP = "http"
	kindTLS  = "tls"
	kindTCP  = "tcp"
)

func kinds() []string { return []string{kindHTTP, kindTLS, kindTCP} }

// entry is one weighted destination of a route.
type entry struct {
	raw      map[string]any
	arm      arm
	host     string
	weight   int64 // within Istio's bounds
	bad      bool  // the weight written is not
	canaries []int // of a stable entry: the indices of the canary's entries beside it
	owned    bool  // of a canary entry: it is among the canaries of a stable one
}

// route is one route of a VirtualService.
type route struct {
	kind    string
	index   int
	name    string
	where   string // for people: VirtualService, route
	raw     map[string]any
	entries []entry
	split   bool // the canary is among the destinations
	between bool // both arms are the user's own
	// concerned says that the Service or its canary has a part in the route.
	concerned bool
	bad       error  // a weight that Istio does not take
	memo      memo   // what the annotation says about it; nil when nothing
	other     string // the shift that holds it, when not the one that reads
	id        string // see key
}

// routesOf reads the routes in which the Service has a part. What is malformed is left out: there is no traffic in it.
func routesOf(vs *unstructured.Unstructured, t Target) []route {
	return slices.DeleteFunc(allRoutes(vs, t), func(r route) bool { return !r.concerned })
}

// allRoutes reads all routes of the user's: copies for rings, of whatever Service, are not among them.
func allRoutes(vs *unstructured.Unstructured, t Target) []route {
	var out []route
	for _, kind := range kinds() {
		for i, item := range list(vs, kind) {
			raw, _ := item.(map[string]any)
			if _, copied := t.ringCopyOf(raw, vs.GetNamespace()); copied && kind == kindHTTP {
				continue
			}
			r := readRoute(vs, t, raw)
			r.kind, r.index = kind, i
			r.name, _ = raw["name"].(string)
			r.where = fmt.Sprintf("VirtualService %s/%s, %s[%d]", vs.GetNamespace(), vs.GetName(), kind, i)
			if r.name != "" {
				r.where += fmt.Sprintf(" (%s)", r.name)
			}
			out = append(out, r)
		}
	}
	return out
}

// list returns the routes of a kind without copying them.
func list(vs *unstructured.Unstructured, kind string) []any {
	spec, _ := vs.Object["spec"].(map[string]any)
	routes, _ := spec[kind].([]any)
	return routes
}

func readRoute(vs *unstructured.Unstructured, t Target, raw map[string]any) route {
	r := route{raw: raw}
	items, _ := raw["route"].([]any)
	for _, item := range items {
		e := entry{}
		var ok bool
		if e.raw, ok = item.(map[string]any); !ok {
			return route{raw: raw} // malformed: it would not be given back as it was
		}
		destination, _ := e.raw["destination"].(map[string]any)
		e.host, _ = destination["host"].(string)
		e.arm = t.arm(destination, vs.GetNamespace())
		weight, ok := integer(e.raw["weight"])
		if e.raw["weight"] != nil && (!ok || weight < 0 || weight > math.MaxInt32) {
			r.bad = fmt.Errorf("destination %s has weight %v: give a whole number from 0 to %d: %w", e.host, e.raw["weight"], math.MaxInt32, ErrWeights)
			weight, e.bad = min(max(weight, 0), math.MaxInt32), true
		}
		e.weight = weight
		r.split = r.split || e.arm == canary
		r.entries = append(r.entries, e)
		r.concerned = r.concerned || e.arm == canary || e.arm == stable && (e.weight > 0 || len(items) == 1)
	}
	if t.Arms != nil {
		r.ofArms()
	}
	if r.split {
		r.pair()
	}
	return r
}

// ofArms says of a route between two destinations of the user's own whether it has both.
func (r *route) ofArms() {
	named := map[arm]bool{}
	for _, e := range r.entries {
		named[e.arm] = true
	}
	r.concerned, r.split = named[stable] && named[canary], named[canary]
	r.between = r.concerned
}

// pair gives each canary entry to the stable entry it was split from: the one before it if that is like it in everything but
// host and weight, else any like it, else one of the same subset and port, else the next that has none, else (a doubled
// canary) again one of the same subset and port.
func (r *route) pair() {
	free := func(s int) bool { return len(r.entries[s].canaries) == 0 }
	twins := func(s, c int) bool { return free(s) && alike(r.entries[s], r.entries[c]) }
	near := func(s, c int) bool { return sameEndpoint(r.entries[s], r.entries[c]) }
	rules := []func(s, c int) bool{
		func(s, c int) bool { return s == c-1 && twins(s, c) },
		twins,
		func(s, c int) bool { return free(s) && near(s, c) },
		func(s, _ int) bool { return free(s) },
		near,
	}
	for _, fits := range rules {
		for i := range r.entries {
			if c := &r.entries[i]; c.arm == canary && !c.owned {
				c.owned = r.adopt(i, fits)
			}
		}
	}
}

func (r *route) adopt(c int, fits func(s, c int) bool) bool {
	for s := range r.entries {
		if e := &r.entries[s]; e.arm == stable && fits(s, c) {
			e.canaries = append(e.canaries, c)
			return true
		}
	}
	return false
}

// alike reports whether two entries are the same but for host and weight.
func alike(a, b entry) bool {
	return sameBut(a.raw, b.raw, "weight", "destination") && sameBut(a.destination(), b.destination(), "host")
}

func sameEndpoint(a, b entry) bool {
	x, y := a.destination(), b.destination()
	return reflect.DeepEqual(x["subset"], y["subset"]) && reflect.DeepEqual(x["port"], y["port"])
}

func sameBut(a, b map[string]any, except ...string) bool {
	left := len(b)
	for _, key := range except {
		if _, found := b[key]; found {
			left--
		}
	}
	for key, value := range a {
		if slices.Contains(except, key) {
			continue
		}
		other, found := b[key]
		if !found || !reflect.DeepEqual(value, other) {
			return false
		}
		left--
	}
	return left == 0
}

func (e entry) destination() map[string]any {
	d, _ := e.raw["destination"].(map[string]any)
	return d
}

// kept returns the indices of the entries that stay when the canary's are merged back. A canary without a stable arm stays:
// it becomes the stable arm.
func (r *route) kept() []int {
	var out []int
	for i, e := range r.entries {
		if !e.owned {
			out = append(out, i)
		}
	}
	return out
}

// whole returns the weight of an entry together with its canaries'.
func (r *route) whole(i int) int64 {
	sum := r.entries[i].weight
	for _, c := range r.entries[i].canaries {
		sum += r.entries[c].weight
	}
	return sum
}

// orphan returns the host of a canary entry that has lost its stable arm.
func (r *route) orphan() (string, bool) {
	for _, e := range r.entries {
		if e.arm == canary && !e.owned {
			return e.host, true
		}
	}
	return "", false
}

// sums returns the weights of the arms as written. Istio ignores the weight of a single destination: it counts as 1 here.
func (r *route) sums() (stableSum, canarySum, foreignSum int64) {
	for _, e := range r.entries {
		weight := e.weight
		if len(r.entries) == 1 {
			weight = 1
		}
		switch e.arm {
		case stable:
			stableSum += weight
		case canary:
			canarySum += weight
		default:
			foreignSum += weight
		}
	}
	return stableSum, canarySum, foreignSum
}

// share returns the canary's share of the Service's part in millionths, rounded up, or -1 where the canary is not named.
func (r *route) share() int64 {
	if !r.split {
		return -1
	}
	s, c, _ := r.sums()
	if s+c == 0 {
		return 0
	}
	return (c*Whole + s + c - 1) / (s + c)
}

// key finds the route again when others are added, removed or moved: by its kind, its name and what it matches.
func (r *route) key() string {
	if r.id != "" {
		return r.id
	}
	// Values decoded from JSON can always be encoded.
	text, err := json.Marshal([]any{r.kind, r.name, r.raw["match"]})
	if err != nil {
		text = []byte(r.name)
	}
	sum := sha256.Sum256(text)
	r.id = hex.EncodeToString(sum[:4])
	return r.id
}

func integer(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}
