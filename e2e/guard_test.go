package e2e

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// deployment has no pods: what is tested is what the API server makes of writes.
const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout%s}
spec:
  replicas: 0
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec: {containers: [{name: app, image: "shop:%s"}]}
`

func deploymentWith(labels, version string) string { return fmt.Sprintf(deployment, labels, version) }

const held = `, labels: {stagger.dev/held: "true"}`

func readDeployment(t *testing.T, ns string) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := adm.client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "checkout"}, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// patchAs sends a merge patch with the rights of somebody, dry or not, and returns what becomes of the object.
func patchAs[T client.Object](t *testing.T, c client.Client, o T, patch string, opts ...client.PatchOption) T {
	t.Helper()
	if err := c.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch)), opts...); err != nil {
		t.Fatalf("patch %s: %v", patch, err)
	}
	return o
}

// guarded waits until the API server follows the admission policies, which it does some time after they were applied.
func guarded(t *testing.T, ns string) {
	t.Helper()
	waitFor(t, "the API server follows the policy stagger-hold", func() (bool, string) {
		d := patchAs(t, adm.client, readDeployment(t, ns), `{"spec":{"template":{"metadata":{"annotations":{"probe":"1"}}}}}`, client.DryRunAll)
		return d.Spec.Paused, fmt.Sprintf("a template change came back with paused %v", d.Spec.Paused)
	})
}

func TestATemplateChangeOfAHeldDeploymentComesBackPaused(t *testing.T) {
	cases := map[string]func(t *testing.T, ns string){
		"by apply": func(t *testing.T, ns string) { apply(t, ns, deploymentWith(held, "2")) },
		"by forced server-side apply without the label": func(t *testing.T, ns string) {
			feed(t, deploymentWith("", "2"), "apply", "-n", ns, "--server-side", "--force-conflicts", "-f", "-")
		},
		"by replace without the label": func(t *testing.T, ns string) { feed(t, deploymentWith("", "2"), "replace", "-n", ns, "-f", "-") },
		"by set image": func(t *testing.T, ns string) {
			kubectl(t, "-n", ns, "set", "image", "deployment/checkout", "app=shop:2")
		},
		"by the operator itself": func(t *testing.T, ns string) {
			patchAs(t, operatorClient(t), readDeployment(t, ns), `{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":3}}}}`)
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			apply(t, ns, deploymentWith(held, "1"))
			guarded(t, ns)
			change(t, ns)
			d := readDeployment(t, ns)
			if !d.Spec.Paused || d.Labels[v1alpha1.HeldLabel] != "true" {
				t.Errorf("paused %v, label %q; want it paused and held", d.Spec.Paused, d.Labels[v1alpha1.HeldLabel])
			}
		})
	}
}

func TestNobodyButTheOperatorLetsAHeldDeploymentGo(t *testing.T) {
	ns := newNamespace(t)
	apply(t, ns, deploymentWith(held, "1"))
	guarded(t, ns)

	scaled := patchAs(t, adm.client, readDeployment(t, ns), `{"metadata":{"annotations":{"note":"1"}},"spec":{"revisionHistoryLimit":3}}`)
	if scaled.Spec.Paused {
		t.Error("a write that leaves the template alone paused the Deployment")
	}
	kubectl(t, "-n", ns, "set", "image", "deployment/checkout", "app=shop:2")
	kubectl(t, "-n", ns, "rollout", "resume", "deployment/checkout")
	if !readDeployment(t, ns).Spec.Paused {
		t.Error("kubectl rollout resume let the Deployment go")
	}
	kubectl(t, "-n", ns, "label", "deployment/checkout", "stagger.dev/held-")
	if d := readDeployment(t, ns); d.Labels[v1alpha1.HeldLabel] != "true" || !d.Spec.Paused {
		t.Errorf("kubectl label took the hold away: label %q, paused %v", d.Labels[v1alpha1.HeldLabel], d.Spec.Paused)
	}
	c := operatorClient(t)
	if d := patchAs(t, c, readDeployment(t, ns), `{"spec":{"paused":false}}`); d.Spec.Paused {
		t.Error("the operator could not unpause the Deployment")
	}
	if d := patchAs(t, c, readDeployment(t, ns), `{"metadata":{"labels":{"stagger.dev/held":null}}}`); d.Labels[v1alpha1.HeldLabel] != "" || d.Spec.Paused {
		t.Errorf("the operator could not let the Deployment go: label %q, paused %v", d.Labels[v1alpha1.HeldLabel], d.Spec.Paused)
	}
}

func TestADeploymentThatIsNotHeldRollsOutByItself(t *testing.T) {
	ns := newNamespace(t)
	apply(t, ns, deploymentWith(held, "1"))
	guarded(t, ns)
	apply(t, ns, strings.Replace(deploymentWith("", "1"), "name: checkout}", "name: other}", 1))
	kubectl(t, "-n", ns, "set", "image", "deployment/other", "app=shop:2")
	if paused := kubectl(t, "-n", ns, "get", "deployment/other", "-o", "jsonpath={.spec.paused}"); paused != "" && paused != "false" {
		t.Errorf("paused is %s", paused)
	}
}

const (
	userService = `
apiVersion: v1
kind: Service
metadata: {name: checkout, labels: {team: payments}, annotations: {edit: "%d"}}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80}]}
`
	narrowing = `{"metadata":{"labels":{"stagger.dev/narrowed":"abc123"}},"spec":{"selector":{"pod-template-hash":"abc123"}}}`
)

func TestANarrowedServiceStaysNarrowedWhoeverWritesIt(t *testing.T) {
	ns := newNamespace(t)
	apply(t, ns, deploymentWith(held, "1"))
	guarded(t, ns)
	edits := 0
	text := func() string { edits++; return fmt.Sprintf(userService, edits) }
	feed(t, text(), "apply", "-n", ns, "--server-side", "--field-manager=gitops", "-f", "-")
	c := operatorClient(t)
	read := func() *corev1.Service {
		t.Helper()
		var s corev1.Service
		if err := adm.client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "checkout"}, &s); err != nil {
			t.Fatal(err)
		}
		return &s
	}
	patchAs(t, c, read(), narrowing)
	// The policies of an API server take effect one by one.
	waitFor(t, "the API server follows the policy stagger-narrow", func() (bool, string) {
		s := patchAs(t, adm.client, read(), `{"spec":{"selector":{"pod-template-hash":null}}}`, client.DryRunAll)
		return s.Spec.Selector["pod-template-hash"] == "abc123", fmt.Sprint(s.Spec.Selector)
	})
	cases := []struct {
		name string
		do   func()
	}{
		{"forced server-side apply", func() {
			feed(t, text(), "apply", "-n", ns, "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-")
		}},
		{"client-side apply", func() { feed(t, text(), "apply", "-n", ns, "-f", "-") }},
		{"replace", func() { feed(t, text(), "replace", "-n", ns, "-f", "-") }},
		{"a patch of the selector", func() { patchAs(t, adm.client, read(), `{"spec":{"selector":{"pod-template-hash":"other"}}}`) }},
		{"a patch that takes the label away", func() { patchAs(t, adm.client, read(), `{"metadata":{"labels":{"stagger.dev/narrowed":null}}}`) }},
	}
	for _, step := range cases {
		step.do()
		s := read()
		if s.Spec.Selector["pod-template-hash"] != "abc123" || s.Spec.Selector["app"] != "checkout" || s.Labels[v1alpha1.NarrowedLabel] != "abc123" {
			t.Errorf("%s: selector %v, label %q; want it narrowed to abc123", step.name, s.Spec.Selector, s.Labels[v1alpha1.NarrowedLabel])
		}
	}
	if got := read().Annotations["edit"]; got != fmt.Sprint(edits) {
		t.Errorf("the last edit of the user that is there is %s, want %d: what he writes beside the selector is his", got, edits)
	}
	widened := patchAs(t, c, read(), `{"metadata":{"labels":{"stagger.dev/narrowed":null}},"spec":{"selector":{"pod-template-hash":null}}}`)
	if _, found := widened.Spec.Selector["pod-template-hash"]; found || widened.Labels[v1alpha1.NarrowedLabel] != "" {
		t.Errorf("the operator could not widen the Service: %v", widened.Spec.Selector)
	}
}

// Who writes a Service as it was while a release ran, elsewhere or after the release, would narrow it to pods that are not there, and could
// not widen it again.
func TestNobodyButTheOperatorNarrowsAService(t *testing.T) {
	ns := newNamespace(t)
	c := operatorClient(t)
	read := func() *corev1.Service {
		t.Helper()
		var s corev1.Service
		if err := adm.client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "checkout"}, &s); err != nil {
			t.Fatal(err)
		}
		return &s
	}
	narrowed := strings.NewReplacer("team: payments", "team: payments, stagger.dev/narrowed: abc123", "{app: checkout}", "{app: checkout, pod-template-hash: abc123}").
		Replace(fmt.Sprintf(userService, 1))
	wide := func(after string) {
		t.Helper()
		if s := read(); len(s.Spec.Selector) != 1 || s.Labels[v1alpha1.NarrowedLabel] != "" || s.Labels["team"] != "payments" {
			t.Errorf("after %s: selector %v, labels %v; want it wide, and the rest as it was written", after, s.Spec.Selector, s.Labels)
		}
	}
	waitFor(t, "the API server follows the policy stagger-narrow", func() (bool, string) {
		out, err := try(t.Context(), narrowed, "-n", ns, "create", "--dry-run=server", "-o", "jsonpath={.spec.selector}", "-f", "-")
		return err == nil && !strings.Contains(out, "abc123"), fmt.Sprint(out, err)
	})
	feed(t, narrowed, "create", "-n", ns, "-f", "-")
	wide("create")
	feed(t, narrowed, "apply", "-n", ns, "-f", "-")
	wide("apply")
	feed(t, narrowed, "apply", "-n", ns, "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-")
	wide("server-side apply")
	feed(t, narrowed, "replace", "-n", ns, "-f", "-")
	wide("replace")
	patchAs(t, c, read(), narrowing)
	kubectl(t, "-n", ns, "patch", "service", "checkout", "--subresource=status", "--type=merge", "-p", `{"metadata":{"labels":{"stagger.dev/narrowed":null}}}`)
	if s := read(); s.Labels[v1alpha1.NarrowedLabel] != "abc123" {
		t.Errorf("a write of the status took the label away: %v", s.Labels)
	}
	feed(t, strings.Replace(narrowed, "pod-template-hash: abc123", "tier: web", 1), "apply", "-n", ns, "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-")
	if s := read(); s.Spec.Selector["pod-template-hash"] != "abc123" || s.Spec.Selector["tier"] != "web" {
		t.Errorf("a narrowed Service has the selector %v", s.Spec.Selector)
	}
}

// feed runs kubectl with an input.
func feed(t *testing.T, input string, args ...string) {
	t.Helper()
	if _, err := try(t.Context(), input, args...); err != nil {
		t.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
	}
}
