package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// peers is where hack/peers.sh put the tools that others come from.
var peers = flag.String("peers", "", "a folder with other tools: run them beside the stories of those who come from them, and record to testdata what they leave")

// peer is another tool that releases versions.
type peer struct {
	resource string // its custom resource
	// crd is as much of the definition of its custom resource as the API server needs to keep one. The tool's own is used with -peers.
	crd string
	// crds and program are the tool's own, in the folder of -peers.
	crds    []string
	program func(namespace string) []string
	// rested is what kubectl get says by path when the image has been released.
	path, rested string
	// push is what to change for a release.
	push string
}

// crd defines a custom resource that takes any fields.
func crd(group, version, plural, kind, columns string) string {
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[3]s.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {plural: %[3]s, singular: %[4]s, kind: %[5]s, listKind: %[5]sList}
  versions:
  - name: %[2]s
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns: [%[6]s]
`, group, version, plural, strings.ToLower(kind), kind, columns)
}

func flagger() peer {
	return peer{
		resource: "canaries.flagger.app",
		crd: crd("flagger.app", "v1beta1", "canaries", "Canary", `{name: Status, type: string, jsonPath: .status.phase},
      {name: Weight, type: string, jsonPath: .status.canaryWeight}, {name: LastTransitionTime, type: string, jsonPath: .status.lastTransitionTime}`),
		crds: []string{"flagger.yaml"},
		program: func(ns string) []string {
			return []string{"flagger", "-kubeconfig=" + os.Getenv("KUBECONFIG"), "-namespace=" + ns, "-metrics-server=" + prometheus(), "-mesh-provider=istio", "-port=18081"}
		},
		path: "{.status.phase}", rested: "Initialized", push: "deployment/checkout",
	}
}

func argoRollouts(port int, push string) peer {
	return peer{
		resource: "rollouts.argoproj.io",
		crd:      crd("argoproj.io", "v1alpha1", "rollouts", "Rollout", ""),
		crds:     []string{"rollouts.yaml"},
		program: func(ns string) []string {
			return []string{"rollouts", "--kubeconfig=" + os.Getenv("KUBECONFIG"), "--namespaced", "--namespace=" + ns, "--leader-elect=false",
				fmt.Sprintf("--metricsport=%d", port), fmt.Sprintf("--healthzPort=%d", port+1)}
		},
		path: "{.status.phase}", rested: "Healthy", push: push,
	}
}

// runs lets the tool itself take over a Deployment and release a version, and records what it leaves. It goes on running.
func (n *newcomer) runs() {
	n.t.Helper()
	for _, name := range n.tool.crds {
		kubectl(n.t, "apply", "--server-side", "-f", filepath.Join(*peers, name))
	}
	kubectl(n.t, "wait", "--for=condition=Established", "crd/"+n.tool.resource, "--timeout=60s")
	text, err := os.ReadFile(filepath.Join("testdata", "coming-from", n.left, "before.yaml"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.starts()
	apply(n.t, n.ns, strings.ReplaceAll(string(text), "shop.example.com", n.ns+".example.com"))
	n.rests(n.tool.rested, "shop:1.0.0")
	n.under("gateway", n.ns+".example.com")
	n.ships("1.1.0")
	n.rests(strings.Replace(n.tool.rested, "Initialized", "Succeeded", 1), "shop:1.1.0")
	n.pods(n.served, 4)
	n.pods(n.serves, 0)
	n.records()
}

// starts runs the tool's controller on the namespace until the test ends.
func (n *newcomer) starts() {
	n.t.Helper()
	args := n.tool.program(n.ns)
	log, err := os.Create(filepath.Join(n.t.TempDir(), args[0]+".log"))
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(*peers, args[0]), args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if text, err := os.ReadFile(log.Name()); n.t.Failed() && err == nil {
			n.t.Logf("the log of %s ends with:\n%s", args[0], tail(string(text), 40))
		}
	})
}

// rests waits until the tool is at rest, and the pods that serve have an image.
func (n *newcomer) rests(phase, image string) {
	n.t.Helper()
	waitWithin(n.t, promotion, image+" is released by the other tool", func() (bool, string) {
		out := kubectl(n.t, "-n", n.ns, "get", n.tool.resource, "checkout", "-o", "jsonpath="+n.tool.path)
		serving := kubectl(n.t, "-n", n.ns, "get", "pods", "-l", n.served, "-o", "jsonpath={.items[*].spec.containers[0].image}")
		return out == phase && serving == strings.TrimSpace(strings.Repeat(image+" ", 4)), out + ": " + serving
	})
}

// ships changes the image in the template that the tool releases.
func (n *newcomer) ships(tag string) {
	n.t.Helper()
	patch := `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"shop:` + tag + `"}]`
	kubectl(n.t, "-n", n.ns, "patch", n.tool.push, "--type=json", "-p", patch)
}

// records writes down what the tool leaves: the object that it goes by first, then all others but what the cluster makes of them.
func (n *newcomer) records() {
	n.t.Helper()
	kinds := n.tool.resource + ",configmaps,services,deployments,replicasets,horizontalpodautoscalers,virtualservices.networking.istio.io,destinationrules.networking.istio.io"
	var list unstructured.UnstructuredList
	if err := yaml.Unmarshal([]byte(kubectl(n.t, "-n", n.ns, "get", kinds, "-o", "yaml")), &list); err != nil {
		n.t.Fatal(err)
	}
	var docs []string
	for _, o := range list.Items {
		made := len(o.GetOwnerReferences()) > 0 && o.GetOwnerReferences()[0].Kind == "Deployment"
		if made || strings.HasPrefix(o.GetName(), "istio-") || strings.HasPrefix(o.GetName(), "kube-root") {
			continue
		}
		tidy(&o, o.GetKind() == "Canary" || o.GetKind() == "Rollout")
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			n.t.Fatal(err)
		}
		docs = append(docs, string(text))
	}
	text := strings.ReplaceAll(strings.Join(docs, "---\n"), n.ns+".example.com", "shop.example.com")
	if err := os.WriteFile(filepath.Join("testdata", "coming-from", n.left, "left.yaml"), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// tidy takes out what the API server writes, and of all but one object the status.
func tidy(o *unstructured.Unstructured, keepStatus bool) {
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	for _, field := range []string{"clusterIP", "clusterIPs"} {
		unstructured.RemoveNestedField(o.Object, "spec", field)
	}
	annotations := o.GetAnnotations()
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	o.SetAnnotations(annotations)
	if len(annotations) == 0 {
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations")
	}
	refs := o.GetOwnerReferences()
	for i := range refs {
		refs[i].UID = ""
	}
	if len(refs) > 0 {
		o.SetOwnerReferences(refs)
	}
	for _, field := range []string{"conditions", "lastTransitionTime"} {
		unstructured.RemoveNestedField(o.Object, "status", field)
	}
	if !keepStatus {
		unstructured.RemoveNestedField(o.Object, "status")
	}
}
