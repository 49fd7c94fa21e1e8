package agent

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// A pod that has ended stays for whoever counts it, behind a finalizer also when somebody has deleted it.
func TestAPodThatHasEndedIsNeitherRunAgainNorDeletedUnasked(t *testing.T) {
	now := metav1.NewTime(time.Now())
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   []string
	}{
		"succeeded":           {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, nil},
		"failed":              {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, nil},
		"deleted by a person": {func(p *corev1.Pod) { p.Status.Phase, p.DeletionTimestamp = corev1.PodFailed, &now }, []string{"delete"}},
		"deleted, of another node": {func(p *corev1.Pod) {
			p.Spec.NodeName, p.Status.Phase, p.DeletionTimestamp = "other", corev1.PodFailed, &now
		}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := object("shop:1", func(p *corev1.Pod) {
				p.Spec.NodeName = "node-1"
				c.change(p)
			})
			client := fake.NewClientset(o)
			a := New(client, "", "", "node-1")
			store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
			if err := store.Add(o); err != nil {
				t.Fatal(err)
			}
			a.lister = listers.NewPodLister(store)
			if err := a.sync(t.Context(), "shop/p"); err != nil {
				t.Fatal(err)
			}
			if len(a.pods) > 0 {
				t.Error("it runs again")
			}
			var done []string
			for _, action := range client.Actions() {
				done = append(done, action.GetVerb())
			}
			if diff := cmp.Diff(c.want, done); diff != "" {
				t.Errorf("asked of the API server (-want +got):\n%s", diff)
			}
		})
	}
}
