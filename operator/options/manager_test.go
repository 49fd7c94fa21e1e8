package options

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/lease"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestMetricsAreOpenOnLoopbackOnly(t *testing.T) {
	cases := map[string]struct {
		metrics Metrics
		secure  bool
	}{
		"all addresses":    {Metrics{Address: ":8443", Serving: ServeAuto}, true},
		"an address":       {Metrics{Address: "10.0.0.1:8443", Serving: ServeAuto}, true},
		"loopback":         {Metrics{Address: "127.0.0.1:8443", Serving: ServeAuto}, false},
		"loopback by IPv6": {Metrics{Address: "[::1]:8443", Serving: ServeAuto}, false},
		"localhost":        {Metrics{Address: "localhost:8443", Serving: ServeAuto}, false},
		"another name":     {Metrics{Address: "stagger:8443", Serving: ServeAuto}, true},
		"asked to be":      {Metrics{Address: "127.0.0.1:8443", Serving: ServeSecure}, true},
		"asked not to be":  {Metrics{Address: ":8443", Serving: ServePlain}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := c.metrics.server()
			if s.SecureServing != c.secure || (s.FilterProvider != nil) != c.secure {
				t.Errorf("TLS %v, callers authorized %v; want %v for both", s.SecureServing, s.FilterProvider != nil, c.secure)
			}
		})
	}
}

func TestTheManagerWatchesTheGivenNamespacesOnly(t *testing.T) {
	o := Default()
	o.Namespaces = []string{"shop", "cart"}
	o.Direct.GatewayNamespaces = []string{"edge"}
	m, err := o.Manager()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Cache.DefaultNamespaces) != 2 || m.Client.FieldOwner != "stagger" || !m.LeaderElectionReleaseOnCancel {
		t.Errorf("namespaces %v, field owner %q, releases its lease %v", m.Cache.DefaultNamespaces, m.Client.FieldOwner, m.LeaderElectionReleaseOnCancel)
	}
	for o, by := range m.Cache.ByObject {
		_, isPod := o.(*corev1.Pod)
		_, isGateway := o.(*networking.Gateway)
		if _, edge := by.Namespaces["edge"]; (isPod || isGateway) != edge || len(by.Namespaces) > 0 && len(by.Namespaces) != 3 {
			t.Errorf("%T is looked at in %v", o, by.Namespaces)
		}
	}
	if !m.Scheme.IsGroupRegistered(v1alpha1.GroupVersion.Group) || !m.Scheme.IsGroupRegistered("networking.istio.io") {
		t.Error("API types are missing")
	}
	everywhere, err := Default().Manager()
	if err != nil || everywhere.Cache.DefaultNamespaces != nil {
		t.Errorf("without namespaces: %v, %v", everywhere.Cache.DefaultNamespaces, err)
	}
}

// An operator with rights in some namespaces that looked elsewhere would never begin: its caches would never be filled.
func TestGatewaysAreTrustedWhereTheOperatorMayLook(t *testing.T) {
	for name, c := range map[string]struct {
		namespaces []string
		direct     Direct
		want       []string
	}{
		"everywhere":          {nil, Direct{}, []string{"istio-system", "istio-ingress"}},
		"in some":             {[]string{"shop"}, Direct{}, []string{}},
		"in one of theirs":    {[]string{"shop", "istio-ingress"}, Direct{}, []string{"istio-ingress"}},
		"named":               {[]string{"shop"}, Direct{GatewayNamespaces: []string{"edge"}}, []string{"edge"}},
		"none is wanted":      {nil, Direct{GatewayNamespaces: []string{}}, []string{}},
		"no proxies are read": {nil, Direct{Mode: direct.Off, GatewayNamespaces: []string{"edge"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := Default()
			o.Namespaces, o.Direct = c.namespaces, c.direct
			if got := o.TrustedGateways(); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestCachedPodsKeepWhatDecisionsNeed(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	status := corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", RestartCount: 3}}}
	labels := map[string]string{"pod-template-hash": "abc"}
	given := corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: labels, Annotations: map[string]string{"x": "y", "vpaUpdates": "memory"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}},
		Spec: corev1.PodSpec{
			NodeName: "n", ServiceAccountName: "s", Volumes: []corev1.Volume{{Name: "v"}},
			InitContainers: []corev1.Container{{Name: "istio-proxy", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "app", Image: "app:1", Env: []corev1.EnvVar{{Name: "SECRET"}}, Resources: given}},
		},
		Status: status,
	}
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: labels, Annotations: map[string]string{"vpaUpdates": "memory"}},
		Spec: corev1.PodSpec{
			NodeName:       "n",
			InitContainers: []corev1.Container{{Name: "istio-proxy", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "app", Image: "app:1", Resources: given}},
		},
		Status: status,
	}
	got, err := slimPod(pod)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +cached:\n%s", diff)
	}
}

func TestLimitsLeaveTheGivenConfigAlone(t *testing.T) {
	given := &rest.Config{Host: "https://api"}
	limited := Default().Limit(given)
	if limited.QPS != 50 || limited.Burst != 100 || limited.Host != given.Host || given.QPS != 0 {
		t.Errorf("limited %v/%v at %s, given %v", limited.QPS, limited.Burst, limited.Host, given.QPS)
	}
}

func TestLevelsAndFormatsOfTheLog(t *testing.T) {
	cases := map[string]struct {
		log       Log
		has, lack []string
	}{
		"error":      {Log{LevelError, FormatJSON}, []string{`"msg":"Failed"`}, []string{"Moved", "Decided", "Called"}},
		"info":       {Log{LevelInfo, FormatJSON}, []string{`"msg":"Failed"`, `"msg":"Moved"`}, []string{"Decided", "Called"}},
		"debug text": {Log{LevelDebug, FormatText}, []string{"msg=Failed", "msg=Moved", "msg=Decided weight=5%"}, []string{"Called"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			l := c.log.Logger(&out)
			l.Error(nil, "Failed")
			l.Info("Moved")
			l.V(1).Info("Decided", "weight", "5%")
			l.V(4).Info("Called")
			for _, s := range c.has {
				if !strings.Contains(out.String(), s) {
					t.Errorf("no %s in\n%s", s, out.String())
				}
			}
			for _, s := range c.lack {
				if strings.Contains(out.String(), s) {
					t.Errorf("%s in\n%s", s, out.String())
				}
			}
		})
	}
}

func TestReadyMeansThatCachesAreFilled(t *testing.T) {
	for name, filled := range map[string]bool{"filled": true, "not filled": false} {
		t.Run(name, func(t *testing.T) {
			err := synced(&informertest.FakeInformers{Synced: &filled})(httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if (err == nil) != filled {
				t.Errorf("ready: %v", err)
			}
		})
	}
}

func TestTheManagerIsMadeFromAKubeconfig(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	t.Setenv("KUBECONFIG", kubeconfig)
	o := Default()
	o.Health.Address, o.Metrics.Address, o.LeaderElection.Namespace = disabled, disabled, "stagger-system"
	if _, _, err := o.NewManager(); err == nil || !strings.Contains(err.Error(), "finding the cluster") {
		t.Errorf("without a cluster: %v", err)
	}
	t.Setenv(idleVariable, "60") // who sets it himself knows better
	t.Setenv(pingVariable, "")
	if err := os.Unsetenv(pingVariable); err != nil {
		t.Fatal(err)
	}
	api := discovery(t)
	text := "{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: a, cluster: {server: '" + api + "'}}], " +
		"users: [{name: a, user: {token: t}}], contexts: [{name: a, context: {cluster: a, user: a}}]}"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, held, err := o.NewManager()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(idleVariable) != "60" || os.Getenv(pingVariable) != pingSeconds {
		t.Errorf("connections are asked for a sign of life after %s s, and given up after %s s", os.Getenv(idleVariable), os.Getenv(pingVariable))
	}
	if got := m.GetConfig(); got.Host != api || got.QPS != 50 {
		t.Errorf("the manager talks to %s with %v calls a second", got.Host, got.QPS)
	}
	if got := m.GetConfig(); got.Timeout != 0 || got.UserAgent != FieldOwner { // as leader election has for its own calls
		t.Errorf("the manager's watches end after %s, and it calls itself %q", got.Timeout, got.UserAgent)
	}
	if _, stop, err := held.Guard(t.Context()); !errors.Is(err, lease.ErrNotHeld) {
		stop()
		t.Errorf("an operator that was not elected yet may write: %v", err)
	}
	o.LeaderElection.Enabled = false
	if _, held, err = o.NewManager(); err != nil || held != nil {
		t.Errorf("without leader election: Lease %v, %v", held, err)
	}
}

// discovery serves what an API server says of the kinds whose caches have settings of their own.
func discovery(t *testing.T) string {
	answers := map[string]string{
		"/api": `{"kind": "APIVersions", "versions": ["v1"]}`,
		"/apis": `{"kind": "APIGroupList", "groups": [{"name": "networking.istio.io", "versions": [{"groupVersion": "networking.istio.io/v1", "version": "v1"}]},
			{"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]},
			{"name": "batch", "versions": [{"groupVersion": "batch/v1", "version": "v1"}]},
			{"name": "stagger.dev", "versions": [{"groupVersion": "stagger.dev/v1alpha1", "version": "v1alpha1"}]}]}`,
		"/apis/stagger.dev/v1alpha1": `{"kind": "APIResourceList", "groupVersion": "stagger.dev/v1alpha1", "resources": [
			{"name": "trafficshifts", "kind": "TrafficShift", "namespaced": true}]}`,
		"/apis/batch/v1": `{"kind": "APIResourceList", "groupVersion": "batch/v1", "resources": [
			{"name": "jobs", "kind": "Job", "namespaced": true}, {"name": "cronjobs", "kind": "CronJob", "namespaced": true}]}`,
		"/apis/apps/v1": `{"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": true, "verbs": ["list"]}]}`,
		"/api/v1": `{"kind": "APIResourceList", "groupVersion": "v1", "resources": [
			{"name": "pods", "kind": "Pod", "namespaced": true}, {"name": "persistentvolumeclaims", "kind": "PersistentVolumeClaim", "namespaced": true}, {"name": "services", "kind": "Service", "namespaced": true}]}`,
		"/apis/networking.istio.io/v1": `{"kind": "APIResourceList", "groupVersion": "networking.istio.io/v1", "resources": [
			{"name": "virtualservices", "kind": "VirtualService", "namespaced": true}, {"name": "gateways", "kind": "Gateway", "namespaced": true}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(answers[r.URL.Path])); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
