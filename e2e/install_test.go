package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// platform is where the platform team of the story keeps Stagger, under a name of its own.
var platform = types.NamespacedName{Namespace: "platform-tools", Name: "releaser"}

// installation is Stagger as Helm installed it.
type installation struct {
	t     *testing.T
	chart string // where it is in the registry
	op    *operator
}

func TestAPlatformTeamInstallsUpgradesAndUninstallsStagger(t *testing.T) {
	t.Parallel()
	if !onItsOwnMesh(t) {
		return
	}
	in := fromRegistry(t)
	s := &story{t: t, ns: newNamespace(t), api: adm.config}
	s.opens()
	s.under("gateway", s.ns+".example.com")
	if err := believed(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := s.reads("oci://registry.example.com/charts/stagger", in.chart+" --plain-http --values "+in.values(), "stagger-system", platform.Namespace,
		// The mesh's nodes have no image of the operator: that is what is found missing, as is looked at below.
		"check -n shop --prometheus http://127.0.0.1:9090", "check -n "+s.ns+" --prometheus "+prometheus()+" || [ $? = 1 ]")
	if found := checked(t, "default", false, "--pre"); found["Kubernetes"].Result != "ok" || found["Istio"].Result != "ok" {
		t.Errorf("before the installation: %+v", found)
	}
	if found := checked(t, "default", false); found["CRDs"].Result != "missing" || found["operator"].Result != "missing" {
		t.Errorf("nothing is installed, and check says %+v", found)
	}
	r.follows("tutorials/first-release.md", "Look at what the cluster lacks", "Install")
	if err := known(t.Context()); err != nil {
		t.Fatal(err)
	}
	asWritten := s.snapshot()
	s.hasPolicy()
	in.runs("e2e-install")
	kubectl(t, "wait", "--for=condition=SourceAnswers", "--timeout=2m", "shiftpolicy/cautious", "shiftpolicy/standard") // before any release needs it
	s.newcomer(r)
	s.before, s.began = s.snapshot(), time.Now()
	s.push("1.3.0")
	s.step(3, 1)

	for name, f := range checked(t, s.ns, false) {
		want := "ok"
		switch name {
		case "operator": // the mesh's nodes have no image of it
			want = "missing"
		case "counts, by the operator": // nothing that an operator said counts while no replica is available
			want = "unknown"
		case "scrape interval": // this Prometheus is too young to tell
			want = "unknown"
		}
		if f.Result != want {
			t.Errorf("%s is %s: %s; want %s", name, f.Result, f.Found, want)
		}
	}
	elsewhere := checked(t, s.ns, true)["Prometheus"]
	if elsewhere.Result != "missing" || !strings.Contains(elsewhere.Do, "http://127.0.0.1:1") {
		t.Errorf("where no Prometheus answers: %+v", elsewhere)
	}

	// In the middle of a release: rights and work in one namespace only, and a policy that the team has made its own.
	kubectl(t, "patch", "shiftpolicy", "standard", "--type=merge", "-p", `{"spec": {"warmup": "40s"}}`)
	before := kubectl(t, "-n", platform.Namespace, "get", "deployment", "stagger", "-o", `jsonpath={.spec.template.metadata.annotations.checksum/config}`)
	in.helm("upgrade", "--reuse-values", "--set", "namespaces={"+s.ns+"}", "--wait", "--timeout", "2m")
	if after := kubectl(t, "-n", platform.Namespace, "get", "deployment", "stagger", "-o", `jsonpath={.spec.template.metadata.annotations.checksum/config}`); after == before {
		t.Error("another configuration does not change the operator's pods")
	}
	if got := kubectl(t, "get", "shiftpolicy", "standard", "-o", "jsonpath={.spec.warmup}"); got != "40s" {
		t.Errorf("the upgrade has put the policy back to a warm-up of %s", got)
	}
	if may, mayNot := checked(t, s.ns, false)["the operator's rights"], checked(t, "default", false)["the operator's rights"]; may.Result != "ok" || mayNot.Result != "missing" {
		t.Errorf("with one namespace the operator's rights are there: %+v; elsewhere: %+v", may, mayNot)
	}
	in.op.stop()
	in.runs("e2e-install")
	s.ended(3, v1alpha1.StatePromoted)
	s.losesNothing()
	s.restored()

	// Uninstalling, as the docs say: let go first.
	kubectl(t, "annotate", "services", "--all-namespaces", "--all", "stagger.dev/policy-")
	waitFor(t, "no TrafficShift is left", func() (bool, string) {
		out := kubectl(t, "get", "trafficshifts", "-A", "-o", "name")
		return out == "", out
	})
	in.op.stop()
	in.helm("uninstall", "--wait", "--timeout", "1m")
	if left := kubectl(t, "get", "all,configmaps,networkpolicies,serviceaccounts,roles,rolebindings,poddisruptionbudgets", "-n", platform.Namespace,
		"-l", "app.kubernetes.io/name=stagger", "-o", "name"); left != "" {
		t.Errorf("left behind in %s: %s", platform.Namespace, left)
	}
	if left := kubectl(t, "get", "roles,rolebindings", "-n", s.ns, "-o", "name"); left != "" {
		t.Errorf("left behind in %s: %s", s.ns, left)
	}
	if left := kubectl(t, "get", "clusterroles,clusterrolebindings,mutatingadmissionpolicies,validatingadmissionpolicies", "-l", "app.kubernetes.io/name=stagger", "-o", "name"); left != "" {
		t.Errorf("left behind in the cluster: %s", left)
	}
	kubectl(t, "get", "shiftpolicy", "standard", s.ns) // CRDs and policies stay
	now := s.snapshot()
	delete(asWritten, "Deployment/checkout")
	if held := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.metadata.labels} {.spec.paused}"); strings.Contains(held, "stagger.dev") || strings.Contains(held, "true") {
		t.Errorf("the Deployment is left with %s", held)
	}
	delete(now, "Deployment/checkout") // it has the version that was released
	if diff := asWritten.Diff(now); diff != "" {
		t.Errorf("the team's objects, -as written +as left:\n%s", diff)
	}
	kubectl(t, "-n", s.ns, "set", "image", "deployment/checkout", "app=shop:1.4.0") // nobody holds it any more
	kubectl(t, "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=60s")
	in.helm("install", "--wait", "--timeout", "2m") // what was kept is no obstacle
}

// newcomer goes the way of a new user, as the tutorials have it, from the annotation over a release and an abort to the alert.
func (s *story) newcomer(r *reader) {
	s.t.Helper()
	if err := bed.LoadRules(s.t.Context(), prometheus(), "../manifests/monitoring/alerts.yaml"); err != nil {
		s.t.Fatal(err)
	}
	r.follows("tutorials/first-release.md", "Manage the Service")
	s.until("the operator has taken charge", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	s.before, s.began = s.snapshot(), time.Now()
	r.follows("tutorials/first-release.md", "Look again", "Ship", "See it in Prometheus")
	s.losesNothing()
	s.restored()
	r.follows("tutorials/first-abort.md", "Ship a bad version", "Read why", "Hear of it", "Clean up")
	s.restored()
}

// finding is a line of what kubectl stagger check finds.
type finding struct{ Check, Result, Found, Do string }

// checked is what kubectl stagger check finds, by the names of the checks; it must say by its exit status whether something is missing. The
// Prometheus may be one that is not there.
func checked(t *testing.T, namespace string, nobody bool, args ...string) map[string]finding {
	t.Helper()
	address := prometheus()
	if nobody {
		address = "http://127.0.0.1:1"
	}
	out, err := plugin(t, namespace, append([]string{"check", "--prometheus", address, "-o", "json"}, args...)...)
	var all []finding
	if broken := json.Unmarshal([]byte(out), &all); broken != nil {
		t.Fatalf("kubectl stagger check: %v, %v: %s", err, broken, out)
	}
	found, missing := map[string]finding{}, false
	for _, f := range all {
		found[f.Check] = f
		missing = missing || f.Result == "missing"
	}
	if missing != (err != nil) {
		t.Errorf("exit status %v with %s", err, out)
	}
	return found
}

// fromRegistry puts the chart into a registry, from where the story installs it.
func fromRegistry(t *testing.T) *installation {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	place := "oci://" + strings.TrimPrefix(server.URL, "http://") + "/charts"
	for _, args := range [][]string{
		{"package", chartFolder, "--version", "0.1.0", "--app-version", "v0.1.0", "--destination", dir},
		{"push", filepath.Join(dir, "stagger-0.1.0.tgz"), place, "--plain-http"},
	} {
		if _, err := helm(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	return &installation{t: t, chart: place + "/stagger"}
}

// helm installs, upgrades or uninstalls, with the configuration of a story's quick clock. The mesh's nodes have no image of the operator, so
// there are no replicas: it runs as a process beside the cluster.
func (in *installation) helm(verb string, args ...string) {
	in.t.Helper()
	all := append([]string{verb, "stagger", "-n", platform.Namespace}, args...)
	if verb != "uninstall" {
		all = append(all, in.chart, "--version", "0.1.0", "--plain-http")
	}
	if verb == "install" {
		all = append(all, "--values", in.values())
	}
	if _, err := helm(in.t.Context(), all...); err != nil {
		in.t.Fatal(err)
	}
}

// values is the file of values that the story installs with.
func (in *installation) values() string {
	in.t.Helper()
	file := filepath.Join(in.t.TempDir(), "values.yaml")
	text := fmt.Sprintf(`
replicas: 0
serviceAccount: {name: %s}
config:
  sources: [{name: default, address: %q}]
  evidence: {slice: 1s, fastTick: 1s, slowTick: 5s, lag: 2s, scrapeInterval: 1s}
  pushBound: 6s
  settleBound: 10s
  log: {level: debug, format: text}
`, platform.Name, prometheus())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		in.t.Fatal(err)
	}
	return file
}

// runs starts the operator with the configuration and the ServiceAccount that Helm has installed.
func (in *installation) runs(lease string) {
	in.t.Helper()
	text := kubectl(in.t, "-n", platform.Namespace, "get", "configmap", "stagger-config", "-o", `jsonpath={.data.config\.yaml}`)
	installed := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &installed); err != nil {
		in.t.Fatal(err)
	}
	settings := []string{"leaderElection.id=" + lease, "leaderElection.namespace=" + platform.Namespace}
	for name, value := range installed {
		each, err := yaml.Marshal(value)
		if err != nil {
			in.t.Fatal(err)
		}
		settings = append(settings, name+"="+string(each))
	}
	process, err := bed.NewOperatorAs(in.t.Context(), platform, filepath.Join(adm.programs, "stagger"), in.t.TempDir(), adm.config, settings...)
	if err != nil {
		in.t.Fatal(err)
	}
	in.op = &operator{t: in.t, process: process}
	in.op.start()
	in.t.Cleanup(func() {
		in.op.stop()
		if in.t.Failed() {
			in.t.Logf("the operator's log ends with:\n%s", tail(in.op.log(), 40))
		}
	})
}
