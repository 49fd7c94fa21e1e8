package shift

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// facts are the objects of one pass and what they mean.
type facts struct {
	shift  *v1alpha1.TrafficShift
	target routing.Target
	mark   workload.Mark
	// service is the user's, canaryService ours; nil when not there.
	service, canaryService *corev1.Service
	// deployment is the user's; stable, canary and rogue are ReplicaSets; nil when not there.
	deployment            *appsv1.Deployment
	stable, canary, rogue *appsv1.ReplicaSet
	twin                  *appsv1.ReplicaSet
	sets                  []appsv1.ReplicaSet
	// routes are the VirtualServices with a route to the Service or a mark of ours; made is the one of them that is ours.
	routes []*unstructured.Unstructured
	made   *unstructured.Unstructured
	// rule is what the canary's DestinationRule has to be, haveRule the one that is there; nil when not.
	rule, haveRule *unstructured.Unstructured
	// countedAs are stable and canary as requests to them are counted.
	countedAs [2]counting.Service
	reading   evidence.Reading
	// recheck is when the proof of the hold is to be made again; 0: when something changes.
	recheck time.Duration
	o       release.Observation
}

// observe gathers what is known. Only reads of caches, and the dry run of guard; what cannot be read is an error, never a fact.
func (r *reconciler) observe(ctx context.Context, s *v1alpha1.TrafficShift) (*facts, error) {
	f := &facts{shift: s, target: target(s, r.Domain)}
	f.o.Release, f.o.Refused, f.o.Bounds = s.Status.Release, s.Status.Refused, r.Bounds
	f.o.Wanted.Managed = s.DeletionTimestamp.IsZero()
	f.o.Wanted.Paused = s.Spec.Control == v1alpha1.ControlPaused
	number := int64(1)
	if f.o.Release != nil {
		number = f.o.Release.Number
	}
	f.mark = workload.Mark{Namespace: s.Namespace, Shift: s.Name, Number: number}
	looks := []func(context.Context, *facts) error{r.services, r.workload, r.routes, r.wanted}
	if s.Spec.Destinations != nil {
		looks = []func(context.Context, *facts) error{r.destinations, r.wanted}
	} else if other, err := r.namesake(ctx, f); err != nil {
		return nil, err
	} else if other != nil {
		// What is on the Service, its routes and its pods is the other's, and none of our business.
		f.refuse(v1alpha1.ReasonWorkloadTaken, fmt.Sprintf("TrafficShift %s shifts the traffic of Service %s already: delete one of the two", other.Name, s.Spec.Service.Name))
		looks = []func(context.Context, *facts) error{r.wanted}
	}
	for _, look := range looks {
		if err := look(ctx, f); err != nil {
			return nil, err
		}
	}
	r.evidence(f)
	return f, r.doubts(ctx, f)
}

// running says whether the record is of a release that is not over.
func (f *facts) running() bool { return f.o.Release != nil && !f.o.Release.State.Ended() }

// services looks at the user's Service and the canary's.
func (r *reconciler) services(ctx context.Context, f *facts) error {
	key := types.NamespacedName{Namespace: f.shift.Namespace, Name: f.shift.Spec.Service.Name}
	svc, canary := &corev1.Service{}, &corev1.Service{}
	switch err := r.client.Get(ctx, key, svc); {
	case err == nil:
		f.service = svc
		f.o.Service = release.Service{Exists: true, Narrowed: narrowedTo(svc, hashes(f.shift)), Marked: svc.Labels[v1alpha1.NarrowedLabel] != ""}
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("reading Service %s: %w", key, err)
	}
	f.countedAs[0] = counting.Service{Namespace: key.Namespace, Name: key.Name}
	key.Name = f.target.Canary
	f.countedAs[1] = counting.Service{Namespace: key.Namespace, Name: key.Name}
	f.o.Canary.Service = key.Name
	switch err := r.client.Get(ctx, key, canary); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("reading Service %s: %w", key, err)
	}
	mark, ok := workload.MarkOf(canary)
	if !ok || mark.Namespace != f.shift.Namespace || mark.Shift != f.shift.Name {
		f.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("Service %s exists and is not Stagger's: rename it, since a release of Service %s needs the name",
			key.Name, f.shift.Spec.Service.Name))
		return nil
	}
	_, aborted := workload.AbortedNumber(canary)
	f.canaryService = canary
	f.o.Canary.Exists, f.o.Canary.Aborted, f.o.Canary.Number = true, aborted, mark.Number
	f.o.Canary.Selects = canary.Spec.Selector[workload.HashLabel]
	return nil
}

// narrowedTo is the pod-template-hash that we added to the selector; empty when it is as the user wrote it.
func narrowedTo(svc *corev1.Service, ours []string) string {
	if _, users := workload.Selector(svc, ours...)[workload.HashLabel]; users {
		return ""
	}
	return svc.Spec.Selector[workload.HashLabel]
}

// refuse notes the first thing that is in the way of a release.
func (f *facts) refuse(reason v1alpha1.Reason, message string) {
	if f.o.Wanted.Problem == nil {
		f.o.Wanted.Problem = &release.Problem{Reason: reason, Message: message}
	}
}

// beforeTraffic says whether nothing of a release is in force yet, so that refusing it touches nobody.
func (f *facts) beforeTraffic() bool { return !f.running() || f.o.Release.Step == 0 && f.canary == nil }

// wanted looks at the policy and the command.
func (r *reconciler) wanted(ctx context.Context, f *facts) error {
	if text := f.shift.Annotations[v1alpha1.CommandAnnotation]; text != "" {
		if c := release.ParseCommand(text, f.shift.Annotations[v1alpha1.CommandedByAnnotation]); c.Token != f.shift.Status.LastHandledCommand {
			f.o.Wanted.Command = c
		}
	}
	name := f.shift.Spec.PolicyRef.Name
	p := &v1alpha1.ShiftPolicy{}
	f.o.Wanted.Policy = name
	switch err := r.client.Get(ctx, types.NamespacedName{Name: name}, p); {
	case apierrors.IsNotFound(err):
		if !f.running() {
			f.refuse(v1alpha1.ReasonPolicyNotFound, r.suggest(ctx, name))
		}
		return nil
	case err != nil:
		return fmt.Errorf("reading ShiftPolicy %s: %w", name, err)
	}
	f.o.Wanted.Plan = &p.Spec
	for _, c := range p.Status.Conditions {
		if c.Type == v1alpha1.ConditionAccepted && c.Status == "False" && c.ObservedGeneration == p.Generation && !f.running() {
			f.refuse(v1alpha1.ReasonInvalid, fmt.Sprintf("ShiftPolicy %s: %s", name, c.Message))
		}
	}
	return nil
}

// suggest names the policies there are.
func (r *reconciler) suggest(ctx context.Context, name string) string {
	var all v1alpha1.ShiftPolicyList
	message := fmt.Sprintf("no ShiftPolicy is named %s", name)
	if err := r.client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil || len(all.Items) == 0 {
		return message + "; kubectl get shiftpolicies lists those there are"
	}
	names := ""
	for _, p := range all.Items[:min(len(all.Items), 8)] {
		names += " " + p.Name
	}
	return message + "; there are:" + names
}
