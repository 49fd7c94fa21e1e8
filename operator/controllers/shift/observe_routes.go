package shift

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// labelsOfOurs are on VirtualServices and DestinationRules that Stagger makes.
var labelsOfOurs = map[string]string{workload.ManagedByLabel: workload.ManagedBy}

func ours(u *unstructured.Unstructured) bool {
	return u.GetLabels()[workload.ManagedByLabel] == workload.ManagedBy
}

// routes looks at the VirtualServices and DestinationRules of the Service.
func (r *reconciler) routes(ctx context.Context, f *facts) error {
	all, err := r.list(ctx, virtualService(), "")
	if err != nil {
		return err
	}
	others := make([]*unstructured.Unstructured, 0, len(all))
	for _, vs := range all {
		if f.namedLikeOurs(vs) && ours(vs) {
			f.made = vs
		} else {
			others = append(others, vs)
		}
	}
	for _, vs := range all {
		if routing.Allows(vs, f.shift.Namespace) && len(routing.Routes(vs, f.target)) > 0 || f.marked(vs) != nil {
			f.routes = append(f.routes, vs)
			f.route(vs)
		}
	}
	f.unrouted(others)
	f.o.Routes.OneMade = f.made != nil
	f.o.Routes.MakeOne = f.made == nil && !routing.Covers(others, f.target)
	if f.o.Routes.MakeOne {
		f.o.Routes.Lowest = 0
		f.nameTaken(others)
		if problem := routing.Unmakeable(f.ports(), f.target); problem != "" && f.beforeTraffic() {
			f.refuse(v1alpha1.ReasonRouteUnsupported, problem)
		}
	}
	return r.rules(ctx, f)
}

// doubts looks for what keeps callers from the weights, once the counts say that something does.
func (r *reconciler) doubts(ctx context.Context, f *facts) error {
	if f.o.Evidence.Agreement != release.AgreementNo {
		return nil
	}
	all, err := r.list(ctx, virtualService(), "")
	if err != nil {
		return err
	}
	f.o.Routes.Doubts = routing.Doubts(all, f.target)
	return nil
}

// ports are those of the user's Service; none where it is not there.
func (f *facts) ports() []corev1.ServicePort {
	if f.service == nil {
		return nil
	}
	return f.service.Spec.Ports
}

func (r *reconciler) list(ctx context.Context, kind *unstructured.Unstructured, namespace string) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	gvk := kind.GroupVersionKind()
	gvk.Kind += "List"
	list.SetGroupVersionKind(gvk)
	if err := r.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind.GetKind(), err)
	}
	out := make([]*unstructured.Unstructured, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
}

// namedLikeOurs says whether the VirtualService has the name that ours would have.
func (f *facts) namedLikeOurs(vs *unstructured.Unstructured) bool {
	return vs.GetNamespace() == f.shift.Namespace && vs.GetName() == f.target.Canary
}

// nameTaken refuses a Service for which a VirtualService had to be made under a name that is somebody else's.
func (f *facts) nameTaken(others []*unstructured.Unstructured) {
	if i := slices.IndexFunc(others, f.namedLikeOurs); i >= 0 {
		f.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("VirtualService %s exists and is not Stagger's: rename it", others[i].GetName()))
	}
}

// unrouted refuses a Service whose host is covered by VirtualServices none of which could be written.
func (f *facts) unrouted(others []*unstructured.Unstructured) {
	if len(f.routes) > 0 || !f.beforeTraffic() || !routing.Covers(others, f.target) {
		return
	}
	f.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf("a VirtualService covers the host %s, but none that namespace %s may write has a route to Service %s: "+
		"give the Service a VirtualService of its own there, or annotate one of another namespace with %s: %s",
		f.target.Host(), f.target.Namespace, f.target.Service, v1alpha1.AllowAnnotation, f.target.Namespace))
}

// marked is our mark on the VirtualService; nil when there is none.
func (f *facts) marked(vs *unstructured.Unstructured) *routing.Mark {
	for _, m := range routing.Marks(vs) {
		if m.Shift == f.shift.Namespace+"/"+f.shift.Name {
			return &m
		}
	}
	return nil
}

// route adds what one VirtualService says.
func (f *facts) route(vs *unstructured.Unstructured) {
	o := &f.o.Routes
	o.Names = append(o.Names, vs.GetNamespace()+"/"+vs.GetName())
	low, high, found := routing.Share(vs, f.target)
	if found {
		if len(o.Names) == 1 || low < o.Lowest {
			o.Lowest = max(0, low)
		}
		o.Highest = max(o.Highest, high)
	}
	mark := f.marked(vs)
	if mark != nil {
		o.Marked = true
		o.AbortOpen = o.AbortOpen || f.running() && !(mark.Aborted && mark.Number >= f.o.Release.Number)
	}
	if problem := routing.Unsupported(vs, f.target); problem != "" && f.beforeTraffic() {
		f.refuse(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf("VirtualService %s: %s", vs.GetName(), problem))
	}
	f.conflict(vs)
	if f.running() && f.o.Release.Step > 0 && o.Foreign == nil {
		if e, edited := routing.Foreign(vs, f.target, f.o.Release.Weight.Millionths(), options.FieldOwner); edited && f.since(e) {
			o.Foreign = &release.Foreign{Route: "VirtualService " + vs.GetName(), Kind: string(e.Kind), Manager: e.Manager}
		}
	}
}

// since says whether an edit came after the present weight was written. Until that is settled, routes that were read may be those of
// before, unless the edit itself says when it was made; such times are whole seconds.
func (f *facts) since(e routing.Edit) bool {
	r := f.o.Release
	return r.SettledAt != nil || r.StepStartedAt != nil && !e.Time.Before(r.StepStartedAt.Add(-time.Second))
}

// conflict asks, before anything is touched, whether the routes could be split at all.
func (f *facts) conflict(vs *unstructured.Unstructured) {
	if !f.beforeTraffic() {
		return
	}
	mark := routing.Mark{Shift: f.shift.Namespace + "/" + f.shift.Name, Number: f.mark.Number + 1}
	if _, err := routing.Split(vs, f.target, 1, mark, routing.Raise{ResourceVersion: vs.GetResourceVersion()}); err != nil {
		f.refuse(v1alpha1.ReasonRouteConflict, fmt.Sprintf("VirtualService %s: %v", vs.GetName(), err))
	}
}

// rules looks at the DestinationRule of the Service and at its copy for the canary.
func (r *reconciler) rules(ctx context.Context, f *facts) error {
	all, err := r.list(ctx, destinationRule(), f.shift.Namespace)
	if err != nil {
		return err
	}
	if rule, found := routing.RuleFor(all, f.target); found {
		f.rule = routing.CanaryRule(rule, f.target, maps.Clone(labelsOfOurs))
		f.o.Canary.RuleWanted = true
	}
	for _, dr := range all {
		if dr.GetName() != f.target.Canary {
			continue
		}
		if !ours(dr) {
			if f.o.Canary.RuleWanted && f.beforeTraffic() {
				f.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("DestinationRule %s exists and is not Stagger's: rename it", dr.GetName()))
			}
			continue
		}
		f.haveRule = dr
		f.o.Canary.RuleExists = !f.o.Canary.RuleWanted || equality.Semantic.DeepEqual(dr.Object["spec"], f.rule.Object["spec"])
	}
	return nil
}
