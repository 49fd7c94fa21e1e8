package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/apifault"
)

// faulty is kubectl by way of the faulty API server.
func (b bed) faulty(args ...string) (string, error) {
	return b.try(append([]string{"exec", "--", "sh", "-c", `exec kubectl --kubeconfig "$KUBECONFIG_FAULTY" "$@"`, "sh"}, args...)...)
}

// annotate patches the VirtualService by way of the faulty API server.
func (b bed) annotate(value string) (string, error) {
	return b.faulty("-n", "shop", "annotate", "--overwrite", "virtualservice", "checkout", "note="+value)
}

// note is the annotation that the API server has.
func (b bed) note() string {
	b.t.Helper()
	return b.run("exec", "--", "kubectl", "-n", "shop", "get", "virtualservice", "checkout", "-o", "jsonpath={.metadata.annotations.note}")
}

func TestFaultsOfTheAPIServer(t *testing.T) {
	b := raise(t)
	b.run("exec", "--", "kubectl", "apply", "-f", "samples/shop.yaml")
	if out, err := b.annotate("plain"); err != nil {
		t.Fatalf("without a rule: %v\n%s", err, out)
	}
	patches := []string{"fault", "api", "--verb", "patch", "--resource", "virtualservices.networking.istio.io", "--namespace", "shop"}
	t.Run("a refused patch", func(t *testing.T) {
		b := bed{t, b.program, b.state}
		b.run(append(patches, "--status", "422", "--message", "denied by a policy", "--count", "1")...)
		if out, err := b.annotate("refused"); err == nil || !strings.Contains(out, "denied by a policy") {
			t.Errorf("the patch was not refused: %v\n%s", err, out)
		}
		if got := b.note(); got != "plain" {
			t.Errorf("the refused patch is stored: %q", got)
		}
		if out, err := b.annotate("after"); err != nil {
			t.Errorf("the count is over, but: %v\n%s", err, out)
		}
	})
	t.Run("a patch whose answer is cut", func(t *testing.T) {
		b := bed{t, b.program, b.state}
		b.run(append(patches, "--break", "--count", "1")...)
		if out, err := b.annotate("broken"); err == nil {
			t.Errorf("the patch was answered:\n%s", out)
		}
		if got := b.note(); got != "broken" {
			t.Errorf("the server has %q, want what was sent", got)
		}
	})
	t.Run("a delayed patch", func(t *testing.T) {
		b := bed{t, b.program, b.state}
		id := strings.TrimSpace(b.run(append(patches, "--delay", "1h")...))
		done := make(chan error)
		go func() {
			_, err := b.annotate("delayed")
			done <- err
		}()
		b.until("the patch waits", func(out string) bool {
			var all []apifault.Known
			decode(t, out, &all)
			return all[len(all)-1].Struck == 1
		}, "fault", "list", "--json")
		if got := b.note(); got != "broken" {
			t.Errorf("the delayed patch is stored already: %q", got)
		}
		b.run("fault", "clear", id)
		if err := <-done; err != nil || b.note() != "delayed" {
			t.Errorf("the delayed patch did not arrive: %v, %q", err, b.note())
		}
	})
	t.Run("a watch", func(t *testing.T) { watchStreams(bed{t, b.program, b.state}) })
	b.run("fault", "clear")
	if out := b.run("fault", "list", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("after clear there are rules:\n%s", out)
	}
}

// watchStreams sees a change while the watch goes on.
func watchStreams(b bed) {
	cmd := exec.CommandContext(b.t.Context(), b.program, "--state", b.state, "exec", "--", "sh", "-c",
		`exec kubectl --kubeconfig "$KUBECONFIG_FAULTY" -n shop get virtualservice checkout --watch -o jsonpath='{.metadata.annotations.note}{"\n"}'`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	stuck := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	lines := bufio.NewScanner(out)
	for _, want := range []string{"delayed", "watched"} {
		if !lines.Scan() || lines.Text() != want {
			b.t.Fatalf("the watch says %q (%v), want %q", lines.Text(), lines.Err(), want)
		}
		if out, err := b.annotate("watched"); err != nil {
			b.t.Fatalf("%v\n%s", err, out)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // It was killed.
}

// shifts is a custom resource with rights for people, as an operator brings them.
const shifts = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shifts.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shift, plural: shifts}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shifts-edit, labels: {rbac.authorization.k8s.io/aggregate-to-edit: "true"}}
rules: [{apiGroups: [example.com], resources: [shifts], verbs: [get, patch]}]
`

func TestAnEditorOfOneNamespaceHasTheAggregatedRightsThere(t *testing.T) {
	b := raise(t)
	file := filepath.Join(t.TempDir(), "shifts.yaml")
	if err := os.WriteFile(file, []byte(shifts), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run("exec", "--", "kubectl", "apply", "-f", file)
	b.run("exec", "--", "kubectl", "wait", "--for=condition=Established", "crd/shifts.example.com", "--timeout=30s")
	b.run("exec", "--", "kubectl", "create", "namespace", "mine")
	for _, ns := range []string{"mine", "shop"} {
		shift := filepath.Join(t.TempDir(), ns+".yaml")
		if err := os.WriteFile(shift, []byte("{apiVersion: example.com/v1, kind: Shift, metadata: {name: a, namespace: "+ns+"}}"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.until("a shift in "+ns, func(string) bool { return true }, "exec", "--", "kubectl", "apply", "-f", shift)
	}
	b.run("exec", "--", "kubectl", "-n", "mine", "create", "rolebinding", "jane", "--clusterrole=edit", "--user=jane")
	patch := func(ns string) []string {
		return []string{"exec", "--", "kubectl", "--as=jane", "-n", ns, "patch", "shift", "a", "--type=merge", "-p", `{"spec": {"control": "Paused"}}`}
	}
	b.until("jane may patch in her namespace", func(string) bool { return true }, patch("mine")...)
	for what, args := range map[string][]string{
		"patch in another namespace": patch("shop"),
		"delete in her namespace":    {"exec", "--", "kubectl", "--as=jane", "-n", "mine", "delete", "shift", "a"},
	} {
		if out, err := b.try(args...); err == nil || !strings.Contains(out, "forbidden") {
			t.Errorf("jane may %s: %v\n%s", what, err, out)
		}
	}
}
