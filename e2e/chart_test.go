package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// chartFolder is the chart, seen from here.
const chartFolder = "../manifests/chart"

// newest is what Kubernetes 1.36 and newer serve, and helm template does not know of without a cluster.
var newest = []string{"--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"}

// rendered are the objects of a rendering, by "Kind namespace/name".
type rendered map[string]map[string]any

// helm runs Helm as the cluster's administrator and returns its standard output.
func helm(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(adm.programs, "helm"), args...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(talk.String()))
	}
	return out.String(), nil
}

// render is what the chart gives with some arguments.
func render(t *testing.T, namespace string, args ...string) string {
	t.Helper()
	out, err := helm(t.Context(), append([]string{"template", "stagger", chartFolder, "-n", namespace}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// objects reads a stream of YAML documents.
func objects(t *testing.T, stream string) rendered {
	t.Helper()
	all := rendered{}
	for document := range strings.SplitSeq("\n"+stream, "\n---") {
		o := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if len(o) > 0 {
			u := unstructured.Unstructured{Object: o}
			all[fmt.Sprintf("%s %s/%s", u.GetKind(), u.GetNamespace(), u.GetName())] = o
		}
	}
	return all
}

// at reads a field of an object that must be there.
func (r rendered) at(t *testing.T, object string, path ...string) any {
	t.Helper()
	o, found := r[object]
	if !found {
		t.Fatalf("there is no %s among %v", object, slices.Sorted(maps.Keys(r)))
	}
	v, _, err := unstructured.NestedFieldNoCopy(o, path...)
	if err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return v
}

// text is everything of an object.
func (r rendered) text(t *testing.T, object string) string { return fmt.Sprint(r.at(t, object)) }

func TestTheManifestsAreTheChartsDefaultRendering(t *testing.T) {
	t.Parallel()
	chart := objects(t, render(t, operatorNamespace, append(newest, "--no-hooks")...))
	shipped := objects(t, kubectl(t, "kustomize", "../manifests/kustomize"))
	delete(shipped, "Namespace /"+operatorNamespace) // helm install --create-namespace makes it
	annotations := func(object string) map[string]any {
		t.Helper()
		a, is := chart.at(t, object, "metadata", "annotations").(map[string]any)
		if !is {
			t.Fatalf("%s has no annotations", object)
		}
		return a
	}
	for _, crd := range []string{"shiftpolicies", "trafficshifts"} { // Helm's own affair
		delete(annotations("CustomResourceDefinition /"+crd+".stagger.dev"), "helm.sh/resource-policy")
	}
	// A change of the configuration rolls the operator: by its name here, by a checksum there.
	for object := range shipped {
		if hash, named := strings.CutPrefix(object, "ConfigMap stagger-system/stagger-config-"); named {
			o := shipped[object]
			delete(shipped, object)
			if err := unstructured.SetNestedField(o, "stagger-config", "metadata", "name"); err != nil {
				t.Fatal(err)
			}
			shipped["ConfigMap stagger-system/stagger-config"] = o
			whole, err := yaml.Marshal(shipped["Deployment stagger-system/stagger"])
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(whole), "name: stagger-config-"+hash) {
				t.Error("the Deployment does not follow the name of its configuration")
			}
			shipped["Deployment stagger-system/stagger"] = objects(t, strings.ReplaceAll(string(whole), "stagger-config-"+hash, "stagger-config"))["Deployment stagger-system/stagger"]
		}
	}
	pod, is := chart.at(t, "Deployment stagger-system/stagger", "spec", "template", "metadata", "annotations").(map[string]any)
	if !is || pod["checksum/config"] == nil {
		t.Error("the chart's pods do not change with the configuration")
	}
	delete(pod, "checksum/config")
	for _, all := range []rendered{chart, shipped} { // the comments of the files differ
		c := all["ConfigMap stagger-system/stagger-config"]
		data, err := yaml.YAMLToJSON([]byte(fmt.Sprint(all.at(t, "ConfigMap stagger-system/stagger-config", "data", "config.yaml"))))
		if err != nil {
			t.Fatal(err)
		}
		c["data"] = string(data)
	}
	// kustomize breaks the lines of CEL elsewhere than the files do.
	words := cmp.Comparer(func(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) })
	if diff := cmp.Diff(chart, shipped, words); diff != "" {
		t.Errorf("-chart +manifests/kustomize:\n%s", diff)
	}
}

func TestEveryVariantOfTheChartIsAcceptedByTheAPIServer(t *testing.T) {
	t.Parallel()
	shop, payments, elsewhere := newNamespace(t), newNamespace(t), newNamespace(t)
	const network, deployment = "NetworkPolicy %s/stagger", "Deployment %s/stagger"
	for name, c := range map[string]struct {
		namespace string
		args      []string
		check     func(*testing.T, rendered)
	}{
		"default": {operatorNamespace, newest, func(t *testing.T, all rendered) {
			if user := all.at(t, "Deployment stagger-system/stagger", "spec", "template", "spec", "securityContext", "runAsUser"); user != nil {
				t.Errorf("the pod's user is %v; OpenShift gives it one", user)
			}
			all.at(t, "ShiftPolicy /standard")
			if binding := all.text(t, "ClusterRoleBinding /stagger-policy-view"); !strings.Contains(binding, "system:authenticated") {
				t.Errorf("not every authenticated user may read the policies: %s", binding)
			}
		}},
		"policies for whom the role is given to": {operatorNamespace, append(newest, "--set", "policies.readableByAll=false"), func(t *testing.T, all rendered) {
			all.at(t, "ClusterRole /stagger-policy-view")
			for name, o := range all {
				if strings.HasPrefix(name, "ClusterRoleBinding ") && strings.Contains(fmt.Sprint(o), "stagger-policy-view") {
					t.Errorf("%s gives it to somebody: %v", name, o)
				}
			}
		}},
		"an older Kubernetes": {operatorNamespace, nil, func(t *testing.T, all rendered) {
			if _, is := all["MutatingAdmissionPolicy /stagger-hold"]; is {
				t.Error("it gets policies that it does not serve")
			}
			all.at(t, "ValidatingAdmissionPolicy /stagger-config")
		}},
		"no admission policies": {operatorNamespace, append(newest, "--set", "admission.install=Never"), func(t *testing.T, all rendered) {
			for object := range all {
				if strings.Contains(object, "AdmissionPolicy") {
					t.Errorf("it has %s", object)
				}
			}
		}},
		"another namespace and account": {elsewhere, append(newest, "--set", "serviceAccount.name=releaser"), func(t *testing.T, all rendered) {
			for _, policy := range []string{"stagger-hold", "stagger-narrow"} {
				if user := "system:serviceaccount:" + elsewhere + ":releaser"; !strings.Contains(all.text(t, "MutatingAdmissionPolicy /"+policy), "'"+user+"'") {
					t.Errorf("policy %s does not know %s", policy, user)
				}
			}
			for object, o := range all {
				if strings.Contains(fmt.Sprint(o), "stagger-system") {
					t.Errorf("%s speaks of stagger-system", object)
				}
			}
		}},
		"some namespaces": {operatorNamespace, append(newest, "--set", "namespaces={"+shop+","+payments+"}"), func(t *testing.T, all rendered) {
			for _, n := range []string{shop, payments} {
				if rules := all.text(t, "Role "+n+"/stagger-releases"); !strings.Contains(rules, "virtualservices") || strings.Contains(rules, "shiftpolicies") {
					t.Errorf("the Role in %s is %s", n, rules)
				}
				all.at(t, "RoleBinding "+n+"/stagger-releases")
			}
			if rules := all.text(t, "ClusterRole /stagger"); strings.Contains(rules, "virtualservices") || !strings.Contains(rules, "shiftpolicies") {
				t.Errorf("the ClusterRole is %s", rules)
			}
			if c := all.text(t, "ConfigMap stagger-system/stagger-config"); !strings.Contains(c, shop) {
				t.Errorf("the configuration is %s", c)
			}
			for object, o := range all {
				if strings.Contains(object, "stagger-gateways") {
					t.Errorf("nobody named a namespace of gateways, and it gets %v", o)
				}
			}
		}},
		"some namespaces and gateways": {operatorNamespace, append(newest, "--set", "namespaces={"+shop+"}", "--set", "config.direct.gatewayNamespaces={"+shop+","+payments+"}"), func(t *testing.T, all rendered) {
			if rules := all.text(t, "Role "+payments+"/stagger-gateways"); !strings.Contains(rules, "pods") || strings.Contains(rules, "update") || strings.Contains(rules, "patch") {
				t.Errorf("the Role in %s is %s", payments, rules)
			}
			all.at(t, "RoleBinding "+payments+"/stagger-gateways")
			if _, twice := all["Role "+shop+"/stagger-gateways"]; twice {
				t.Errorf("%s has all rights already, and gets those to gateways", shop)
			}
		}},
		"OpenShift": {operatorNamespace, append(newest, "--set", "platform=openshift", "--set", "config.sources[0].name=default",
			"--set", "config.sources[0].address=https://thanos-querier.openshift-monitoring.svc:9091"), func(t *testing.T, all rendered) {
			for _, want := range []string{"5353", "9091"} {
				if rules := all.text(t, fmt.Sprintf(network, operatorNamespace)); !strings.Contains(rules, want) || strings.Contains(rules, "9090") {
					t.Errorf("the network policy lacks port %s: %s", want, rules)
				}
			}
		}},
		"proxies are not read": {operatorNamespace, append(newest, "--set", "config.direct.mode=Off"), func(t *testing.T, all rendered) {
			if rules := all.text(t, fmt.Sprintf(network, operatorNamespace)); strings.Contains(rules, "15090") {
				t.Errorf("the network policy has the port of proxies: %s", rules)
			}
		}},
		"ports by scheme": {operatorNamespace, append(newest, "--set", "config.sources[0].name=default", "--set", "config.sources[0].address=http://mimir.example.com/prometheus",
			"--set", "config.sources[0].oauth2.token_url=https://login.example.com:8444/token"), func(t *testing.T, all rendered) {
			for _, want := range []string{"port:80 ", "port:8444 ", "port:15090 "} {
				if rules := all.text(t, fmt.Sprintf(network, operatorNamespace)); !strings.Contains(rules, want) {
					t.Errorf("the network policy lacks %s: %s", want, rules)
				}
			}
		}},
		"dashboards": {elsewhere, append(newest, "--set", "monitoring.dashboards.enabled=true", "--set-string", "monitoring.dashboards.labels.board=yes"), func(t *testing.T, all rendered) {
			files, err := filepath.Glob(boardFiles)
			if err != nil || len(files) == 0 {
				t.Fatalf("there are no boards: %v", err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				object := "ConfigMap " + elsewhere + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
				if got := all.at(t, object, "data", filepath.Base(file)); got != string(text) {
					t.Errorf("%s is not the file", object)
				}
				if got := fmt.Sprint(all.at(t, object, "metadata", "labels")); got != "map[app.kubernetes.io/name:stagger board:yes grafana_dashboard:1]" {
					t.Errorf("%s has the labels %s", object, got)
				}
				if got := all.at(t, object, "metadata", "annotations", "grafana_folder"); got != "Stagger" {
					t.Errorf("%s is put into %v", object, got)
				}
			}
		}},
		"GKE": {operatorNamespace, append(newest, "--set", "platform=gke"), func(t *testing.T, all rendered) {
			all.at(t, "ResourceQuota stagger-system/stagger")
		}},
		"credentials and volumes": {operatorNamespace, append(newest, "--set", "credentials.secretName=prometheus-token",
			"--set", "extraVolumes[0].name=ca", "--set", "extraVolumes[0].configMap.name=ca",
			"--set", "extraVolumeMounts[0].name=ca", "--set", "extraVolumeMounts[0].mountPath=/etc/ca"), func(t *testing.T, all rendered) {
			if pod := all.text(t, fmt.Sprintf(deployment, operatorNamespace)); !strings.Contains(pod, "prometheus-token") || !strings.Contains(pod, "/etc/ca") {
				t.Errorf("the Deployment is %s", pod)
			}
		}},
		"a certificate for the metrics": {elsewhere, append(newest, "--set", "metricsCertificate.secretName=metrics-tls", "--set", "config.metrics.releases=Waiting"), func(t *testing.T, all rendered) {
			c := fmt.Sprint(all.at(t, "ConfigMap "+elsewhere+"/stagger-config", "data", "config.yaml"))
			for _, want := range []string{"dir: /etc/stagger-metrics\n", "releases: Waiting\n"} {
				if !strings.Contains(c, want) {
					t.Errorf("the configuration has no %q: %s", want, c)
				}
			}
			pod := all.text(t, fmt.Sprintf(deployment, elsewhere))
			for _, want := range []string{"mountPath:/etc/stagger-metrics name:metrics-certificate", "name:metrics-certificate secret:map[secretName:metrics-tls]"} {
				if !strings.Contains(pod, want) {
					t.Errorf("the Deployment has no %q: %s", want, pod)
				}
			}
		}},
		"one replica, no extras": {operatorNamespace, append(newest, "--set", "replicas=1", "--set", "networkPolicy.enabled=false",
			"--set", "priorityClassName=", "--set", "policies.install=false", "--set", "crds.install=false", "--set-string", "config.metrics.address=0"), func(t *testing.T, all rendered) {
			for _, not := range []string{"PodDisruptionBudget stagger-system/stagger", "NetworkPolicy stagger-system/stagger", "ShiftPolicy /standard",
				"CustomResourceDefinition /trafficshifts.stagger.dev", "Service stagger-system/stagger-metrics"} {
				if _, is := all[not]; is {
					t.Errorf("there is a %s", not)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			stream := render(t, c.namespace, c.args...)
			c.check(t, objects(t, stream))
			if _, err := try(t.Context(), stream, "apply", "--dry-run=server", "--force-conflicts", "--server-side", "-f", "-"); err != nil {
				t.Errorf("the API server refuses it: %v", err)
			}
		})
	}
	t.Run("boards for the Grafana operator", func(t *testing.T) { // nor a Grafana operator
		set := []string{"--set", "monitoring.dashboards.enabled=true", "--set", "monitoring.dashboards.grafanaOperator.enabled=true"}
		all := objects(t, render(t, elsewhere, set...))
		board := "GrafanaDashboard " + elsewhere + "/stagger-release"
		if name, key := all.at(t, board, "spec", "configMapRef", "name"), all.at(t, board, "spec", "configMapRef", "key"); name != "stagger-release" || key != "stagger-release.json" {
			t.Errorf("it takes %v of %v", key, name)
		}
		if got := all.at(t, board, "spec", "instanceSelector", "matchLabels", "dashboards"); got != "grafana" {
			t.Errorf("it is shown by %v", got)
		}
	})
	t.Run("monitoring", func(t *testing.T) { // the mesh has no Prometheus operator; hack/packaging has its types judge its kinds
		all := objects(t, render(t, elsewhere, "--set", "monitoring.enabled=true", "--set", "monitoring.labels.release=kube-prometheus-stack"))
		for _, object := range []string{"ServiceMonitor " + elsewhere + "/stagger", "PrometheusRule " + elsewhere + "/stagger"} {
			if got := all.at(t, object, "metadata", "labels", "release"); got != "kube-prometheus-stack" {
				t.Errorf("%s has the label release: %v", object, got)
			}
			if strings.Contains(all.text(t, object), "stagger-system") {
				t.Errorf("%s speaks of stagger-system", object)
			}
		}
		for secret, want := range map[string]string{
			"":            "map[insecureSkipVerify:true]",
			"metrics-tls": "map[ca:map[secret:map[key:ca.crt name:metrics-tls]] serverName:stagger-metrics." + elsewhere + ".svc]",
		} {
			all := objects(t, render(t, elsewhere, "--set", "monitoring.enabled=true", "--set", "metricsCertificate.secretName="+secret))
			endpoints, is := all.at(t, "ServiceMonitor "+elsewhere+"/stagger", "spec", "endpoints").([]any)
			if !is || len(endpoints) != 1 || !strings.Contains(fmt.Sprint(endpoints[0]), "tlsConfig:"+want) {
				t.Errorf("with the certificate %q the metrics are read by %v, want tlsConfig %s", secret, endpoints, want)
			}
		}
	})
}

func TestTheChartRefusesWhatTheOperatorWould(t *testing.T) {
	t.Parallel()
	for value, says := range map[string]string{
		"config.hodl=Auto":                                                  "additional properties 'hodl' not allowed",
		"config.hold=auto":                                                  "at '/config/hold': value must be one of 'Auto', 'OnChange', 'Always'",
		"config.sources[0].adress=http://a":                                 "additional properties 'adress' not allowed",
		"config.evidence.slice=5":                                           "at '/config/evidence/slice': got number, want string",
		"platform=aks":                                                      "at '/platform'",
		"config.namespaces={shop}":                                          "use the value namespaces instead",
		"config.leaderElection.enabled=false":                               "set replicas to 1",
		"networkPolicy.extraPorts={0}":                                      "minimum: got 0, want 1",
		"monitorring.enabled=true":                                          "additional properties 'monitorring' not allowed",
		"monitoring.dashboards.enable=true":                                 "additional properties 'enable' not allowed",
		"metricsCertificate.secretName=a,config.metrics.serving=Plain":      "config.metrics.serving is Plain, which serves without the certificate",
		"metricsCertificate.secretName=a,config.metrics.certificate.dir=/b": "both give a certificate: leave one out",
	} {
		if _, err := helm(t.Context(), "template", "stagger", chartFolder, "--set", value); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", value, err, says)
		}
	}
}
