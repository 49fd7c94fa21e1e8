package shift

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// loader reads the objects of a pass: from the caches, by their indices, and past them only what the operator wrote itself and the caches
// do not have yet.
type loader struct {
	finder
	direct  client.Reader // past the caches
	written *written
	domain  string
	// namespaces are those of which the caches hold everything; none: all. Of gateways, those whose pods are trusted as gateways, they hold pods and
	// Gateways.
	namespaces []string
	gateways   []string
}

func newLoader(cached, direct client.Reader, w *written, s Settings) *loader {
	return &loader{finder: newFinder(cached), direct: direct, written: w, domain: s.Domain, namespaces: s.Namespaces, gateways: s.GatewayNamespaces}
}

// load reads what one pass over the TrafficShift needs. False means that there is no such TrafficShift; whatever could not be read is an
// error, and says nothing about what is there.
func (l *loader) load(ctx context.Context, key types.NamespacedName) (cluster.Objects, bool, error) {
	var o cluster.Objects
	s, err := l.shift(ctx, key)
	if err != nil {
		return o, false, err
	}
	if s == nil {
		l.written.forget(key)
		return o, false, nil
	}
	o.Shift = s
	steps := []func(context.Context, *cluster.Objects) error{l.loadPolicy, l.loadServices, l.loadWorkload, l.loadRivals, l.loadPods, l.loadChecks, l.loadRoutes, l.loadRules, l.loadGateways, l.catchUp}
	if s.Spec.Destinations != nil {
		steps = []func(context.Context, *cluster.Objects) error{l.loadPolicy, l.loadRoutes, l.loadRules, l.loadGateways, l.catchUp}
	}
	for _, step := range steps {
		if err := step(ctx, &o); err != nil {
			return cluster.Objects{}, false, err
		}
	}
	return o, true, nil
}

// shift is the TrafficShift, at least as new as our last write of it; nil when it is not there.
func (l *loader) shift(ctx context.Context, key types.NamespacedName) (*v1alpha1.TrafficShift, error) {
	a, found := l.written.to(&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}})
	if found {
		switch now, newer, err := l.written.latest(ctx, l.reader, l.direct, a); {
		case err != nil:
			return nil, err
		case newer:
			s, _ := now.(*v1alpha1.TrafficShift) // nil: it is not there
			return s, nil
		}
	}
	return get[v1alpha1.TrafficShift](ctx, l.finder, key.Namespace, key.Name)
}

// suggestions is how many names of policies are enough to suggest.
const suggestions = 8

func (l *loader) loadPolicy(ctx context.Context, o *cluster.Objects) error {
	var err error
	if o.Namespace, err = get[corev1.Namespace](ctx, l.finder, "", o.Shift.Namespace); err != nil {
		return err
	}
	o.Policy, err = get[v1alpha1.ShiftPolicy](ctx, l.finder, "", o.Shift.Spec.PolicyRef.Name)
	if err != nil || o.Policy != nil {
		return err
	}
	var all v1alpha1.ShiftPolicyList // a cluster has a handful
	if err := l.reader.List(ctx, &all, client.Limit(suggestions), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		return err
	}
	for _, p := range all.Items {
		o.PolicyNames = append(o.PolicyNames, p.Name)
	}
	return nil
}

func (l *loader) loadServices(ctx context.Context, o *cluster.Objects) error {
	var err error
	name := o.Shift.Spec.Service.Name
	if o.Service, err = get[corev1.Service](ctx, l.finder, o.Shift.Namespace, name); err != nil {
		return err
	}
	o.CanaryService, err = get[corev1.Service](ctx, l.finder, o.Shift.Namespace, routing.CanaryName(name))
	return err
}

// loadWorkload reads the Deployments and, of the one that can be released and of the running release's, the ReplicaSets.
func (l *loader) loadWorkload(ctx context.Context, o *cluster.Objects) error {
	var err error
	ns, rec := o.Shift.Namespace, o.Shift.Status.Release
	if o.Service != nil {
		if o.Deployments, err = l.deploymentsOf(ctx, ns, o.Service.Spec.Selector); err != nil {
			return err
		}
	}
	if rec != nil && rec.Workload.Deployment != "" && !slices.ContainsFunc(o.Deployments, func(d *appsv1.Deployment) bool { return d.Name == rec.Workload.Deployment }) {
		d, err := get[appsv1.Deployment](ctx, l.finder, ns, rec.Workload.Deployment)
		if err != nil {
			return err
		}
		if d != nil {
			o.Deployments = append(o.Deployments, d)
		}
	}
	if err := l.loadHeld(ctx, o); err != nil {
		return err
	}
	keys := []string{shiftKey(ns + "/" + o.Shift.Name)}
	if rec != nil {
		keys = append(keys, hashKey(rec.Stable), hashKey(rec.Revision))
	}
	for _, d := range released(o) {
		keys = append(keys, ownerKey(d.UID))
	}
	if o.ReplicaSets, err = l.replicaSets(ctx, ns, keys...); err != nil {
		return err
	}
	if err := l.loadClaims(ctx, o); err != nil {
		return err
	}
	return l.loadNamesakes(ctx, o)
}

// loadClaims reads the claims for volumes of a Deployment that can be released.
func (l *loader) loadClaims(ctx context.Context, o *cluster.Objects) error {
	for _, d := range released(o) {
		for _, name := range workload.ClaimsOf(&d.Spec.Template) {
			c, err := get[corev1.PersistentVolumeClaim](ctx, l.finder, d.Namespace, name)
			if err != nil {
				return err
			}
			if c != nil {
				o.Claims = append(o.Claims, c)
			}
		}
	}
	return nil
}

// loadHeld reads the Deployments that are held, where the Service leads to none: one of them may be ours to let go.
func (l *loader) loadHeld(ctx context.Context, o *cluster.Objects) error {
	if len(o.Deployments) > 0 {
		return nil
	}
	var err error
	o.Deployments, err = l.held(ctx, o.Shift.Namespace)
	return err
}

// loadNamesakes reads the ReplicaSets that have the names which those of a release would have.
func (l *loader) loadNamesakes(ctx context.Context, o *cluster.Objects) error {
	for _, d := range released(o) {
		hashes := []string{workload.Hash(&d.Spec.Template)}
		if rec := o.Shift.Status.Release; rec != nil && rec.Revision != hashes[0] {
			hashes = append(hashes, rec.Revision)
		}
		for _, hash := range hashes {
			name := workload.SetName(d.Name, hash)
			if slices.ContainsFunc(o.ReplicaSets, func(rs *appsv1.ReplicaSet) bool { return rs.Name == name }) {
				continue
			}
			rs, err := get[appsv1.ReplicaSet](ctx, l.finder, d.Namespace, name)
			if err != nil {
				return err
			}
			if rs != nil {
				o.ReplicaSets = append(o.ReplicaSets, rs)
			}
		}
	}
	return nil
}

// released are the Deployments that matter: the only one that the Service selects, and that of the running release; without a Service all
// that may have to be let go. Where the Service selects several, none is released, and there may be hundreds.
func released(o *cluster.Objects) []*appsv1.Deployment {
	if o.Service == nil {
		return o.Deployments
	}
	var out, there []*appsv1.Deployment
	rec := o.Shift.Status.Release
	for _, d := range o.Deployments {
		if rec != nil && d.Name == rec.Workload.Deployment {
			out = append(out, d)
		} else if d.DeletionTimestamp == nil {
			there = append(there, d)
		}
	}
	if len(there) == 1 {
		out = append(out, there[0])
	}
	return out
}

// loadRivals reads the other Services in front of the same pods, and the TrafficShifts that want the same Service or Deployment.
func (l *loader) loadRivals(ctx context.Context, o *cluster.Objects) error {
	ns := o.Shift.Namespace
	keys := []string{serviceKey(o.Shift.Spec.Service.Name)}
	seen := map[string]bool{o.Shift.Spec.Service.Name: true}
	for _, d := range released(o) {
		keys = append(keys, deploymentKey(d.Name))
		services, err := l.servicesOf(ctx, ns, d.Spec.Template.Labels)
		if err != nil {
			return err
		}
		for _, s := range services {
			if !seen[s.Name] {
				seen[s.Name] = true
				o.Siblings = append(o.Siblings, s)
				keys = append(keys, serviceKey(s.Name))
			}
		}
	}
	shifts, err := l.shifts(ctx, ns, keys...)
	if err != nil {
		return err
	}
	for _, s := range shifts {
		if s.Name == o.Shift.Name {
			continue
		}
		r := cluster.Rival{Shift: s}
		if r.Service, err = get[corev1.Service](ctx, l.finder, ns, s.Spec.Service.Name); err != nil {
			return err
		}
		o.Rivals = append(o.Rivals, r)
	}
	return nil
}

// loadPods reads the pods behind the Service, and those of both arms whatever the Service selects.
func (l *loader) loadPods(ctx context.Context, o *cluster.Objects) error {
	hashes := map[string]bool{}
	if rec := o.Shift.Status.Release; rec != nil {
		hashes[rec.Stable], hashes[rec.Revision] = true, true
	}
	for _, rs := range o.ReplicaSets {
		if mark, ok := workload.MarkOf(rs); ok && mark.Shift == o.Shift.Name {
			hashes[workload.HashOf(rs)] = true
		}
	}
	delete(hashes, "")
	pods, err := l.podsWith(ctx, o.Shift.Namespace, hashes)
	if err != nil {
		return err
	}
	o.Pods = pods
	if o.Service == nil {
		return nil
	}
	selected, err := l.podsOf(ctx, o.Shift.Namespace, o.Service.Spec.Selector)
	for _, p := range selected {
		if !hashes[p.Labels[workload.HashLabel]] {
			o.Pods = append(o.Pods, p)
		}
	}
	return err
}

// loadRoutes reads what carries routes to the hosts of the TrafficShift, has one of them, or bears its mark.
func (l *loader) loadRoutes(ctx context.Context, o *cluster.Objects) error {
	keys, canary := l.routeKeys(o.Shift), ""
	if o.Shift.Spec.Destinations == nil {
		canary = cluster.TargetOf(o.Shift, l.domain).Canary
	}
	for _, kind := range routing.Kinds() {
		found, err := l.kind(ctx, kind, "", keys...)
		if err != nil {
			return err
		}
		if o.Routes = append(o.Routes, found...); canary == "" {
			continue
		}
		if o.Routes, err = l.withNamed(ctx, o.Routes, kind, o.Shift.Namespace, canary); err != nil {
			return err
		}
	}
	return nil
}

// loadRules reads the DestinationRules that callers of the hosts of the TrafficShift go by, of whatever namespace, those that bear its
// mark, and those that have the name of one that the canary needs. Between destinations it is those of its namespace that name versions.
func (l *loader) loadRules(ctx context.Context, o *cluster.Objects) error {
	in := ""
	if o.Shift.Spec.Destinations != nil {
		in = o.Shift.Namespace
	}
	var err error
	if o.Rules, err = l.kind(ctx, destinationRuleKind, in, l.routeKeys(o.Shift)...); err != nil || in != "" {
		return err
	}
	for _, c := range routing.RulesFor(o.Rules, cluster.TargetOf(o.Shift, l.domain)).Copies {
		if o.Rules, err = l.withNamed(ctx, o.Rules, destinationRuleKind, c.GetNamespace(), c.GetName()); err != nil {
			return err
		}
	}
	return nil
}

// routeKeys are those by which routes and rules for the hosts of a TrafficShift are found.
func (l *loader) routeKeys(s *v1alpha1.TrafficShift) []string {
	keys := []string{shiftKey(s.Namespace + "/" + s.Name)}
	for _, host := range hostsOf(s, l.domain) {
		keys = append(keys, hostKey(host))
	}
	if s.Spec.Destinations == nil {
		keys = append(keys, wildcardsOf(cluster.TargetOf(s, l.domain))...)
	}
	return keys
}

// withNamed are the objects, and the one of that name where it is there.
func (l *loader) withNamed(
	ctx context.Context, all []*unstructured.Unstructured, kind schema.GroupVersionKind, namespace, name string,
) ([]*unstructured.Unstructured, error) {
	named, err := getKind(ctx, l.finder, kind, namespace, name)
	if named != nil {
		all = placed(all, named)
	}
	return all, err
}
