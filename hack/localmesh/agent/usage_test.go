package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

func TestTheCPUUsedIsThatOfTheRequestsAnsweredLately(t *testing.T) {
	m := &meter{cpu: 10 * time.Millisecond, memory: resource.MustParse("20Mi")}
	begun := time.Unix(1000, 0)
	cpu := func(after time.Duration) int64 {
		used := m.usage(begun.Add(after))
		return used.Cpu().MilliValue()
	}
	for second := range 10 {
		for range 20 {
			m.answered(begun.Add(time.Duration(second)*time.Second + 500*time.Millisecond))
		}
	}
	if got := cpu(10 * time.Second); got != 200 {
		t.Errorf("%dm of a cpu at 20 requests a second of 10 ms, want 200m", got)
	}
	if got := cpu(12 * time.Second); got != 120 {
		t.Errorf("%dm two seconds after the last request, want 120m", got)
	}
	if got := cpu(time.Minute); got != 0 {
		t.Errorf("%dm a minute after the last request", got)
	}
	if used := m.usage(begun); used.Memory().String() != "20Mi" {
		t.Errorf("%s of memory", used.Memory())
	}
}

func TestTheMetricsAPIListsThePodsThatRun(t *testing.T) {
	a := New(nil, "", "")
	for name, running := range map[string]bool{"checkout-1": true, "checkout-2": true, "checkout-3": false, "cart-1": true} {
		object := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": name[:len(name)-2]}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
		}
		p := newPod(object, "10.244.0.9", nil, nil)
		if running {
			p.containers[0].meter, p.containers[0].state = &meter{}, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		}
		a.pods[object.UID] = p
	}
	w := httptest.NewRecorder()
	a.metricsAPI().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?labelSelector=app%3Dcheckout", nil))
	var all metricsv1beta1.PodMetricsList
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	var names []string
	for _, m := range all.Items {
		names = append(names, m.Name)
	}
	if len(names) != 2 || names[0] != "checkout-1" || names[1] != "checkout-2" || all.Items[0].Window.Duration != usageWindow {
		t.Errorf("pods %v", names)
	}
}
