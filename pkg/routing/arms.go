package routing

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Destination is one of two destinations that the user's routes name themselves.
type Destination struct {
	Host   string // as routes of the Target's namespace may write it
	Subset string // may be empty
	Port   int64  // 0: routes do not name one
}

// Arms are the destinations between which weights are moved, where both are the user's.
type Arms struct{ Stable, Canary Destination }

// String is the destination as people write it: "checkout subset v2 port 80".
func (d Destination) String() string {
	text := d.Host
	if d.Subset != "" {
		text += " subset " + d.Subset
	}
	if d.Port != 0 {
		text += " port " + strconv.FormatInt(d.Port, 10)
	}
	return text
}

// is reports whether a destination of a route, in an object of the namespace, is this one.
func (d Destination) is(destination map[string]any, namespace string, t Target) bool {
	host, _ := destination["host"].(string)
	subset, _ := destination["subset"].(string)
	port, _ := destination["port"].(map[string]any)
	number, _ := integer(port["number"])
	return host != "" && t.canonical(host, namespace) == t.canonical(d.Host, t.Namespace) && subset == d.Subset && number == d.Port
}

// canonical is a host by which the ways to write a Service's can be compared: name.namespace, or what is no Service's as it is.
func (t Target) canonical(host, namespace string) string {
	short, service := t.service(host)
	if service && !strings.Contains(short, ".") {
		return short + "." + namespace
	}
	return short
}

// service cuts the cluster's domain off a host, and tells whether it is that of a Kubernetes Service.
func (t Target) service(host string) (short string, ok bool) {
	if short, ok = strings.CutSuffix(host, ".svc."+t.domain()); ok {
		return short, true
	}
	if short, ok = strings.CutSuffix(host, ".svc"); ok {
		return short, true
	}
	return host, !strings.Contains(host, ".")
}

// ServiceOf returns the name and namespace by which Istio reports requests to the destination. The host of a ServiceEntry is its name, in
// the namespace of the Target.
func (t Target) ServiceOf(d Destination) (name, namespace string) {
	short, ok := t.service(d.Host)
	if !ok {
		return d.Host, t.Namespace
	}
	if name, namespace, ok = strings.Cut(short, "."); ok {
		return name, namespace
	}
	return short, t.Namespace
}

// revisionLabels are those by which Istio names the revision of a pod, the first that it has.
func revisionLabels() []string {
	return []string{"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"}
}

// RevisionOf returns what Istio reports as the revision of the pods of a destination's subset, by the labels that the DestinationRules of
// its host give it. The error says, for people, why there is none.
func RevisionOf(rules []*unstructured.Unstructured, t Target, d Destination) (string, error) {
	for _, rule := range rules {
		host, _, _ := unstructured.NestedString(rule.Object, "spec", "host") // malformed: no host
		if t.canonical(host, rule.GetNamespace()) != t.canonical(d.Host, t.Namespace) {
			continue
		}
		subsets, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets") // malformed: none
		for _, item := range subsets {
			if subsetName(item) != d.Subset {
				continue
			}
			subset, _ := item.(map[string]any)
			labels, _, _ := unstructured.NestedStringMap(subset, "labels") // malformed: none
			for _, key := range revisionLabels() {
				if labels[key] != "" {
					return labels[key], nil
				}
			}
			return "", fmt.Errorf("subset %s of DestinationRule %s/%s has none of the labels %s, by which its requests could be told apart: add one to it and to its pods",
				d.Subset, rule.GetNamespace(), rule.GetName(), strings.Join(revisionLabels(), ", "))
		}
	}
	return "", fmt.Errorf("no DestinationRule of namespace %s has the subset %s of host %s: define it there", t.Namespace, d.Subset, d.Host)
}

func subsetName(subset any) any {
	s, _ := subset.(map[string]any)
	return s["name"]
}

// weigh gives the canaries of an entry their part of its whole weight, and the entry the rest; an entry without any keeps all of it.
func (r *route) weigh(weights map[int]int64, k int, whole, given int64) {
	canaries := r.entries[k].canaries
	if len(canaries) == 0 {
		given = 0
	}
	weights[k] = whole - given
	for i, c := range canaries {
		weights[c] = 0
		if i == 0 {
			weights[c] = given
		}
	}
}

// settled are the destinations of a route between two arms of the user's own with the user's weights, all of it on the arm that has more.
func (r *route) settled() []any {
	written, weights := r.written(), map[int]int64{}
	for i, k := range r.kept() {
		whole, canaries := int64(assumed), int64(0)
		if written != nil {
			whole = written[i]
		}
		for _, c := range r.entries[k].canaries {
			canaries += r.entries[c].weight
		}
		given := int64(0)
		if canaries > r.entries[k].weight {
			given = whole
		}
		r.weigh(weights, k, whole, given)
	}
	return r.inPlace(weights)
}

// inPlace are the destinations in the order in which they are written, with other weights.
func (r *route) inPlace(weights map[int]int64) []any {
	out := make([]any, len(r.entries))
	for i, e := range r.entries {
		out[i] = e.restored(weights[i])
	}
	return out
}
