package workload

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// What a pod can still do, in every phase and on the way out: what has ended or is being deleted is no endpoint, and what is being deleted may
// answer until its grace is well over.
func TestWhatAPodCanStillDo(t *testing.T) {
	until := func(at time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(noon.Add(at))) }
	for name, c := range map[string]struct {
		phase                     corev1.PodPhase
		deletion                  *metav1.Time
		ready                     corev1.ConditionStatus
		present, serving, lingers bool
	}{
		"runs":                                 {corev1.PodRunning, nil, corev1.ConditionTrue, true, true, true},
		"is not ready":                         {corev1.PodRunning, nil, corev1.ConditionFalse, true, false, true},
		"starts":                               {corev1.PodPending, nil, "", true, false, true},
		"of a node that is lost":               {corev1.PodUnknown, nil, corev1.ConditionUnknown, true, false, true},
		"was evicted":                          {corev1.PodFailed, nil, corev1.ConditionFalse, false, false, false},
		"was evicted, and never told as such":  {corev1.PodFailed, nil, corev1.ConditionTrue, false, false, false},
		"has ended":                            {corev1.PodSucceeded, nil, corev1.ConditionFalse, false, false, false},
		"ends":                                 {corev1.PodRunning, until(time.Second), corev1.ConditionTrue, false, false, true},
		"ends, its grace is just over":         {corev1.PodRunning, until(-59 * time.Second), corev1.ConditionTrue, false, false, true},
		"outstays its grace":                   {corev1.PodRunning, until(-time.Minute), corev1.ConditionTrue, false, false, false},
		"outstays its grace on a node that is": {corev1.PodPending, until(-time.Hour), corev1.ConditionFalse, false, false, false},
	} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: c.deletion}, Status: corev1.PodStatus{Phase: c.phase}}
		if c.ready != "" {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: c.ready}}
		}
		if got := [3]bool{Present(p), Serving(p), Lingers(p, noon)}; got != [3]bool{c.present, c.serving, c.lingers} {
			t.Errorf("a pod that %s: present, serving, lingers are %v", name, got)
		}
	}
}

func TestPodsBehindServices(t *testing.T) {
	labelled := func(labels map[string]string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	}
	pods := []*corev1.Pod{labelled(map[string]string{"app": "checkout", HashLabel: "a"}), labelled(map[string]string{HashLabel: "a"}), labelled(map[string]string{"app": "old"})}
	for name, c := range map[string]struct {
		selectors []map[string]string
		want      []*corev1.Pod
	}{
		"no Service":  {nil, pods},
		"one":         {[]map[string]string{{"app": "checkout"}}, pods[:1]},
		"either":      {[]map[string]string{{"app": "checkout"}, {"app": "old"}}, []*corev1.Pod{pods[0], pods[2]}},
		"no selector": {[]map[string]string{{}}, pods},
	} {
		if got := Behind(pods, c.selectors...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %d of the pods", name, len(got))
		}
	}
}
