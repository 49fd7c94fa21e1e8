package shift

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// crashGrace is how long a container that has crashed twice must have been running anew before it counts as crashing.
const crashGrace = 5 * time.Second

// workload looks at the Deployment behind the Service, its ReplicaSets and their pods.
func (r *reconciler) workload(ctx context.Context, f *facts) error {
	deployments, sets := &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}
	in := client.InNamespace(f.shift.Namespace)
	for _, list := range []client.ObjectList{deployments, sets} {
		if err := r.client.List(ctx, list, in); err != nil {
			return fmt.Errorf("listing the workload of Service %s: %w", f.shift.Spec.Service.Name, err)
		}
	}
	f.sets = sets.Items
	if f.service == nil {
		f.o.Wanted.Problem = &release.Problem{Reason: v1alpha1.ReasonServiceNotFound, Gone: true,
			Message: fmt.Sprintf("Service %s does not exist", f.shift.Spec.Service.Name)}
	} else if err := r.found(ctx, f, deployments.Items); err != nil {
		return err
	}
	f.arms()
	return r.health(ctx, f)
}

// found takes what the Service's selector leads to. While a release runs, two ReplicaSets with pods are nothing strange.
func (r *reconciler) found(ctx context.Context, f *facts, deployments []appsv1.Deployment) error {
	ns := &corev1.Namespace{}
	if err := r.client.Get(ctx, types.NamespacedName{Name: f.shift.Namespace}, ns); err != nil {
		return fmt.Errorf("reading namespace %s: %w", f.shift.Namespace, err)
	}
	w, problem := workload.Find(f.service, ns.Labels, deployments, f.sets, hashes(f.shift)...)
	f.deployment, f.stable = w.Deployment, w.Stable
	if problem != nil && (!f.running() || !problem.Transient()) {
		f.refuse(v1alpha1.ReasonWorkloadUnsupported, problem.Message)
		f.o.Wanted.Problem.Transient = problem.Transient()
		f.o.Wanted.Problem.Gone = problem.Reason == workload.NoDeployment
	}
	if w.Deployment == nil {
		return nil
	}
	holder, err := r.holder(ctx, f, w)
	if err != nil {
		return err
	}
	if holder != nil {
		f.deployment, f.stable = nil, nil
		f.refuse(v1alpha1.ReasonWorkloadTaken, fmt.Sprintf(
			"Deployment %s is released by TrafficShift %s (Service %s): one Deployment has one TrafficShift; take the annotation %s off one of the Services",
			w.Deployment.Name, holder.Name, holder.Spec.Service.Name, v1alpha1.PolicyAnnotation))
		return nil
	}
	d := w.Deployment
	mode, recheck := r.guard.of(ctx, d)
	f.recheck = recheck
	f.o.Workload = release.Workload{
		Deployment: d.Name, Replicas: workload.Replicas(d), Template: workload.Hash(&d.Spec.Template), Images: images(&d.Spec.Template),
		Waits: w.TemplateWaits(), Held: d.Labels[v1alpha1.HeldLabel] == "true", Paused: d.Spec.Paused,
		PausedBefore: d.Labels[v1alpha1.PausedBeforeLabel] == "true", Mode: mode,
	}
	return r.neighbours(ctx, f, w)
}

// neighbours looks at who else is behind the Service, or in front of its pods.
func (r *reconciler) neighbours(ctx context.Context, f *facts, w workload.Workload) error {
	var services corev1.ServiceList
	if err := r.client.List(ctx, &services, client.InNamespace(f.shift.Namespace)); err != nil {
		return fmt.Errorf("listing Services: %w", err)
	}
	f.o.Service.Siblings = workload.Siblings(f.service, &w.Deployment.Spec.Template, services.Items)
	if f.running() || !w.TemplateWaits() {
		return nil
	}
	pods, err := r.pods(ctx, f.shift.Namespace, w.Selector)
	if err != nil {
		return err
	}
	if strangers := workload.Strangers(w, pods); len(strangers) > 0 && f.o.Wanted.Problem == nil {
		f.refuse(v1alpha1.ReasonWorkloadUnsupported, "the Service also selects pods that are not of Deployment "+w.Deployment.Name+": "+
			strings.Join(strangers, ", ")+"; give them a Service of their own")
	}
	return nil
}

func (r *reconciler) pods(ctx context.Context, namespace string, labels map[string]string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels(labels)); err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	return pods.Items, nil
}

// arms tells the ReplicaSets of the release apart, by the hashes of the record and by who owns them.
func (f *facts) arms() {
	w := &f.o.Workload
	if f.running() {
		f.stable = nil
	}
	for i := range f.sets {
		rs := &f.sets[i]
		if mark, ok := workload.MarkOf(rs); ok && mark.Namespace == f.shift.Namespace && mark.Shift == f.shift.Name {
			f.canary = rs
		} else if f.running() {
			f.arm(rs)
		}
	}
	f.twins()
	w.Stable, w.Canary = set(f.stable), set(f.canary)
	if f.rogue != nil {
		w.Rogue = f.rogue.Name
	}
	if f.stable != nil {
		w.StableImages = images(&f.stable.Spec.Template)
	}
	if f.running() && f.deployment != nil && !w.HandedOver {
		w.Waits = f.stable == nil || !workload.SameTemplate(&f.deployment.Spec.Template, &f.stable.Spec.Template)
	}
}

// arm tells what a ReplicaSet that is not the canary of our making is to the running release.
func (f *facts) arm(rs *appsv1.ReplicaSet) {
	rec, hash := f.o.Release, workload.HashOf(rs)
	owned, pods := f.deployment != nil && metav1.IsControlledBy(rs, f.deployment), ptrOr(rs.Spec.Replicas) > 0
	switch {
	case owned && pods && hash == rec.Revision && mayBeHandedOver(rec) && workload.Replicas(f.deployment) > 0:
		f.canary, f.o.Workload.HandedOver = rs, true
	case hash == rec.Stable && (owned || f.deployment == nil):
		f.stable = rs
	case !owned:
	case hash == rec.Revision:
		f.twin = rs
	case pods:
		f.rogue = rs
	}
}

// twins finds an empty ReplicaSet of the waiting template.
func (f *facts) twins() {
	if f.deployment != nil && f.canary == nil && f.o.Workload.Waits {
		if twin := workload.EmptyTwin(f.deployment, f.sets, &f.deployment.Spec.Template); twin != nil {
			f.twin = twin
		}
	}
	if f.twin != nil {
		f.o.Workload.Twin = f.twin.Name
	}
}

// mayBeHandedOver says whether the record allows that the Deployment has the release's ReplicaSet: an empty one of an older release with
// the same template is not it.
func mayBeHandedOver(rec *v1alpha1.Release) bool {
	return rec.State == v1alpha1.StateHandover || rec.Outcome != nil && rec.Outcome.Result == v1alpha1.StatePromoted
}

func set(rs *appsv1.ReplicaSet) release.Set {
	if rs == nil {
		return release.Set{}
	}
	return release.Set{Name: rs.Name, Hash: workload.HashOf(rs), Replicas: ptrOr(rs.Spec.Replicas), Available: rs.Status.AvailableReplicas}
}

func ptrOr(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// health looks at the pods of both arms. What fails on both is not the version's fault.
func (r *reconciler) health(ctx context.Context, f *facts) error {
	w, rec := &f.o.Workload, f.o.Release
	if !f.running() {
		if f.canary == nil {
			return nil
		}
		rec = &v1alpha1.Release{Revision: w.Canary.Hash, Stable: w.Stable.Hash}
	}
	canary, err := r.pods(ctx, f.shift.Namespace, map[string]string{workload.HashLabel: rec.Revision})
	if err != nil {
		return err
	}
	stable, err := r.pods(ctx, f.shift.Namespace, map[string]string{workload.HashLabel: rec.Stable})
	if err != nil {
		return err
	}
	w.Canary.Pods, w.Stable.Pods = present(canary), present(stable)
	now := r.clock.Now()
	sick, well := workload.HealthOf(canary, now, crashGrace), workload.HealthOf(stable, now, crashGrace)
	if len(sick.Crashing) > 0 && len(well.Crashing) == 0 {
		w.Crashing = sick.Crashing[0].String()
	} else if len(sick.Crashing) > 0 {
		w.Obstacle = "containers of both versions crash: " + sick.Crashing[0].String()
	}
	if len(sick.NotStarting) > 0 && w.Obstacle == "" {
		w.Obstacle = sick.NotStarting[0].String()
	}
	if f.canary != nil && w.Obstacle == "" {
		if o, blocked := workload.Blocked(f.canary); blocked {
			w.Obstacle = o.String()
		}
	}
	return nil
}

// present counts pods that can be endpoints: those that are not being deleted.
func present(pods []corev1.Pod) int32 {
	var n int32
	for i := range pods {
		if pods[i].DeletionTimestamp == nil {
			n++
		}
	}
	return n
}

func images(t *corev1.PodTemplateSpec) []string {
	out := make([]string, 0, len(t.Spec.Containers))
	for _, c := range t.Spec.Containers {
		out = append(out, c.Image)
	}
	return out
}
