package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// crashGrace is the grace of pods: see workload.Norm.
const crashGrace = 5 * time.Second

// workload looks at the Deployment behind the Service, its ReplicaSets and their pods.
func (v *View) workload(o Objects, now time.Time) {
	if v.Service == nil {
		message := fmt.Sprintf("Service %s does not exist", v.Shift.Spec.Service.Name)
		if v.Facts.Release != nil {
			message = fmt.Sprintf("Service %s is gone: apply it again", v.Shift.Spec.Service.Name)
		}
		v.Facts.Wanted.Problem = &release.Problem{Reason: v1alpha1.ReasonServiceNotFound, Gone: true, Message: message}
		v.describe(v.held(o), o.Hold)
	} else {
		v.found(o)
	}
	v.tellApart()
	v.pods = workload.Behind(o.Pods, v.selectors()...)
	v.health(now)
}

// selectors are those of the Services that lead to the pods of both arms, whichever version they are narrowed to; none where there is no Service.
func (v *View) selectors() []map[string]string {
	var all []map[string]string
	for _, svc := range []*corev1.Service{v.Service, v.canaryService} {
		if svc != nil {
			all = append(all, workload.Selector(svc, Hashes(v.Shift)...))
		}
	}
	return all
}

// found takes what the Service's selector leads to. While a release runs, two ReplicaSets with pods are nothing strange.
func (v *View) found(o Objects) {
	var namespace map[string]string
	if o.Namespace != nil {
		namespace = o.Namespace.Labels
	}
	w, problem := workload.Find(v.Service, namespace, o.Deployments, o.ReplicaSets, Hashes(v.Shift)...)
	if problem != nil && (!v.running() || !problem.Transient()) {
		v.unsupported(v.named(o, problem))
	}
	if w.Deployment == nil {
		v.describe(v.held(o), o.Hold)
		return
	}
	if released := workload.RolloutBehind(v.Service, o.Pods); released != "" && !v.running() {
		v.refuse(v1alpha1.ReasonWorkloadTaken, released)
		return
	}
	if holder := v.holder(o, w.Deployment); holder != nil {
		v.refuse(v1alpha1.ReasonWorkloadTaken, fmt.Sprintf(
			"Deployment %s is released by TrafficShift %s (Service %s): one Deployment has one TrafficShift; take the annotation %s off one of the Services",
			w.Deployment.Name, holder.Name, holder.Spec.Service.Name, v1alpha1.PolicyAnnotation))
		return
	}
	v.describe(w.Deployment, o.Hold)
	v.Facts.Service.Siblings = workload.Siblings(v.Service, &w.Deployment.Spec.Template, o.Siblings)
	open := workload.Unconfirmed(v.Service, v.Facts.Service.Siblings)
	v.confirmed(open)
	if len(open) > 0 {
		v.refuse(v1alpha1.ReasonSiblingServices, fmt.Sprintf("these Services select the same pods: %s; their callers would meet the canary's in proportion to their "+
			"number, whatever the weight, and are not counted: give them other pods, or confirm it by the annotation %s: %s on Service %s",
			strings.Join(open, ", "), v1alpha1.SiblingsAnnotation, strings.Join(v.Facts.Service.Siblings, ","), v.Service.Name))
	}
	if v.running() {
		return
	}
	if problem := workload.Exclusive(w.Deployment, o.Claims); problem != nil {
		v.unsupported(problem)
	}
	if !v.Facts.Workload.Waits {
		return
	}
	if strangers := workload.Strangers(w, o.Pods); len(strangers) > 0 {
		v.refuse(v1alpha1.ReasonWorkloadUnsupported, "the Service also selects pods that are not of Deployment "+w.Deployment.Name+": "+
			strings.Join(strangers, ", ")+"; give them a Service of their own")
	}
}

// named is the problem of a Service that no Deployment stands behind, with the name of the Deployment of the last release where that is gone; any
// other problem is as it was.
func (v *View) named(o Objects, problem *workload.Problem) *workload.Problem {
	r := v.Facts.Release
	if problem.Reason != workload.NoDeployment || r == nil || r.Workload.Deployment == "" ||
		slices.ContainsFunc(o.Deployments, func(d *appsv1.Deployment) bool { return d.Name == r.Workload.Deployment }) {
		return problem
	}
	problem.Message = fmt.Sprintf("Deployment %s is gone, and no other has pods that Service %s selects: apply it again", r.Workload.Deployment, v.Service.Name)
	return problem
}

// held is the Deployment that was looked after until now, where the Service does not lead to it any more: that of the record, or else one
// that is held and that no other TrafficShift has. Somebody has to let it go.
func (v *View) held(o Objects) *appsv1.Deployment {
	var nobodys *appsv1.Deployment
	for _, d := range o.Deployments {
		switch r := v.Facts.Release; {
		case d.Namespace != v.Shift.Namespace || !workload.Held(d):
		case r != nil && r.Workload.Deployment == d.Name:
			return d
		case nobodys == nil && !slices.ContainsFunc(o.Rivals, func(r Rival) bool { return r.has(d) }):
			nobodys = d
		}
	}
	if v.running() {
		return nil
	}
	return nobodys
}

// describe says what a Deployment is, and which of its ReplicaSets serves while no release runs; of none it says nothing.
func (v *View) describe(d *appsv1.Deployment, hold release.HoldMode) {
	if d == nil {
		return
	}
	v.Deployment = d
	var active []*appsv1.ReplicaSet
	for _, rs := range v.sets {
		if metav1.IsControlledBy(rs, d) && workload.HasPods(rs) {
			active = append(active, rs)
		}
	}
	if len(active) == 1 && workload.HashOf(active[0]) != "" {
		v.stable = active[0]
	}
	v.Facts.Refused = cmp.Or(v.Facts.Refused, workload.Refused(d))
	v.Facts.Workload = release.Workload{
		Deployment: d.Name, Replicas: workload.Replicas(d), Template: workload.Hash(&d.Spec.Template), Images: workload.Images(&d.Spec.Template),
		Waits:      v.stable != nil && !workload.SameTemplate(&d.Spec.Template, &v.stable.Spec.Template),
		Generation: d.Generation, ShippedBy: workload.ShippedBy(d), ChangeCause: d.Annotations[workload.ChangeCauseAnnotation],
		Author: v.authorOf(d), Signed: d.Annotations[v1alpha1.ChangedByAnnotation] != "",
		Held: workload.Held(d), Paused: d.Spec.Paused, PausedBefore: d.Labels[v1alpha1.PausedBeforeLabel] == "true", Mode: hold,
	}
}

// authorOf is the user who wrote the template of a Deployment; empty where nobody keeps that name true.
func (v *View) authorOf(d *appsv1.Deployment) string {
	if v.settings.Nameless || !workload.Held(d) {
		return ""
	}
	return d.Annotations[v1alpha1.ChangedByAnnotation]
}

// tellApart says which ReplicaSet is what to the release, by the hashes of the record and by who owns it.
func (v *View) tellApart() {
	w := &v.Facts.Workload
	if v.running() {
		v.stable = nil
	}
	for _, rs := range v.sets {
		if mark, ok := workload.MarkOf(rs); ok && mark.Namespace == v.Shift.Namespace && mark.Shift == v.Shift.Name {
			v.Canary = rs
		} else if v.running() {
			v.take(rs)
		}
	}
	v.findTwin()
	w.Stable, w.Canary = setOf(v.stable), setOf(v.Canary)
	if v.rogue != nil {
		w.Rogue = v.rogue.Name
	}
	v.compare()
}

// compare says how the Deployment's template differs from that of the stable.
func (v *View) compare() {
	w := &v.Facts.Workload
	if v.stable != nil {
		w.StableImages = workload.Images(&v.stable.Spec.Template)
	}
	switch {
	case v.Deployment == nil:
	case v.running() && !w.HandedOver:
		w.Waits = v.stable == nil || !workload.SameTemplate(&v.Deployment.Spec.Template, &v.stable.Spec.Template)
	case !v.running() && v.stable != nil && w.Waits:
		w.Changes = workload.Changes(&v.stable.Spec.Template, &v.Deployment.Spec.Template, v.Deployment.Annotations)
	}
}

// take says what a ReplicaSet that is not of our making is to the running release.
func (v *View) take(rs *appsv1.ReplicaSet) {
	rec, hash := v.Facts.Release, workload.HashOf(rs)
	owned, pods := v.Deployment != nil && metav1.IsControlledBy(rs, v.Deployment), ptr.Deref(rs.Spec.Replicas, 1) > 0
	switch {
	case owned && pods && hash == rec.Revision && mayBeHandedOver(rec) && workload.Replicas(v.Deployment) > 0:
		v.Canary, v.Facts.Workload.HandedOver = rs, true
	case hash == rec.Stable && (owned || v.Deployment == nil):
		v.stable = rs
	case !owned:
	case hash == rec.Revision:
		v.twin = rs
	case pods:
		v.rogue = rs
	}
}

// findTwin finds an empty ReplicaSet of the waiting template.
func (v *View) findTwin() {
	if v.Deployment != nil && v.Canary == nil && v.Facts.Workload.Waits {
		if twin := workload.EmptyTwin(v.Deployment, v.sets, &v.Deployment.Spec.Template); twin != nil {
			v.twin = twin
		}
	}
	if v.twin != nil {
		v.Facts.Workload.Twin = v.twin.Name
	}
}

// mayBeHandedOver says whether the record allows that the Deployment has the release's ReplicaSet: an empty one of an older release with
// the same template is not it.
func mayBeHandedOver(rec *v1alpha1.Release) bool {
	return rec.State == v1alpha1.StateHandover || rec.Outcome != nil && rec.Outcome.Result == v1alpha1.StatePromoted
}

func setOf(rs *appsv1.ReplicaSet) release.Set {
	if rs == nil {
		return release.Set{}
	}
	return release.Set{Name: rs.Name, Hash: workload.HashOf(rs), Replicas: ptr.Deref(rs.Spec.Replicas, 1), Available: rs.Status.AvailableReplicas}
}

// health looks at the pods of both arms. What fails on both is not the version's fault, and what fails on few of its pods is theirs. A pod that has
// the labels of an arm and is not of its ReplicaSet, as a copy to debug, meets requests and says nothing about the version.
func (v *View) health(now time.Time) {
	w, rec := &v.Facts.Workload, v.Facts.Release
	if rec != nil {
		w.Lingering = lingering(ofHash(v.pods, rec.Revision), now)
	}
	if !v.running() {
		if v.Canary == nil {
			return
		}
		rec = &v1alpha1.Release{Revision: w.Canary.Hash, Stable: w.Stable.Hash}
	}
	canary, stable := ofHash(v.pods, rec.Revision), ofHash(v.pods, rec.Stable)
	w.Canary.Pods, w.Canary.Pod = there(canary)
	w.Stable.Pods, w.Stable.Pod = there(stable)
	w.Canary.Serving, w.Stable.Serving = count(canary, workload.Serving), count(stable, workload.Serving)
	w.Nodes = workload.Nodes(canary)
	w.CanaryRan, w.StableRan = workload.ImageIDs(canary, v.Canary), workload.ImageIDs(stable, v.stable)
	if v.stable != nil && v.Canary != nil {
		w.Unequal = workload.Unequal(stable, canary, &v.stable.Spec.Template, &v.Canary.Spec.Template)
	}
	own := ownedBy(stable, v.stable)
	sick := workload.HealthOf(ownedBy(canary, v.Canary), now, normOf(v.Canary, workload.StartsOf(own)))
	well := workload.HealthOf(own, now, normOf(v.stable, nil))
	if n := failing(sick); n > 0 {
		switch {
		case n <= release.MayBeAway(w.Canary.Pods):
			w.Obstacle = fmt.Sprintf("%d of the canary's %d pods crash: %s", n, w.Canary.Pods, sick.Crashing[0])
		case failing(well) > release.MayBeAway(w.Stable.Pods):
			w.Obstacle = "containers of both versions crash: " + sick.Crashing[0].String()
		default:
			w.Crashing = strings.TrimSuffix(sick.Crashing[0].String()+"; "+w.Unequal, "; ")
		}
	}
	if len(sick.NotStarting) > 0 && w.Obstacle == "" {
		w.Obstacle = sick.NotStarting[0].String()
	}
	if v.Canary != nil && w.Obstacle == "" {
		if o, blocked := workload.Blocked(v.Canary); blocked {
			w.Obstacle = o.String()
		}
	}
}

// normOf is what is normal for the pods of a ReplicaSet.
func normOf(rs *appsv1.ReplicaSet, starts map[string]int32) workload.Norm {
	n := workload.Norm{Grace: crashGrace, Starts: starts}
	if rs != nil {
		n.Template = &rs.Spec.Template
	}
	return n
}

// failing is how many pods crash.
func failing(h workload.Health) int32 {
	pods := map[string]bool{}
	for _, f := range h.Crashing {
		pods[f.Pod] = true
	}
	return int32(len(pods))
}

func ofHash(pods []*corev1.Pod, hash string) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range pods {
		if p.Labels[workload.HashLabel] == hash && hash != "" {
			out = append(out, p)
		}
	}
	return out
}

// ownedBy are the pods that a ReplicaSet has made or taken.
func ownedBy(pods []*corev1.Pod, rs *appsv1.ReplicaSet) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return rs == nil || !metav1.IsControlledBy(p, rs) })
}

// lingering is the name of one of the pods that may still answer requests; empty where none does.
func lingering(pods []*corev1.Pod, now time.Time) string {
	if at := slices.IndexFunc(pods, func(p *corev1.Pod) bool { return workload.Lingers(p, now) }); at >= 0 {
		return pods[at].Name
	}
	return ""
}

// there is how many of the pods can be endpoints, and the name of one of them.
func there(pods []*corev1.Pod) (n int32, name string) {
	if at := slices.IndexFunc(pods, workload.Present); at >= 0 {
		name = pods[at].Name
	}
	return count(pods, workload.Present), name
}

// count is how many of the pods are so.
func count(pods []*corev1.Pod, so func(*corev1.Pod) bool) int32 {
	var n int32
	for _, p := range pods {
		if so(p) {
			n++
		}
	}
	return n
}
