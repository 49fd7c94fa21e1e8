package bed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Bed is a cluster with Istio, and the folders that stories need.
type Bed struct {
	// Client reads and writes as the cluster's administrator.
	Client client.Client
	// Root is the repository's folder, Dir where logs, records and programs are kept.
	Root, Dir string
	// Kubeconfig is the administrator's.
	Kubeconfig string
	// Prometheus is the URL of the mesh's Prometheus.
	Prometheus string
	// config leads to the cluster as its administrator.
	config *rest.Config
}

// Open takes the cluster that KUBECONFIG names. The folder dir is made if it is not there.
func Open(root, dir string) (*Bed, error) {
	b := &Bed{Root: root, Dir: dir, Kubeconfig: os.Getenv("KUBECONFIG"), Prometheus: os.Getenv("PROMETHEUS_URL")}
	if b.Kubeconfig == "" {
		return nil, errors.New("KUBECONFIG names no cluster")
	}
	if b.Prometheus == "" {
		b.Prometheus = "http://prometheus.istio-system.svc:9090"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", b.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", b.Kubeconfig, err)
	}
	config.QPS, config.Burst = 200, 400
	b.config = config
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, networking.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("registering the API types: %w", err)
		}
	}
	b.Client, err = client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making the client: %w", err)
	}
	return b, nil
}

// Install applies the manifests as they ship. The operator's pods have no image here: it runs as a process beside the cluster.
func (b *Bed) Install(ctx context.Context) error {
	for _, args := range [][]string{
		{"apply", "-k", filepath.Join(b.Root, "manifests/kustomize")},
		{"-n", "stagger-system", "scale", "deployment/stagger", "--replicas=0"},
		{"wait", "--for=condition=Established", "crd/shiftpolicies.stagger.dev", "crd/trafficshifts.stagger.dev", "--timeout=30s"},
		{"apply", "-k", filepath.Join(b.Root, "manifests/policies")},
	} {
		if _, err := b.Kubectl(ctx, "", args...); err != nil {
			return fmt.Errorf("installing: %w", err)
		}
	}
	return nil
}

// Build makes a program of the repository, once, in the folder of the Bed.
func (b *Bed) Build(ctx context.Context, name, pkg string) (string, error) {
	out := filepath.Join(b.Dir, name)
	return out, b.run(ctx, "", "go", "build", "-trimpath", "-o", out, pkg)
}

func (b *Bed) run(ctx context.Context, stdin, name string, args ...string) error {
	_, err := b.output(ctx, stdin, name, args...)
	return err
}

func (b *Bed) output(ctx context.Context, stdin, name string, args ...string) (string, error) {
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = b.Root, strings.NewReader(stdin), &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}

// Kubectl runs kubectl as a person would, with the text on its standard input.
func (b *Bed) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	return b.output(ctx, stdin, "kubectl", args...)
}

// Apply applies the objects written in YAML.
func (b *Bed) Apply(ctx context.Context, yaml string) error {
	_, err := b.Kubectl(ctx, yaml, "apply", "-f", "-")
	return err
}

// Namespace makes a namespace.
func (b *Bed) Namespace(ctx context.Context, name string) error {
	if err := b.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return fmt.Errorf("making namespace %s: %w", name, err)
	}
	return nil
}

// Shift is the TrafficShift of a Service.
func (b *Bed) Shift(ctx context.Context, namespace, name string) (*v1alpha1.TrafficShift, error) {
	s := &v1alpha1.TrafficShift{}
	return s, b.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, s)
}

// Poll asks until the answer is yes, and says what was waited for and what was seen last when the time is over.
func Poll(ctx context.Context, what string, within time.Duration, ask func(context.Context) (bool, string)) error {
	ctx, stop := context.WithTimeoutCause(ctx, within, fmt.Errorf("waited %s for %s", within, what))
	defer stop()
	often := time.NewTicker(200 * time.Millisecond)
	defer often.Stop()
	for {
		ok, seen := ask(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last seen: %s", context.Cause(ctx), seen)
		case <-often.C:
		}
	}
}
