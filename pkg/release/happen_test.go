package release_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

const waypointLabel = "istio.io/use-waypoint"

func (w *world) policy() *v1alpha1.ShiftPolicy {
	return inmemory.Find[*v1alpha1.ShiftPolicy](w.store, "", policy)
}

func (w *world) editPolicy(change func(*v1alpha1.ShiftPolicySpec)) {
	if p := w.policy(); p != nil {
		edit(w, p, func(p *v1alpha1.ShiftPolicy) { change(&p.Spec) })
	}
}

// pace changes how the policy's releases go up.
func (w *world) pace(p v1alpha1.Pace) {
	w.editPolicy(func(spec *v1alpha1.ShiftPolicySpec) { spec.Pace = p })
}

func (w *world) editShift(change func(*v1alpha1.TrafficShift)) {
	if s := w.shift(); s != nil {
		edit(w, s, change)
	}
}

func (w *world) control(c v1alpha1.Control) {
	w.editShift(func(s *v1alpha1.TrafficShift) { s.Spec.Control = c })
}

// command is written as the plugin does: not in the place of one that has to be answered first.
func (w *world) command(text, by string) {
	w.editShift(func(s *v1alpha1.TrafficShift) {
		words := append(strings.Fields(text), "", "", "")
		if c := release.InTheWay(s, words[0]); c != nil {
			w.out.printf("          not written: %s is not answered yet", strings.TrimSpace(c.Name()+" "+c.By))
			return
		}
		annotations := map[string]string{v1alpha1.CommandAnnotation: text}
		if release.CommandOn(s) != nil {
			annotations[v1alpha1.ReplacedAnnotation] = release.Replacing(s, words[2])
		}
		if by != "" {
			annotations[v1alpha1.CommandedByAnnotation] = by
		}
		s.Annotations = annotations
	})
}

// manage annotates the Service, anew where it was let go; while it is still being let go, that happens first.
func (w *world) manage() {
	switch s := w.shift(); {
	case s == nil:
		w.store.Put(w.newShift())
		for _, s := range w.owned() {
			w.watch.judged[s.version] = w.watch.judged[s.version] || s.replicas > 0
		}
	case !s.DeletionTimestamp.IsZero():
		w.again = true
	}
}

// letGo takes the annotation off: the TrafficShift is deleted.
func (w *world) letGo() {
	w.again = false
	w.editShift(func(s *v1alpha1.TrafficShift) {
		if s.DeletionTimestamp.IsZero() {
			now := metav1.NewTime(w.store.Now)
			s.DeletionTimestamp = &now
		}
	})
}

func (w *world) loseStatus() {
	if s := w.shift(); s != nil {
		lost := s.DeepCopy()
		lost.Status = v1alpha1.TrafficShiftStatus{}
		w.store.Put(lost)
	}
	w.saved = memory{}
	w.restart()
}

// waypoint binds the namespace to one, which releases do not support.
func (w *world) waypoint(name string) {
	w.store.Put(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{waypointLabel: name}}})
}

// passes takes the waypoint away.
func (w *world) passes() {
	w.store.Put(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
}

// problem says whether a waypoint is in the way.
func (w *world) problem() bool {
	return inmemory.Find[*corev1.Namespace](w.store, "", namespace).Labels[waypointLabel] != ""
}

func (w *world) editDeployment(change func(*appsv1.Deployment)) {
	if d := w.deployment(); d != nil {
		edit(w, d, change)
	}
}

// push changes the Deployment's template.
func (w *world) push(version string) {
	w.editDeployment(func(d *appsv1.Deployment) { d.Spec.Template = w.template(version) })
}

// mount gives the templates that are pushed from now on a volume.
func (w *world) mount(claim string) {
	w.volumes = []corev1.Volume{{Name: claim, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
}

// claim makes a claim in place of the one of its name.
func (w *world) claim(name, mode string) {
	w.store.Put(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.PersistentVolumeAccessMode(mode)}}})
}

// pauseDeployment is its owner's pause, which is there to stay where Stagger does not hold the Deployment.
func (w *world) pauseDeployment() {
	w.editDeployment(func(d *appsv1.Deployment) {
		d.Spec.Paused = true
		w.watch.pausedBefore = w.watch.pausedBefore || d.Labels[v1alpha1.HeldLabel] == ""
	})
}

func (w *world) resize(n int64) {
	replicas := int32(n)
	w.editDeployment(func(d *appsv1.Deployment) { d.Spec.Replicas = &replicas })
}

func (w *world) deleteSet(of string) {
	for _, s := range w.owned() {
		if s.version == of {
			w.store.Remove(s.ReplicaSet)
			return
		}
	}
}

// orphan takes the owner from all ReplicaSets that it has, as deleting it with --cascade=orphan does.
func (w *world) orphan(owner string) {
	for _, s := range w.sets() {
		if s.owner == owner {
			left := s.DeepCopy()
			left.OwnerReferences = nil
			w.store.Put(left)
		}
	}
}

func (w *world) pointCanaryService(at string) {
	c := w.canaryService()
	if c == nil {
		return
	}
	for _, s := range w.sets() {
		if s.version == at {
			edit(w, c, func(c *corev1.Service) {
				c.Spec.Selector[workload.HashLabel] = s.hash
				w.wroteSelector(c)
			})
			return
		}
	}
}

func (w *world) revertSelector() {
	if s := w.service(); s != nil {
		edit(w, s, func(s *corev1.Service) {
			delete(s.Spec.Selector, workload.HashLabel)
			w.wroteSelector(s)
		})
	}
}

// wroteSelector notes that a GitOps tool wrote the selector of a Service, after the operator.
func (w *world) wroteSelector(s *corev1.Service) {
	fields, now := metav1.NewFieldsV1(`{"f:spec":{"f:selector":{}}}`), metav1.NewTime(w.store.Now)
	s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: operator, Time: &now, FieldsV1: fields}, {Manager: gitops, Time: &now, FieldsV1: fields}}
}

// sibling is another Service that selects the same pods.
func (w *world) sibling(name string) {
	s := w.service().DeepCopy()
	s.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: name}
	delete(s.Spec.Selector, workload.HashLabel)
	w.store.Put(s)
}

// confirm lets the callers of other Services meet canaries.
func (w *world) confirm(names string) {
	edit(w, w.service(), func(s *corev1.Service) {
		s.Annotations = map[string]string{v1alpha1.SiblingsAnnotation: names}
		at := metav1.NewTime(w.store.Now)
		s.ManagedFields = append(slices.Clone(s.ManagedFields), metav1.ManagedFieldsEntry{Manager: "kubectl-annotate", Time: &at,
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:stagger.dev/siblings":{}}}}`)})
	})
}

// destinationRule is one for the Service's host, in a namespace; one that some callers alone go by is of an app.
func (w *world) destinationRule(in, app string) {
	spec := map[string]any{"host": web + "." + namespace + ".svc.cluster.local", "trafficPolicy": map[string]any{"loadBalancer": map[string]any{"simple": "LEAST_REQUEST"}}}
	if app != "" {
		spec["workloadSelector"] = map[string]any{"matchLabels": map[string]any{"app": app}}
	}
	dr := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "spec": spec}}
	dr.SetNamespace(in)
	dr.SetName(web + app)
	w.store.Put(dr)
}

// allowCopy is the leave of the owner of a DestinationRule to copy it.
func (w *world) allowCopy(in string) {
	if dr := w.store.FindKind("DestinationRule", in, web); dr != nil {
		dr = dr.DeepCopy()
		dr.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: namespace})
		w.store.Put(dr)
	}
}

// editRoutes is somebody else's write of the canary's weight in the routes of a release; 0% takes the canary out.
func (w *world) editRoutes(weight string) error {
	share := v1alpha1.Percentage(weight).Millionths()
	for _, vs := range w.store.ListKind("VirtualService") {
		if len(routing.Marks(vs)) == 0 {
			continue
		}
		http, _, err := unstructured.NestedSlice(vs.Object, "spec", "http")
		if err != nil {
			return fmt.Errorf("reading the routes: %w", err)
		}
		for i := range http {
			p := patch.Patch{patch.Replace(patch.Pointer("spec", "http", i, "route"), w.between(share))}
			if err := w.store.Patch(vs, p, gitops); err != nil {
				return fmt.Errorf("editing the routes: %w", err)
			}
		}
	}
	return nil
}

// between are destinations that give the canary a share.
func (w *world) between(share int64) []any {
	stable, canary := web, web+"-canary."+namespace+".svc.cluster.local"
	external := w.shift() != nil && w.shift().Spec.Destinations != nil
	if external {
		stable, canary = w.shift().Spec.Destinations.Stable.Host, w.shift().Spec.Destinations.Canary.Host
	}
	weighing := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	if share == 0 && !external {
		return []any{destination(stable, 0)}
	}
	return []any{weighing(stable, routing.Whole-share), weighing(canary, share)}
}

// hurt makes pods of a version crash, all or one, stumble at their start, stay unready or not start at all; fail takes one of them away,
// heal makes all well.
func (w *world) hurt(of, fault string) error {
	switch f := inmemory.Fault(fault); f {
	case inmemory.Crash, inmemory.Unready, inmemory.Quota, inmemory.Fail, inmemory.CrashOne, inmemory.Stumble:
		w.controllers.Hurt(image(of), f)
	case "heal":
		w.controllers.Hurt(image(of), "")
	default:
		return fmt.Errorf("pods crash, crash one, stumble, are unready, meet a quota, fail or heal; not %q", fault)
	}
	return nil
}

// podOf is a pod of a version that can be an endpoint.
func (w *world) podOf(version string) (*corev1.Pod, error) {
	for _, p := range inmemory.List[*corev1.Pod](w.store) {
		if p.Spec.Containers[0].Image == image(version) && workload.Present(p) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no pod of %s is there", version)
}

// evict ends a pod as a kubelet does that is short of memory: its object stays, and its ReplicaSet makes another.
func (w *world) evict(of string) error {
	p, err := w.podOf(of)
	if err == nil {
		edit(w, p, func(p *corev1.Pod) {
			p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted"
			p.Status.Conditions[0].Status = corev1.ConditionFalse
		})
	}
	return err
}

// relabel takes a label from a pod, as somebody does who wants to look at it: its ReplicaSet lets it go then, and makes another.
func (w *world) relabel(label, of string) error {
	p, err := w.podOf(of)
	if err == nil {
		edit(w, p, func(p *corev1.Pod) {
			p.Labels, p.OwnerReferences = maps.Clone(p.Labels), nil
			delete(p.Labels, label)
		})
	}
	return err
}

// give lets a VerticalPodAutoscaler give the pods of a template so much memory.
func (w *world) give(of, memory string) error {
	q, err := resource.ParseQuantity(memory)
	if err != nil {
		return err
	}
	for _, p := range inmemory.List[*corev1.Pod](w.store) {
		if p.Spec.Containers[0].Image == image(of) {
			p = p.DeepCopy()
			p.Annotations = map[string]string{workload.VPAAnnotation: "container 0: memory request"}
			p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: q}
			w.store.Put(p)
		}
	}
	return nil
}

// denyAll lets an admission policy deny every write of a verb.
func (w *world) denyAll(verb string) {
	w.faults[release.Verb(verb)] = 1 << 30
	w.deny = &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: 422, Reason: metav1.StatusReasonInvalid,
		Message: "ValidatingAdmissionPolicy 'frozen' with binding 'frozen' denied request: no changes on Fridays"}}
}
