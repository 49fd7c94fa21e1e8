package kubectl

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

var podsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// around looks at the pods and routes of a running release, as of now; nil where none runs. What may not be seen is left out.
func (c cluster) around(ctx context.Context, shift *v1alpha1.TrafficShift, now time.Time) (*view.Around, error) {
	r := shift.Status.Release
	if r == nil || r.State.Ended() {
		return nil, nil
	}
	a := &view.Around{}
	var err error
	if shift.Spec.Destinations == nil {
		if a.Stable, err = c.podsOf(ctx, r.Stable, now); err != nil {
			return nil, err
		}
		if a.Canary, err = c.podsOf(ctx, r.Revision, now); err != nil {
			return nil, err
		}
	}
	routes, err := c.ofMesh(ctx, virtualServicesResource)
	if seen, err := visible(err); !seen || err != nil {
		return a, err
	}
	for _, vs := range routes {
		for _, m := range routing.Marks(vs) {
			if m.Shift == shift.Namespace+"/"+shift.Name {
				a.Routes = append(a.Routes, vs.GetNamespace()+"/"+vs.GetName())
			}
		}
	}
	slices.Sort(a.Routes)
	return a, nil
}

// visible says whether something could be looked at; it is no error that it may not be.
func visible(err error) (bool, error) {
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// podsOf are the pods of one version; nil where they may not be seen.
func (c cluster) podsOf(ctx context.Context, hash string, now time.Time) (*view.Pods, error) {
	list, err := c.client.Resource(podsResource).Namespace(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: workload.HashLabel + "=" + hash})
	if seen, err := visible(err); !seen || err != nil {
		return nil, err
	}
	pods := make([]corev1.Pod, len(list.Items))
	for i := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &pods[i]); err != nil {
			return nil, fmt.Errorf("reading Pod %s: %w", list.Items[i].GetName(), err)
		}
	}
	p := &view.Pods{}
	for i := range pods {
		if pods[i].DeletionTimestamp != nil {
			continue
		}
		p.All++
		if slices.ContainsFunc(pods[i].Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }) {
			p.Ready++
		}
	}
	health := workload.HealthOf(pods, now, 0)
	for _, f := range health.Crashing {
		p.Odd = append(p.Odd, f.String())
	}
	for _, o := range health.NotStarting {
		p.Odd = append(p.Odd, o.String())
	}
	return p, nil
}
