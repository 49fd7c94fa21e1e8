package cluster

import (
	"cmp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/bounds"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// Settings are the same for all TrafficShifts.
type Settings struct {
	// Domain is the cluster's domain; empty: "cluster.local".
	Domain string
	// Bounds are the mesh's delays.
	Bounds release.Bounds
	// Manager is the field manager of Stagger's own writes.
	Manager string
	// Limits are the bounds of a status.
	Limits bounds.Of[v1alpha1.TrafficShiftStatus]
	// Nameless says that nobody keeps the names true that a TrafficShift gives of those who command and pause: they count for nothing.
	Nameless bool
}

// View is what the objects mean to their TrafficShift: the facts that decide, and which object plays which part.
type View struct {
	// Facts are what is observed; the evidence is added by Weigh.
	Facts release.Observation
	// Shift is the TrafficShift, Service the user's Service; nil when it is not there.
	Shift   *v1alpha1.TrafficShift
	Service *corev1.Service
	// Deployment is the one behind the Service, Canary the release's ReplicaSet; nil when not there.
	Deployment *appsv1.Deployment
	Canary     *appsv1.ReplicaSet
	// Counted is up to when the requests behind the evidence were counted.
	Counted time.Time
	// Arms are stable and canary as requests to them are counted.
	Arms [2]counting.Service

	// pods are those that Services of the release lead to, of both arms among them, and gate those that callers come through.
	pods     []*corev1.Pod
	gate     gate
	now      time.Time
	settings Settings
	target   routing.Target
	mark     workload.Mark
	// canaryService is the canary's, when it is ours.
	canaryService *corev1.Service
	// previewService is that of checks, when it is ours; previewTaken says that it is somebody else's. crons are the CronJobs of the checks, and
	// needless the Jobs of checks that nobody has to wait for any more once no check is wanted.
	previewService *corev1.Service
	previewTaken   string
	crons          map[v1alpha1.CheckName]*batchv1.CronJob
	needless       []*batchv1.Job
	// stable is the ReplicaSet that serves, rogue one that the Deployment started by itself, twin an empty one of the waiting template.
	stable, rogue, twin *appsv1.ReplicaSet
	sets                []*appsv1.ReplicaSet
	// routes are those to write, with ours among them; made is ours.
	routes []route
	made   *unstructured.Unstructured
	// there are the names of all that are there, also of those that must not be written.
	there []string
	// carriers are all objects that were looked at for routes.
	carriers []*unstructured.Unstructured
	// copies are the DestinationRules for the canary's host, in the order in which they are made.
	copies []ruleCopy
}

// route is an object that carries routes to the Service.
type route struct {
	*unstructured.Unstructured
	routing.Carrier
	found   bool // a route of it names the Service
	allowed bool // its owner lets the release write it
}

// Observe says what the objects mean at a moment. It depends on nothing else, not even on the order of the lists.
func Observe(o Objects, s Settings, now time.Time) *View {
	o = o.sorted()
	shift := o.Shift
	v := &View{Shift: shift, now: now, settings: s, target: o.Target(s.Domain), sets: o.ReplicaSets, carriers: o.Routes,
		crons: map[v1alpha1.CheckName]*batchv1.CronJob{}}
	v.Facts = release.Observation{Release: shift.Status.Release, Refused: shift.Status.Refused, Bounds: s.Bounds}
	v.Facts.Evidence.Share = -1
	v.Facts.Wanted.Shift = shift.Name
	v.Facts.Wanted.Managed = shift.DeletionTimestamp.IsZero()
	v.Facts.Wanted.Paused = shift.Spec.Control == v1alpha1.ControlPaused
	v.mark = workload.Mark{Namespace: shift.Namespace, Shift: shift.Name, Number: 1}
	if r := shift.Status.Release; r != nil {
		v.mark.Number = r.Number
	}
	switch {
	case shift.Spec.Destinations != nil:
		v.external(o)
	case v.namesake(o):
		// What is on the Service, its routes and its pods is the other's, and none of our business.
	default:
		v.services(o)
		v.preview(o)
		v.workload(o, now)
		v.route(o)
	}
	v.gateways(o)
	v.wanted(o)
	v.checks(o)
	return v
}

// Stored takes the TrafficShift as a write of this pass has stored it: whatever fails after that, the template that it refuses stays refused.
func (v *View) Stored(s *v1alpha1.TrafficShift) { v.Shift, v.Facts.Refused = s, s.Status.Refused }

// sorted are the objects that may concern the TrafficShift, in an order that depends on nothing but their names.
func (o Objects) sorted() Objects {
	namespace := o.Shift.Namespace
	o.Deployments, o.ReplicaSets, o.Pods = byName(within(o.Deployments, namespace)), byName(within(o.ReplicaSets, namespace)), byName(within(o.Pods, namespace))
	o.CronJobs, o.Jobs = byName(within(o.CronJobs, namespace)), byName(within(o.Jobs, namespace))
	o.Siblings, o.Routes, o.Rules = byName(within(o.Siblings, namespace)), byName(o.Routes), byName(o.Rules)
	o.PolicyNames = slices.Sorted(slices.Values(o.PolicyNames))
	o.Rivals = slices.DeleteFunc(slices.Clone(o.Rivals), func(r Rival) bool { return r.Shift.Namespace != namespace })
	return o
}

// within are the objects of a namespace.
func within[T metav1.Object](objects []T, namespace string) []T {
	elsewhere := func(o T) bool { return o.GetNamespace() != namespace }
	if !slices.ContainsFunc(objects, elsewhere) {
		return objects
	}
	return slices.DeleteFunc(slices.Clone(objects), elsewhere)
}

func byName[T metav1.Object](objects []T) []T {
	order := func(a, b T) int {
		return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
	}
	if slices.IsSortedFunc(objects, order) {
		return objects
	}
	return slices.SortedFunc(slices.Values(objects), order)
}

// Target is whose traffic the TrafficShift moves, in a cluster of that domain, and whose routes may take part.
func (o Objects) Target(domain string) routing.Target {
	t := TargetOf(o.Shift, domain)
	if t.Arms == nil && o.Service != nil {
		t.Invites = o.Service.Annotations[v1alpha1.AllowAnnotation]
	}
	return t
}

// TargetOf is whose traffic a TrafficShift moves, as far as it says so itself, in a cluster of that domain; between destinations in the direction of
// its running release.
func TargetOf(s *v1alpha1.TrafficShift, domain string) routing.Target {
	if s.Spec.Destinations != nil {
		toward := v1alpha1.TowardCanary
		if r := s.Status.Release; r.Running() && r.Toward != "" {
			toward = r.Toward
		}
		return between(s, toward, domain)
	}
	return routing.Target{Namespace: s.Namespace, Service: s.Spec.Service.Name, Canary: routing.CanaryName(s.Spec.Service.Name), Domain: domain}
}

// Hashes are the pod-template-hashes that the last release of a TrafficShift may have narrowed its Service to.
func Hashes(s *v1alpha1.TrafficShift) []string {
	if r := s.Status.Release; r != nil {
		return []string{r.Stable, r.Revision}
	}
	return nil
}

// running says whether the record is of a release that is not over.
func (v *View) running() bool { return v.Facts.Release.Running() }

// beforeTraffic says whether nothing of a release is in force yet, so that refusing it touches nobody.
func (v *View) beforeTraffic() bool {
	return !v.running() || v.Facts.Release.Step == 0 && v.Canary == nil
}

// refuse notes that something is in the way of a release.
func (v *View) refuse(reason v1alpha1.Reason, message string) {
	v.refuseFor(release.Problem{Reason: reason, Message: message})
}

// unsupported notes that the workload is in the way of a release.
func (v *View) unsupported(p *workload.Problem) {
	reason := v1alpha1.ReasonWorkloadUnsupported
	if p.Reason == workload.ReleasedElsewhere {
		reason = v1alpha1.ReasonWorkloadTaken
	}
	v.refuseFor(release.Problem{Reason: reason, Message: p.Message, Transient: p.Transient(), Gone: p.Reason == workload.NoDeployment})
}

// releasedElsewhere refuses an object by which another tool releases versions.
func (v *View) releasedElsewhere(kind string, o metav1.Object) {
	if released := workload.ReleasedBy(kind, o); released != "" {
		v.refuse(v1alpha1.ReasonWorkloadTaken, released)
	}
}

// refuseFor notes the first thing that is in the way of a release.
func (v *View) refuseFor(p release.Problem) {
	if v.Facts.Wanted.Problem == nil {
		v.Facts.Wanted.Problem = &p
	}
}

// Weigh adds what the counts say to the facts, and looks for what keeps callers from the weights where the counts show that something does.
func (v *View) Weigh(e release.Evidence) {
	v.Facts.Evidence = e
	if e.Agreement == release.AgreementNo {
		v.Facts.Routes.Doubts = routing.Doubts(v.carriers, v.target)
	}
}
