package shift

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// catchUp puts what the operator wrote in the place of what the caches have of it: the TrafficShift's own writes, and those of others to
// the routes that it shares with them.
func (l *loader) catchUp(ctx context.Context, o *cluster.Objects) error {
	answers := l.written.of(client.ObjectKeyFromObject(o.Shift))
	for _, u := range o.Routes {
		if a, found := l.written.to(u); found && !slices.ContainsFunc(answers, func(b answer) bool { return a.object == b.object }) {
			answers = append(answers, a)
		}
	}
	for _, a := range answers {
		now, newer, err := l.written.latest(ctx, l.reader, l.direct, a)
		if err != nil {
			return err
		}
		if newer {
			replace(o, a.object, now)
		}
	}
	return nil
}

// replace puts an object, or none, in the place of the one of the same name.
func replace(o *cluster.Objects, was, now client.Object) {
	switch w := was.(type) {
	case *corev1.Service:
		s, _ := now.(*corev1.Service) // nil: it is not there
		switch w.Name {
		case o.Shift.Spec.Service.Name:
			o.Service = s
		case routing.CanaryName(o.Shift.Spec.Service.Name):
			o.CanaryService = s
		case routing.PreviewName(o.Shift.Spec.Service.Name):
			o.PreviewService = s
		}
	case *appsv1.Deployment:
		o.Deployments = swapped(o.Deployments, w, now)
	case *appsv1.ReplicaSet:
		o.ReplicaSets = swapped(o.ReplicaSets, w, now)
	case *batchv1.Job:
		o.Jobs = swapped(o.Jobs, w, now)
	case *unstructured.Unstructured:
		list := &o.Routes
		if w.GetKind() == destinationRuleKind.Kind {
			list = &o.Rules
		}
		*list = swapped(*list, w, now)
	}
}

func swapped[P client.Object](list []P, was P, now client.Object) []P {
	key := client.ObjectKeyFromObject(was)
	if p, there := now.(P); there && now != nil {
		return placed(list, p)
	}
	return slices.DeleteFunc(list, func(p P) bool { return client.ObjectKeyFromObject(p) == key })
}

// placed is the list with the object in the place of the one of its name, or at the end.
func placed[P client.Object](list []P, p P) []P {
	key := client.ObjectKeyFromObject(p)
	if i := slices.IndexFunc(list, func(q P) bool { return client.ObjectKeyFromObject(q) == key }); i >= 0 {
		list[i] = p
		return list
	}
	return append(list, p)
}
