package check_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/operator/kubectl/check"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

// world is a cluster with everything that releases need, and a Prometheus that knows the mesh; a case takes something away.
type world struct {
	version   string
	served    map[string][]string
	objects   string
	denied    string // a resource that the operator has no right to
	forbidden string // a resource that the one who asks has no right to
	unproven  bool
	answers   map[string]string // by a part of the query
	silent    bool
	html      bool
	renewed   time.Duration // how long ago the leader renewed its Lease
	source    string        // the policies' condition SourceAnswers
}

const istiod = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec: {template: {spec: {containers: [{name: discovery, image: "registry.example.com:5000/istio/pilot:1.31.0"}]}}}
`

const installed = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: stagger, namespace: tools, labels: {app.kubernetes.io/name: stagger}}
spec: {replicas: 2, template: {spec: {serviceAccountName: releaser, containers: [{name: stagger, image: "stagger:v0.1.0"}]}}}
status: {availableReplicas: 2}
---
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: checkout, namespace: shop}
status: {conditions: [{type: EvidenceCurrent, status: "True", reason: Current, message: fresh}]}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: stagger, namespace: tools}
spec: {holderIdentity: stagger-5d9c-x2x4q_8f6e, leaseDurationSeconds: 15, renewTime: "RENEWED"}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: another, namespace: tools}
spec: {holderIdentity: another-1_2, leaseDurationSeconds: 15}
`

// whole is a world where nothing is missing.
func whole() *world {
	w := &world{version: "v1.37.2", renewed: 2 * time.Second, source: `"True", reason: Current, message: it answers`, objects: istiod + "---" + installed, served: map[string][]string{
		"admissionregistration.k8s.io/v1": {"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"},
		"networking.istio.io/v1":          {"virtualservices", "destinationrules"},
		"stagger.dev/v1alpha1":            {"trafficshifts", "trafficshifts/status", "shiftpolicies", "shiftpolicies/status"},
	}, answers: map[string]string{
		"count by (reporter)":         series(map[string]string{"source": "12", "destination": "12"}, "reporter"),
		"count by (request_protocol)": series(map[string]string{"http": "10", "grpc": "2"}, "request_protocol"),
		"300 / count_over_time":       single("15"),
		"timestamp(up)":               single(fmt.Sprint(clitest.Now.Add(-10 * time.Second).Unix())),
		"group by (le)":               series(map[string]string{"250": "1", "500": "1", "1000": "1", "+Inf": "1"}, "le"),
	}}
	return w
}

func single(value string) string { return series(map[string]string{"": value}, "none") }

// series is an answer of Prometheus with a value for each value of a label.
func series(values map[string]string, label string) string {
	var all []string
	for _, of := range slices.Sorted(maps.Keys(values)) {
		metric := "{}"
		if of != "" {
			metric = fmt.Sprintf(`{%q:%q}`, label, of)
		}
		all = append(all, fmt.Sprintf(`{"metric":%s,"value":[%d,%q]}`, metric, clitest.Now.Unix(), values[of]))
	}
	return strings.Join(all, ",")
}

// prometheus answers the world's queries; what it does not know has an empty answer.
func (w *world) prometheus(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w.silent {
			http.Error(out, "not now", http.StatusServiceUnavailable)
			return
		}
		if w.html {
			fmt.Fprint(out, "<html><body>Please log in</body></html>")
			return
		}
		found := ""
		for part, answer := range w.answers {
			if strings.Contains(r.FormValue("query"), part) {
				found = answer
			}
		}
		out.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(out, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, found)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// cluster answers for the API server.
func (w *world) cluster(t *testing.T) string {
	t.Helper()
	s := clitest.NewStore(t, "")
	objects := strings.ReplaceAll(w.objects, "RENEWED", clitest.Now.Add(-w.renewed).UTC().Format(metav1.RFC3339Micro))
	for document := range strings.SplitSeq(objects, "---") {
		o := object(t, document)
		group := "/apis/" + o.GetAPIVersion() + "/namespaces/" + o.GetNamespace()
		s.Put(group+"/"+strings.ToLower(o.GetKind())+"s", o)
	}
	s.Forbidden = w.forbidden
	for _, name := range []string{"stagger-hold", "stagger-narrow", "stagger-author"} {
		w.policy(t, s, name)
	}
	for _, name := range []string{"standard", "cautious"} {
		s.Put("/apis/stagger.dev/v1alpha1/shiftpolicies", object(t, fmt.Sprintf(`
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: %s}
spec: {objectives: [{name: latency, indicator: Duration, threshold: 500ms, target: "99%%"}]}
status: {conditions: [{type: SourceAnswers, status: %s}]}
`, name, w.source)))
	}
	s.Handled = w.handle
	return s.Kubeconfig()
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) policy(t *testing.T, s *clitest.Store, name string) {
	t.Helper()
	const folder = "/apis/admissionregistration.k8s.io/v1/"
	s.Put(folder+"mutatingadmissionpolicies", object(t, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %s}
spec: {variables: [{name: operator, expression: "'system:serviceaccount:tools:releaser'"}]}
`, name)))
	s.Put(folder+"mutatingadmissionpolicybindings", object(t, "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicyBinding\nmetadata: {name: "+name+"}"))
}

// handle answers what is no stored object: the version, discovery, reviews and dry runs.
func (w *world) handle(r *http.Request) (int, any, bool) {
	at := r.URL.Path
	switch {
	case at == "/version":
		return http.StatusOK, map[string]any{"major": "1", "minor": "37", "gitVersion": w.version}, true
	case strings.HasSuffix(at, "/subjectaccessreviews"):
		text, _ := io.ReadAll(r.Body)
		allowed := w.denied == "" || !strings.Contains(string(text), `"`+w.denied+`"`)
		return http.StatusCreated, map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "status": map[string]any{"allowed": allowed}}, true
	case r.Method == http.MethodPost && r.URL.Query().Get("dryRun") == "All":
		made := map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&made); err != nil {
			return http.StatusBadRequest, map[string]any{}, true
		}
		if meta, is := made["metadata"].(map[string]any); is && !w.unproven {
			meta["annotations"] = map[string]any{"stagger.dev/controlled-by": "me"}
		}
		return http.StatusCreated, made, true
	case strings.Count(at, "/") == 3 && strings.HasPrefix(at, "/apis/"):
		list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: strings.TrimPrefix(at, "/apis/")}
		names, is := w.served[list.GroupVersion]
		if !is {
			return http.StatusNotFound, clitest.Failure(http.StatusNotFound, metav1.StatusReasonNotFound, "not served"), true
		}
		for _, name := range names {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
		}
		return http.StatusOK, list, true
	}
	return 0, nil, false
}

func TestNothingIsMissing(t *testing.T) {
	w := whole()
	address := w.prometheus(t)
	code, out, talk := clitest.Run(t, w.cluster(t), "check", "--prometheus", address)
	clitest.Golden(t, "nothing is missing", code, strings.ReplaceAll(out, address, "http://prometheus:9090"), talk)
}

func TestBeforeTheInstallation(t *testing.T) {
	for name, words := range map[string][]string{"before": {"--pre"}, "before, without pre": nil} {
		t.Run(name, func(t *testing.T) {
			w := whole()
			w.objects = istiod
			delete(w.served, "stagger.dev/v1alpha1")
			code, out, talk := clitest.Run(t, w.cluster(t), append([]string{"check"}, words...)...)
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

func TestWhatIsMissingIsFoundAndSaid(t *testing.T) {
	answer := func(part, with string) func(*world) { return func(w *world) { w.answers[part] = with } }
	for name, c := range map[string]struct {
		without func(*world)
		check   string
		result  check.Result
		says    string
	}{
		"an old Kubernetes":    {func(w *world) { w.version = "v1.33.4" }, "Kubernetes", check.ResultMissing, "1.34 is the oldest"},
		"no MutatingAdmission": {func(w *world) { delete(w.served, "admissionregistration.k8s.io/v1") }, "Kubernetes", check.ResultWarning, "upgrade to 1.36"},
		"no Istio":             {func(w *world) { delete(w.served, "networking.istio.io/v1") }, "Istio", check.ResultMissing, "install Istio 1.29"},
		"an old Istio":         {func(w *world) { w.objects = strings.ReplaceAll(w.objects, "1.31.0", "1.28.3-distroless") }, "Istio", check.ResultMissing, "1.29 is the oldest"},
		"no operator":          {func(w *world) { w.objects = istiod }, "operator", check.ResultMissing, "there is no Deployment"},
		"no replica": {func(w *world) {
			w.objects = strings.ReplaceAll(w.objects, "availableReplicas: 2", "availableReplicas: 0")
		}, "operator", check.ResultMissing, "describe deployment stagger"},
		"one of two replicas": {func(w *world) {
			w.objects = strings.ReplaceAll(w.objects, "availableReplicas: 2", "availableReplicas: 1")
		}, "operator", check.ResultWarning, "1 of 2"},
		"policies for another":    {func(w *world) { w.objects = strings.ReplaceAll(w.objects, "releaser", "other") }, "admission policies", check.ResultMissing, "takes system:serviceaccount:tools:releaser for the operator, which is system:serviceaccount:tools:other"},
		"policies not in force":   {func(w *world) { w.unproven = true }, "policies in force", check.ResultMissing, "without the name"},
		"a right":                 {func(w *world) { w.denied = "virtualservices" }, "the operator's rights", check.ResultMissing, "may not patch virtualservices.networking.istio.io"},
		"nobody may see policies": {func(w *world) { w.forbidden = "mutatingadmissionpolicies/" }, "admission policies", check.ResultUnknown, "an administrator"},
		"Prometheus of the cluster": {func(w *world) { w.source = `"False", reason: PrometheusUnreachable, message: no route to host` },
			"counts, by the operator", check.ResultMissing, "no route to host"},
		"a Prometheus with another clock": {func(w *world) { w.source = `"False", reason: ClockSkew, message: it is 7s ahead` },
			"counts, by the operator", check.ResultMissing, "see which node's clock is wrong"},
		"a source that was not asked": {func(w *world) { w.source = `"Unknown", reason: Pending, message: not asked` },
			"counts, by the operator", check.ResultUnknown, "look again in a minute"},
		"counts that are late": {func(w *world) {
			w.objects = strings.ReplaceAll(w.objects, `"True", reason: Current, message: fresh`, `"False", reason: Stale, message: they end a minute ago`)
		}, "counts, by the operator", check.ResultWarning, "shop/checkout: they end a minute ago"},
		"no leader any more":        {func(w *world) { w.renewed = time.Minute }, "leader", check.ResultMissing, "stagger-5d9c-x2x4q was it, and has not renewed its Lease of 15s for 1m0s"},
		"the word of a dead leader": {func(w *world) { w.renewed = time.Minute }, "counts, by the operator", check.ResultUnknown, "no operator works"},
		"the word of no replica": {func(w *world) {
			w.objects = strings.ReplaceAll(w.objects, "availableReplicas: 2", "availableReplicas: 0")
		}, "counts, by the operator", check.ResultUnknown, "no operator works"},
		"a Lease that was given back": {func(w *world) {
			w.objects = strings.ReplaceAll(w.objects, "holderIdentity: stagger-5d9c-x2x4q_8f6e", `holderIdentity: ""`)
		}, "leader", check.ResultMissing, "no replica has taken its place"},
		"no Lease": {func(w *world) {
			w.objects = strings.ReplaceAll(strings.ReplaceAll(w.objects, "{name: stagger, namespace: tools}", "{name: other, namespace: tools}"), "stagger-5d9c", "other-5d9c")
		}, "leader", check.ResultMissing, "none of them works"},
		"no Lease of a single replica": {func(w *world) {
			w.objects = strings.ReplaceAll(strings.ReplaceAll(w.objects, "{name: stagger, namespace: tools}", "{name: other, namespace: tools}"), "stagger-5d9c", "other-5d9c")
			w.objects = strings.ReplaceAll(strings.ReplaceAll(w.objects, "replicas: 2", "replicas: 1"), "availableReplicas: 2", "availableReplicas: 1")
		}, "leader", check.ResultUnknown, "leaderElection.enabled: false"},
		"nobody may see Leases":            {func(w *world) { w.forbidden = "leases" }, "leader", check.ResultUnknown, "(listing leases: cannot GET leases)"},
		"nobody may see ShiftPolicies":     {func(w *world) { w.forbidden = "shiftpolicies" }, "ShiftPolicies", check.ResultUnknown, "(listing shiftpolicies: cannot GET shiftpolicies)"},
		"nobody may see Deployments":       {func(w *world) { w.forbidden = "deployments" }, "operator", check.ResultUnknown, "(listing deployments: cannot GET deployments)"},
		"a Prometheus that answers a page": {func(w *world) { w.html = true }, "Prometheus", check.ResultMissing, "it answers"},
		"Prometheus":                       {func(w *world) { w.silent = true }, "Prometheus", check.ResultMissing, "it answers"},
		"no requests":                      {answer("count by (reporter)", ""), "istio_requests_total", check.ResultMissing, "scrape the proxies"},
		"no callers":                       {answer("count by (reporter)", series(map[string]string{"destination": "3", "waypoint": "1"}, "reporter")), "istio_requests_total", check.ResultMissing, "only destination, waypoint"},
		"no reporter":                      {answer("count by (reporter)", single("7")), "istio_requests_total", check.ResultMissing, "only (none)"},
		"no code":                          {answer(`response_code=""`, single("4")), "labels of requests", check.ResultMissing, "response_code on 4 series"},
		"no name":                          {answer(`destination_service_name=""`, single("4")), "labels of requests", check.ResultMissing, "destination_service_name on 4 series"},
		"gRPC without status":              {answer(`grpc_response_status=""`, single("2")), "protocols", check.ResultMissing, "2 series of gRPC"},
		"a long interval":                  {answer("300 / count_over_time", single("60")), "scrape interval", check.ResultWarning, "the longest is 1m0s"},
		"an unknown interval":              {answer("300 / count_over_time", ""), "scrape interval", check.ResultUnknown, "look again later"},
		"late samples":                     {answer("timestamp(up)", single(fmt.Sprint(clitest.Now.Add(-time.Minute).Unix()))), "lag and clocks", check.ResultWarning, "1m0s old"},
		"clocks that differ":               {answer("timestamp(up)", single(fmt.Sprint(clitest.Now.Add(time.Minute).Unix()))), "lag and clocks", check.ResultWarning, "in the future"},
		"no durations":                     {answer("group by (le)", ""), "edges of durations", check.ResultWarning, "Duration alone"},
		"no edge":                          {answer("group by (le)", series(map[string]string{"250": "1", "1000": "1"}, "le")), "edges of durations", check.ResultMissing, "standard: threshold 500ms is no edge"},
	} {
		t.Run(name, func(t *testing.T) {
			w := whole()
			c.without(w)
			code, out, talk := clitest.Run(t, w.cluster(t), "check", "--prometheus", w.prometheus(t), "-o", "json")
			var found []check.Finding
			if err := json.Unmarshal([]byte(out), &found); err != nil {
				t.Fatalf("%v: %s%s", err, out, talk)
			}
			i := slices.IndexFunc(found, func(f check.Finding) bool { return f.Check == c.check && f.Result != check.ResultOK })
			if i < 0 {
				t.Fatalf("nothing is wrong with %s: %s", c.check, out)
			}
			if f := found[i]; f.Result != c.result || !strings.Contains(f.Found+" "+f.Do, c.says) {
				t.Errorf("got %+v, want %s and %q", f, c.result, c.says)
			}
			missing := slices.ContainsFunc(found, func(f check.Finding) bool { return f.Result == check.ResultMissing })
			if want := map[bool]int{true: cli.ExitError, false: cli.ExitOK}[missing]; code != want {
				t.Errorf("exit code %d, want %d: %s", code, want, out)
			}
		})
	}
}

func TestACheckOfAClusterThatDoesNotAnswerSaysSo(t *testing.T) {
	code, out, talk := clitest.Run(t, clitest.Kubeconfig(t, "http://127.0.0.1:1"), "check")
	if code != cli.ExitError || out != "" || !strings.Contains(talk, "the cluster does not answer") {
		t.Errorf("exit code %d, %q, %q", code, out, talk)
	}
}
