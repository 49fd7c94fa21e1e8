package shift

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestWhatProxiesAreToldOf(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	pod := func(ready corev1.ConditionStatus, version string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "cart", Name: "p", ResourceVersion: version},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}}}
	}
	service := func(version string) client.Object {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "cart", Name: "s", ResourceVersion: version}}
	}
	own := func(x stir) bool { return x.namespace == "shop" }
	for name, c := range map[string]struct {
		change func(add func(any, bool), update func(a, b any), gone func(any))
		quiet  bool
	}{
		"nothing":            {func(func(any, bool), func(a, b any), func(any)) {}, true},
		"a Service":          {func(add func(any, bool), _ func(a, b any), _ func(any)) { add(service("1"), false) }, false},
		"one that was there": {func(add func(any, bool), _ func(a, b any), _ func(any)) { add(service("1"), true) }, true},
		"other ports":        {func(_ func(any, bool), update func(a, b any), _ func(any)) { update(service("1"), service("2")) }, false},
		"the same once more": {func(_ func(any, bool), update func(a, b any), _ func(any)) { update(service("1"), service("1")) }, true},
		"a pod is ready": {func(_ func(any, bool), update func(a, b any), _ func(any)) {
			update(pod("False", "1"), pod("True", "2"))
		}, false},
		"a pod is as before": {func(_ func(any, bool), update func(a, b any), _ func(any)) {
			update(pod("True", "1"), pod("True", "2"))
		}, true},
		"a pod starts": {func(add func(any, bool), _ func(a, b any), _ func(any)) { add(pod("False", "1"), false) }, true},
		"a pod goes":   {func(_ func(any, bool), _ func(a, b any), gone func(any)) { gone(pod("True", "1")) }, false},
		"one's own": {func(add func(any, bool), _ func(a, b any), _ func(any)) {
			add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-canary"}}, false)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakePassiveClock(start)
			s := &stirs{clock: clock}
			h := s.handler()
			c.change(h.OnAdd, h.OnUpdate, h.OnDelete)
			if got := s.quiet(start, own); got != c.quiet {
				t.Errorf("quiet %v", got)
			}
			if !s.quiet(start.Add(time.Second), own) {
				t.Error("it was before")
			}
		})
	}
}

func TestChangesThatAreForgottenAreNotQuiet(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	clock := clocktesting.NewFakePassiveClock(start)
	s := &stirs{clock: clock}
	for i := range mostStirs + 1 {
		s.note(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(i)}})
	}
	if all := func(stir) bool { return true }; s.quiet(start, all) || !s.quiet(start.Add(time.Second), all) {
		t.Error("what is not remembered may have been anything")
	}
}
