package agent

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAPodAsksForASidecarAsInIstio(t *testing.T) {
	cases := map[string]struct {
		meta metav1.ObjectMeta
		want bool
	}{
		"nothing said":            {metav1.ObjectMeta{}, false},
		"by label":                {metav1.ObjectMeta{Labels: map[string]string{injectLabel: "true"}}, true},
		"by annotation":           {metav1.ObjectMeta{Annotations: map[string]string{injectLabel: "true"}}, true},
		"the label is foremost":   {metav1.ObjectMeta{Labels: map[string]string{injectLabel: "false"}, Annotations: map[string]string{injectLabel: "true"}}, false},
		"nothing is served there": {metav1.ObjectMeta{Labels: map[string]string{injectLabel: "true"}, Annotations: map[string]string{serveAnnotation: "false"}}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := wantsSidecar(&corev1.Pod{ObjectMeta: c.meta}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestASidecarListensInPlaceOfItsContainers(t *testing.T) {
	object := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "checkout-7d9c-x", GenerateName: "checkout-7d9c-",
			Labels: map[string]string{"pod-template-hash": "7d9c", "app": "check\"out", "version": "v2"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Image: "shop:1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}, {ContainerPort: 53, Protocol: corev1.ProtocolUDP}}},
			{Image: "log:1", Args: []string{"--port=9000"}},
		}},
	}
	s := newSidecar("envoy", object, "10.244.1.2")
	want := inbound{
		Pod: "checkout-7d9c-x", Namespace: "shop", IP: "10.244.1.2", AppIP: "127.244.1.2", Workload: "checkout", App: `check"out`, Version: "v2",
		CanonicalService: `check"out`, CanonicalRevision: "v2", Ports: []int{8080, 9000},
	}
	if diff := cmp.Diff(want, s.about); diff != "" {
		t.Errorf("configured with (-want +got):\n%s", diff)
	}
	text, err := s.configuration()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{8080, 9000, 15090}, portsIn(t, text, "10.244.1.2")); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

func TestTheSidecarOfAPodThatOnlyAsksGivesItsStatisticsAlone(t *testing.T) {
	object := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "smoke-7-x", GenerateName: "smoke-7-", Labels: map[string]string{injectLabel: "true"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Image: "shop:1", Args: []string{"--request=http://10.244.200.2/"}, Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
		}}},
	}
	if !wantsSidecar(object) {
		t.Error("the pod of a Job is given no sidecar, though it asks for one")
	}
	text, err := newSidecar("envoy", object, "10.244.1.2").configuration()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{15090}, portsIn(t, text, "10.244.1.2")); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// portsIn are the ports of the listeners in a configuration, which must all be at ip.
func portsIn(t *testing.T, text, ip string) []int {
	t.Helper()
	var got struct {
		Static struct {
			Listeners []struct {
				Address struct {
					Socket struct {
						Address string
						Port    int `json:"port_value"`
					} `json:"socket_address"`
				}
			}
		} `json:"static_resources"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	var ports []int
	for _, l := range got.Static.Listeners {
		if l.Address.Socket.Address != ip {
			t.Errorf("listens on %s", l.Address.Socket.Address)
		}
		ports = append(ports, l.Address.Socket.Port)
	}
	return ports
}
