package e2e

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// soundPolicy and soundShift are accepted; each case changes one field of them.
const (
	soundPolicy = `
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: sound}
spec:
  steps: [{weight: "1%", hold: 2m}, {weight: "25%", hold: 5m}, {weight: "100%", hold: 5m}]
  objectives: [{name: availability, indicator: Requests, target: "99.5%"}]
`
	soundShift = `
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: checkout}
spec: {policyRef: {name: standard}, service: {name: checkout}}
`
)

// edited is an object with one field, by its dotted path, set to a YAML value; empty: removed.
func edited(t *testing.T, object, path, value string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(object), &u.Object); err != nil {
		t.Fatal(err)
	}
	if path == "" {
		return u
	}
	fields := strings.Split(path, ".")
	if value == "" {
		unstructured.RemoveNestedField(u.Object, fields...)
		return u
	}
	var v any
	if err := yaml.Unmarshal([]byte(value), &v); err != nil {
		t.Fatalf("value %s: %v", value, err)
	}
	if err := unstructured.SetNestedField(u.Object, v, fields...); err != nil {
		t.Fatalf("field %s: %v", path, err)
	}
	return u
}

// answered checks that the API server accepts, or refuses with a sentence that holds want.
func answered(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted; want it refused with %q", want)
	case want != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), want)):
		t.Errorf("refused with %v; want %q in it", err, want)
	}
}

func TestTheAPIServerKnowsTheRulesOfAShiftPolicy(t *testing.T) {
	steps := func(weights ...string) string {
		var all []string
		for _, w := range weights {
			all = append(all, fmt.Sprintf(`{weight: %q, hold: 1m}`, w))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	staged := func(first, last string) string {
		return fmt.Sprintf(`[{weight: "1%%", hold: 1m, %s}, {weight: "100%%", hold: 1m, %s}]`, first, last)
	}
	rising := make([]string, 21)
	for i := range rising {
		rising[i] = fmt.Sprintf("%d%%", i+80)
	}
	objective := func(name, indicator, target string, more ...string) string {
		fields := append([]string{"name: " + name, "indicator: " + indicator, fmt.Sprintf("target: %q", target)}, more...)
		return "[{" + strings.Join(fields, ", ") + "}]"
	}
	counters := func(total string) string {
		return fmt.Sprintf("custom: {total: %q, bad: %q}", total, `orders_total{{{selector}},result="error"}`)
	}
	cases := map[string]struct{ path, value, refused string }{
		"a sound policy":                     {"", "", ""},
		"one step":                           {"spec.steps", steps("100%"), ""},
		"no step":                            {"spec.steps", "[]", "spec.steps"},
		"twenty steps":                       {"spec.steps", steps(rising[1:]...), ""},
		"twenty-one steps":                   {"spec.steps", steps(rising...), "must have at most 20 items"},
		"a last step of the whole in tenths": {"spec.steps", steps("1%", "100.0%"), ""},
		"a last step below the whole":        {"spec.steps", steps("1%", "99.9999%"), "steps: the last weight must be 100%"},
		"checks and gates":                   {"spec.steps", staged("checks: [smoke, load]", "checks: [last], gates: [{name: smoke}, {name: go, by: AnotherPerson}]"), ""},
		"a check at two steps":               {"spec.steps", staged("checks: [smoke]", "checks: [load, smoke]"), "steps: a check is run once in a release"},
		"a gate at two steps":                {"spec.steps", staged("gates: [{name: go}]", "gates: [{name: go, by: AnotherPerson}]"), "steps: a gate is opened once in a release"},
		"a check twice":                      {"spec.steps", staged("checks: [smoke, smoke]", "gates: []"), "Duplicate value"},
		"five gates":                         {"spec.steps", staged("gates: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]", "checks: []"), "must have at most 4 items"},
		"a gate for nobody":                  {"spec.steps", staged("gates: [{name: go, by: Nobody}]", "checks: []"), "Unsupported value"},
		"weights that fall":                  {"spec.steps", steps("25%", "5%", "100%"), "steps: weights must rise from step to step"},
		"weights that rise as numbers only":  {"spec.steps", steps("5%", "10%", "100%"), ""},
		"a weight twice":                     {"spec.steps", steps("5%", "5%", "100%"), "steps: every weight must be different"},
		"a weight twice, written in two ways": {
			"spec.steps", steps("5%", "5.0%", "100%"), "steps: every weight must be different"},
		"the smallest weight":              {"spec.steps", steps("0.0001%", "100%"), ""},
		"no weight":                        {"spec.steps", steps("0%", "100%"), "weight must be above 0%"},
		"a weight of five decimals":        {"spec.steps", steps("0.00001%", "100%"), "spec.steps[0].weight"},
		"a weight above the whole":         {"spec.steps", steps("1%", "101%"), "spec.steps[1].weight"},
		"a weight without a percent sign":  {"spec.steps", steps("1", "100%"), "spec.steps[0].weight"},
		"a weight below nothing":           {"spec.steps", steps("-1%", "100%"), "spec.steps[0].weight"},
		"a hold of a day":                  {"spec.steps", `[{weight: "100%", hold: 24h}]`, ""},
		"a hold above a day":               {"spec.steps", `[{weight: "100%", hold: 24h1s}]`, "hold must be at most 24h"},
		"a hold in words":                  {"spec.steps", `[{weight: "100%", hold: soon}]`, "spec.steps[0].hold"},
		"a hold below nothing":             {"spec.steps", `[{weight: "100%", hold: -1m}]`, "spec.steps[0].hold"},
		"a step without a hold":            {"spec.steps", `[{weight: "100%"}]`, "spec.steps[0].hold"},
		"the fixed pace":                   {"spec.pace", "{type: Fixed}", ""},
		"a pace with a budget":             {"spec.pace", "{type: Proof, failedRequests: 10000}", ""},
		"a budget of nothing":              {"spec.pace", "{failedRequests: 0}", "spec.pace.failedRequests"},
		"a budget above ten thousand":      {"spec.pace", "{failedRequests: 10001}", "spec.pace.failedRequests"},
		"the fixed pace with a budget":     {"spec.pace", "{type: Fixed, failedRequests: 10}", "failedRequests is for type Proof"},
		"a pace that does not exist":       {"spec.pace", "{type: Wild}", "spec.pace.type"},
		"no objective":                     {"spec.objectives", "[]", "spec.objectives"},
		"objectives left out":              {"spec.objectives", "", "spec.objectives"},
		"two objectives of one name":       {"spec.objectives", `[{name: a, indicator: Requests, target: "99%"}, {name: a, indicator: Requests, target: "98%"}]`, "Duplicate value"},
		"an objective's name in capitals":  {"spec.objectives", objective("A", "Requests", "99%"), "spec.objectives[0].name"},
		"a duration with a threshold":      {"spec.objectives", objective("a", "Duration", "99%", "threshold: 500ms"), ""},
		"a duration without a threshold":   {"spec.objectives", objective("a", "Duration", "99%"), "threshold is for indicator Duration, which needs it"},
		"a threshold without a duration":   {"spec.objectives", objective("a", "Requests", "99%", "threshold: 500ms"), "threshold is for indicator Duration, which needs it"},
		"a threshold of nothing":           {"spec.objectives", objective("a", "Duration", "99%", "threshold: 0s"), "threshold must be above 0s and at most 1h"},
		"a threshold above an hour":        {"spec.objectives", objective("a", "Duration", "99%", "threshold: 61m"), "threshold must be above 0s and at most 1h"},
		"counters of one's own":            {"spec.objectives", objective("a", "Custom", "99%", counters("orders_total{{{selector}}}")), ""},
		"no counters":                      {"spec.objectives", objective("a", "Custom", "99%"), "custom is for indicator Custom, which needs it"},
		"counters without their indicator": {"spec.objectives", objective("a", "Requests", "99%", counters("orders_total{{{selector}}}")), "custom is for indicator Custom, which needs it"},
		"counters without the placeholder": {"spec.objectives", objective("a", "Custom", "99%", counters("orders_total{}")), "total must contain {{selector}}"},
		"counters with a function":         {"spec.objectives", objective("a", "Custom", "99%", counters("sum(orders_total{{{selector}}})")), "without functions or ranges"},
		"counters with a range":            {"spec.objectives", objective("a", "Custom", "99%", counters("orders_total{{{selector}}}[5m]")), "without functions or ranges"},
		"client errors are ignored":        {"spec.clientErrors", "Ignore", ""},
		"client errors that are so-so":     {"spec.clientErrors", "Maybe", "spec.clientErrors"},
		"too many requests are bad":        {"spec.objectives", objective("a", "Requests", "99%", "tooManyRequests: Bad"), ""},
		"too many requests that are so-so": {"spec.objectives", objective("a", "Requests", "99%", "tooManyRequests: Maybe"), "spec.objectives[0].tooManyRequests"},
		"too many requests of a duration":  {"spec.objectives", objective("a", "Duration", "99%", "threshold: 1s", "tooManyRequests: Bad"), "tooManyRequests is for indicator Requests"},
		"an objective's largest weight":    {"spec.objectives", objective("a", "Requests", "99%", "weight: 100"), ""},
		"an objective without weight":      {"spec.objectives", objective("a", "Requests", "99%", "weight: 0"), "spec.objectives[0].weight"},
		"an indicator that does not exist": {"spec.objectives", objective("a", "Happiness", "99%"), "spec.objectives[0].indicator"},
		"the strictest target":             {"spec.objectives", objective("a", "Requests", "99.9999%"), ""},
		"a target without an error budget": {"spec.objectives", objective("a", "Requests", "100%"), "target must be below 100%"},
		"the loosest target":               {"spec.objectives", objective("a", "Requests", "50%"), ""},
		"a target meant as bad requests":   {"spec.objectives", objective("a", "Requests", "0.5%"), "target must be at least 50%"},
		"falseAbort at its least":          {"spec.confidence", `{falseAbort: "0.01%"}`, ""},
		"falseAbort below its least":       {"spec.confidence", `{falseAbort: "0.009%"}`, "falseAbort must be from 0.01% to 20%"},
		"falseAbort above its most":        {"spec.confidence", `{falseAbort: "21%"}`, "falseAbort must be from 0.01% to 20%"},
		"falsePromote at its most":         {"spec.confidence", `{falsePromote: "20%"}`, ""},
		"falsePromote below its least":     {"spec.confidence", `{falsePromote: "0%"}`, "falsePromote must be from 0.01% to 20%"},
		"falsePromote above its most":      {"spec.confidence", `{falsePromote: "20.1%"}`, "falsePromote must be from 0.01% to 20%"},
		"no tolerance":                     {"spec.tolerance", `"1"`, ""},
		"the largest tolerance":            {"spec.tolerance", `"10"`, ""},
		"a tolerance below one":            {"spec.tolerance", `"0.9"`, "spec.tolerance"},
		"a tolerance above ten":            {"spec.tolerance", `"10.1"`, "spec.tolerance"},
		"a deadline":                       {"spec.undetermined", "{after: 1m, action: Abort}", ""},
		"a deadline of a week":             {"spec.undetermined", "{after: 168h}", ""},
		"a deadline at once":               {"spec.undetermined", "{after: 59s}", "after must be from 1m to 168h"},
		"a deadline above a week":          {"spec.undetermined", "{after: 169h}", "after must be from 1m to 168h"},
		"a deadline without a time":        {"spec.undetermined", "{action: Abort}", "spec.undetermined.after"},
		"a deadline with another action":   {"spec.undetermined", "{after: 5m, action: Promote}", "spec.undetermined.action"},
		"a shared breach at once":          {"spec.sharedBreach", "{after: 1s}", "after must be from 1m to 168h"},
		"a shared breach without a time":   {"spec.sharedBreach", "{action: Abort}", "spec.sharedBreach.after"},
		"no warm-up":                       {"spec.warmup", "0s", ""},
		"the longest warm-up":              {"spec.warmup", "10m", ""},
		"a warm-up above ten minutes":      {"spec.warmup", "601s", "warmup must be at most 10m"},
		"the least time for pods":          {"spec.workload", "{readyWithin: 5s}", ""},
		"pods at once":                     {"spec.workload", "{readyWithin: 4s}", "readyWithin must be from 5s to 2h"},
		"pods after hours":                 {"spec.workload", "{readyWithin: 3h}", "readyWithin must be from 5s to 2h"},
		"the longest drain":                {"spec.workload", "{drain: 30m}", ""},
		"a drain above half an hour":       {"spec.workload", "{drain: 31m}", "drain must be at most 30m"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			answered(t, adm.client.Create(t.Context(), edited(t, soundPolicy, c.path, c.value), client.DryRunAll), c.refused)
		})
	}
}

func TestTheAPIServerKnowsTheRulesOfATrafficShift(t *testing.T) {
	ns := newNamespace(t)
	cases := map[string]struct{ path, value, refused string }{
		"a sound one":                    {"", "", ""},
		"paused":                         {"spec.control", "Paused", ""},
		"a control that does not exist":  {"spec.control", "Off", "spec.control"},
		"no policy":                      {"spec.policyRef", "", "spec.policyRef"},
		"a policy without a name":        {"spec.policyRef", `{name: ""}`, "spec.policyRef.name"},
		"no service":                     {"spec.service", "", "give service"},
		"a service and destinations":     {"spec.destinations", `{stable: {host: a}, canary: {host: b}, revision: "1"}`, "not both"},
		"a service without a name":       {"spec.service", `{name: ""}`, "spec.service.name"},
		"a service's name of 64 letters": {"spec.service", fmt.Sprintf("{name: %s}", strings.Repeat("a", 64)), "spec.service.name"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			u := edited(t, soundShift, c.path, c.value)
			u.SetNamespace(ns)
			answered(t, adm.client.Create(t.Context(), u, client.DryRunAll), c.refused)
		})
	}
}

func TestTheAPIServerKnowsTheRulesOfDestinations(t *testing.T) {
	ns := newNamespace(t)
	const sound = `
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: checkout}
spec:
  policyRef: {name: standard}
  destinations: {stable: {host: checkout, subset: v1}, canary: {host: checkout, subset: v2}, revision: "1"}
`
	cases := map[string]struct{ path, value, refused string }{
		"sound ones":                {"", "", ""},
		"of one host and two ports": {"spec.destinations", `{stable: {host: a, port: 80}, canary: {host: a, port: 81}, revision: "1"}`, ""},
		"twice the same":            {"spec.destinations", `{stable: {host: a, subset: x}, canary: {host: a, subset: x}, revision: "1"}`, "are the same"},
		"without a revision":        {"spec.destinations", `{stable: {host: a}, canary: {host: b}}`, "spec.destinations.revision"},
		"a host without a name":     {"spec.destinations.stable", `{host: ""}`, "spec.destinations.stable.host"},
		"a port that is none":       {"spec.destinations.stable", `{host: a, port: 70000}`, "spec.destinations.stable.port"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			u := edited(t, sound, c.path, c.value)
			u.SetNamespace(ns)
			answered(t, adm.client.Create(t.Context(), u, client.DryRunAll), c.refused)
		})
	}
	apply(t, ns, sound)
	patch := func(body string) error {
		u := edited(t, sound, "", "")
		u.SetNamespace(ns)
		return adm.client.Patch(t.Context(), u, client.RawPatch("application/merge-patch+json", []byte(body)), client.DryRunAll)
	}
	answered(t, patch(`{"spec":{"destinations":{"revision":"2"}}}`), "")
	answered(t, patch(`{"spec":{"destinations":{"canary":{"subset":"v3"}}}}`), "cannot be changed")
	answered(t, patch(`{"spec":{"destinations":null,"service":{"name":"checkout"}}}`), "cannot be changed")
}

func TestTheServiceOfATrafficShiftCannotBeChanged(t *testing.T) {
	ns := newNamespace(t)
	apply(t, ns, soundShift)
	shift := &unstructured.Unstructured{}
	shift.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("TrafficShift"))
	if err := adm.client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "checkout"}, shift); err != nil {
		t.Fatal(err)
	}
	if seen, found, err := unstructured.NestedInt64(shift.Object, "status", "observedGeneration"); seen != -1 || !found || err != nil {
		t.Errorf("observedGeneration before the first look is %d (%v), want -1", seen, err)
	}
	change := func(field, value string) error {
		body := fmt.Sprintf(`{"spec": {%q: {"name": %q}}}`, field, value)
		return adm.client.Patch(t.Context(), shift.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(body)))
	}
	answered(t, change("service", "cart"), "service: the Service of a TrafficShift cannot be changed")
	answered(t, change("policyRef", "fast"), "")
}

func TestWhatIsLeftOutHasItsDefault(t *testing.T) {
	u := edited(t, soundPolicy, "", "")
	if err := adm.client.Create(t.Context(), u, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"spec.pace.type": "Proof", "spec.confidence.falseAbort": "1%", "spec.confidence.falsePromote": "5%", "spec.tolerance": "1.2",
		"spec.undetermined.after": "30m", "spec.undetermined.action": "Hold", "spec.warmup": "30s",
		"spec.sharedBreach.after": "10m", "spec.sharedBreach.action": "Hold", "spec.workload.readyWithin": "10m", "spec.workload.drain": "30s",
	}
	for path, want := range cases {
		if got, _, err := unstructured.NestedString(u.Object, strings.Split(path, ".")...); got != want || err != nil {
			t.Errorf("%s is %q (%v), want %q", path, got, err, want)
		}
	}
}

func TestTheShippedPoliciesAreThere(t *testing.T) {
	for _, name := range []string{"cautious", "standard", "fast"} {
		if err := adm.client.Get(t.Context(), client.ObjectKey{Name: name}, &v1alpha1.ShiftPolicy{}); err != nil {
			t.Errorf("policy %s: %v", name, err)
		}
	}
}

func TestTheSamplesAreAccepted(t *testing.T) {
	feed(t, "", "apply", "--dry-run=server", "-k", "../manifests/samples")
}
