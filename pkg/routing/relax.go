package routing

import (
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Where a traffic policy has what is relaxed.
const (
	balancing  = "loadBalancer"
	locality   = "localityLbSetting"
	distribute = "distribute"
	ejection   = "outlierDetection"
	// leastHealthy is the percentage of pods in a caller's pool below which Envoy asks all of them, ejected or not. Istio's default of 0
	// never does.
	leastHealthy = "minHealthPercent"
)

// Relaxed says in a sentence each what of a DestinationRule is left out of its copy for the canary, and why; empty where nothing is.
func Relaxed(dr *unstructured.Unstructured) []string {
	spec, _ := dr.DeepCopy().Object["spec"].(map[string]any)
	found := map[string]bool{}
	for _, policy := range trafficPolicies(spec) {
		maps.Copy(found, relax(policy))
	}
	var said []string
	if found[distribute] {
		said = append(said, fmt.Sprintf("localityLbSetting.distribute of DestinationRule %s keeps callers to pods of the localities it names; "+
			"it does not hold for the canary, which may have no pod there, so its pods are met from everywhere", dr.GetName()))
	}
	if found[ejection] {
		said = append(said, fmt.Sprintf("outlierDetection of DestinationRule %s takes pods that answer with errors from their callers; "+
			"when it has taken all of the canary's they are asked all the same, and their answers count", dr.GetName()))
	}
	return said
}

// relax changes a traffic policy so that it leaves nobody without a pod of a canary that has few, and tells what it has changed.
func relax(policy map[string]any) map[string]bool {
	changed := map[string]bool{}
	if balancer, ok := policy[balancing].(map[string]any); ok {
		if setting, ok := balancer[locality].(map[string]any); ok && setting[distribute] != nil {
			delete(setting, distribute)
			changed[distribute] = true
		}
	}
	if outliers, ok := policy[ejection].(map[string]any); ok && number(outliers[leastHealthy]) < 1 {
		outliers[leastHealthy] = int64(1)
		changed[ejection] = true
	}
	return changed
}

// trafficPolicies are those of a DestinationRule's spec: of all its ports, of some, and of its subsets.
func trafficPolicies(spec map[string]any) []map[string]any {
	var all []map[string]any
	for _, of := range append([]any{spec}, items(spec["subsets"])...) {
		holder, _ := of.(map[string]any)
		policy, ok := holder["trafficPolicy"].(map[string]any)
		if !ok {
			continue
		}
		for _, port := range append([]any{policy}, items(policy["portLevelSettings"])...) {
			if p, ok := port.(map[string]any); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// items are those of a value that is meant to be a list; nil when it is none.
func items(v any) []any {
	l, _ := v.([]any)
	return l
}

// number is a value that is meant to be a number, as JSON or as YAML has it; 0 when it is none.
func number(v any) float64 {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}
