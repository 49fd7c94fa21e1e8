package shift

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// keysField is the one index of each kind. Its keys say what they are of, so that objects with nothing in common never share one.
const keysField = "stagger.dev/keys"

// Keys by which objects are found.
func serviceKey(name string) string      { return "service " + name }
func canaryKey(name string) string       { return "canary " + name }
func policyKey(name string) string       { return "policy " + name }
func deploymentKey(name string) string   { return "deployment " + name }
func hostKey(canonical string) string    { return "host " + canonical }
func wildcardKey(wildcard string) string { return "wildcard " + wildcard }
func wildcardIn(wildcard, namespace string) string {
	return "wildcard " + wildcard + " in " + namespace
}
func shiftKey(name string) string        { return "shift " + name }
func hashKey(hash string) string         { return "hash " + hash }
func ownerKey(uid types.UID) string      { return "owner " + string(uid) }
func claimKey(name string) string        { return "claim " + name }
func labelKey(pair string) string        { return "label " + pair }
func selectorKey(selector string) string { return "selector " + selector }

// Index is the index of one kind.
type Index struct {
	// Object is of the kind.
	Object client.Object
	// Field is the index's name.
	Field string
	// Keys are those that an object is found by.
	Keys client.IndexerFunc
}

// Indices are those that the controller reads its caches by. Domain is the cluster's.
func Indices(domain string) []Index {
	all := []Index{
		{&v1alpha1.TrafficShift{}, keysField, keysOf(func(s *v1alpha1.TrafficShift) []string { return keysOfShift(s, domain) })},
		{&corev1.Service{}, keysField, keysOf(keysOfService)},
		{&appsv1.Deployment{}, keysField, keysOf(keysOfDeployment)},
		{&appsv1.ReplicaSet{}, keysField, keysOf(keysOfReplicaSet)},
		{&batchv1.Job{}, keysField, keysOf(keysOfJob)},
		{&corev1.Pod{}, keysField, keysOf(func(p *corev1.Pod) []string { return labelKeys(p.Labels) })},
		{destinationRule(), keysField, keysOf(func(u *unstructured.Unstructured) []string { return keysOfRefs(routing.RuleRefs(u, domain)) })},
	}
	for _, kind := range routing.Kinds() {
		all = append(all, Index{ofKind(kind), keysField, keysOf(func(u *unstructured.Unstructured) []string { return keysOfRefs(routing.RefsOf(u, domain)) })})
	}
	return all
}

// AddIndices adds the indices to the caches, before these are filled.
func AddIndices(ctx context.Context, to client.FieldIndexer, domain string) error {
	for _, i := range Indices(domain) {
		if err := to.IndexField(ctx, i.Object, i.Field, i.Keys); err != nil {
			return fmt.Errorf("indexing %s: %w", idOf(i.Object).kind, err)
		}
	}
	return nil
}

func keysOf[T client.Object](keys func(T) []string) client.IndexerFunc {
	return func(o client.Object) []string {
		if object, ok := o.(T); ok {
			return keys(object)
		}
		return nil
	}
}

func keysOfShift(s *v1alpha1.TrafficShift, domain string) []string {
	out := []string{policyKey(s.Spec.PolicyRef.Name)}
	for _, host := range hostsOf(s, domain) {
		out = append(out, hostKey(host))
	}
	if s.Spec.Destinations != nil {
		return out // a wildcard covers hosts; what matters here are routes, which name theirs
	}
	t := cluster.TargetOf(s, domain)
	out = append(out, serviceKey(t.Service), canaryKey(t.Canary))
	if workload.LongForChecks(t.Service) {
		out = append(out, longKey)
	}
	out = append(out, wildcardsOf(t)...)
	if r := s.Status.Release; r.Running() {
		if r.Workload.Deployment != "" {
			out = append(out, deploymentKey(r.Workload.Deployment))
		}
		for _, hash := range cluster.Hashes(s) {
			if hash != "" {
				out = append(out, hashKey(hash))
			}
		}
	}
	return out
}

// wildcardsOf are the keys of the wildcards by which callers of a Service may go: those of all namespaces, and those that its own sees.
func wildcardsOf(t routing.Target) []string {
	var out []string
	for _, w := range routing.Wildcards(t.Host()) {
		out = append(out, wildcardKey(w), wildcardIn(w, t.Namespace))
	}
	return out
}

// hostsOf are the hosts between which a TrafficShift moves traffic.
func hostsOf(s *v1alpha1.TrafficShift, domain string) []string {
	if d := s.Spec.Destinations; d != nil {
		return []string{routing.Canonical(d.Stable.Host, s.Namespace, domain), routing.Canonical(d.Canary.Host, s.Namespace, domain)}
	}
	return []string{
		routing.Canonical(s.Spec.Service.Name, s.Namespace, domain), routing.Canonical(routing.CanaryName(s.Spec.Service.Name), s.Namespace, domain),
	}
}

// longKey finds the TrafficShifts whose Service's name may be cut in those of its checks.
const longKey = "long"

func keysOfService(s *corev1.Service) []string {
	if key, ok := workload.SelectorKey(s.Spec.Selector); ok {
		return []string{selectorKey(key)}
	}
	return nil
}

// heldKey finds the Deployments that are held, of which somebody has to let go.
const heldKey = "held"

func keysOfDeployment(d *appsv1.Deployment) []string {
	out := labelKeys(d.Spec.Template.Labels)
	for _, name := range workload.ClaimsOf(&d.Spec.Template) {
		out = append(out, claimKey(name))
	}
	if workload.Held(d) {
		out = append(out, heldKey)
	}
	return out
}

func keysOfReplicaSet(rs *appsv1.ReplicaSet) []string {
	var out []string
	if owner := metav1.GetControllerOfNoCopy(rs); owner != nil {
		out = append(out, ownerKey(owner.UID))
	}
	if hash := workload.HashOf(rs); hash != "" {
		out = append(out, hashKey(hash))
	}
	if mark, ok := workload.MarkOf(rs); ok {
		out = append(out, shiftKey(mark.Namespace+"/"+mark.Shift))
	}
	return out
}

func keysOfJob(j *batchv1.Job) []string {
	if mark, ok := workload.MarkOf(j); ok {
		return []string{shiftKey(mark.Namespace + "/" + mark.Shift)}
	}
	return nil
}

func keysOfRefs(r routing.Refs) []string {
	var out []string
	for _, host := range r.Hosts {
		out = append(out, hostKey(host))
	}
	for _, wildcard := range r.Wildcards {
		if len(r.Only) == 0 {
			out = append(out, wildcardKey(wildcard))
		}
		for _, namespace := range r.Only {
			out = append(out, wildcardIn(wildcard, namespace))
		}
	}
	for _, shift := range r.Shifts {
		out = append(out, shiftKey(shift))
	}
	return out
}

func labelKeys(labels map[string]string) []string {
	out := workload.Pairs(labels)
	for i, pair := range out {
		out[i] = labelKey(pair)
	}
	return out
}
