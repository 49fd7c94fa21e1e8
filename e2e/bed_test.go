package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	operatorNamespace = bed.OperatorNamespace
	operatorUser      = "system:serviceaccount:stagger-system:stagger"
	// patience is how long a fact is waited for.
	patience = 60 * time.Second
	// between is the least time from one look at a fact to the next.
	between = 100 * time.Millisecond
	// rests is how many times as long as a look took nobody looks after it: looks by kubectl are the machine's work as well.
	rests = 3
)

// adm is the cluster the stories are told to, as its administrator sees it.
var adm struct {
	programs string
	config   *rest.Config
	client   client.WithWatch
}

// connect fills adm from KUBECONFIG.
func connect(programs string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("reading KUBECONFIG: %w", err)
	}
	config.QPS, config.Burst = 200, 400
	adm.programs, adm.config = programs, config
	adm.client, err = clientAs(config, "")
	return err
}

// clientAs is a client with the rights of a user; empty: the administrator's.
func clientAs(config *rest.Config, user string) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("registering types: %w", err)
		}
	}
	config = rest.CopyConfig(config)
	config.Impersonate.UserName = user
	if namespace, name, found := strings.Cut(strings.TrimPrefix(user, "system:serviceaccount:"), ":"); found && name != "" {
		config.Impersonate.Groups = []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return c, nil
}

// operatorClient is a client with the rights that the operator ships with.
func operatorClient(t *testing.T) client.WithWatch {
	t.Helper()
	c, err := clientAs(adm.config, operatorUser)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kubectl runs kubectl as the administrator and returns its standard output.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := try(t.Context(), "", args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// apply applies YAML to a namespace.
func apply(t *testing.T, namespace, yaml string) {
	t.Helper()
	if _, err := try(t.Context(), yaml, "apply", "-n", namespace, "-f", "-"); err != nil {
		t.Fatalf("applying: %v\n%s", err, yaml)
	}
}

// try runs kubectl with an input; the error carries what it said.
func try(ctx context.Context, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// newNamespace makes a namespace with Istio's injection label for the test, and deletes it at the end without waiting.
func newNamespace(t *testing.T) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Labels: map[string]string{"istio-injection": "enabled"}}}
	if err := adm.client.Create(t.Context(), n); err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := client.IgnoreNotFound(adm.client.Delete(ctx, n)); err != nil {
			t.Errorf("deleting namespace %s: %v", n.Name, err)
		}
		if err := letGo(ctx, n.Name); err != nil {
			t.Errorf("letting namespace %s go: %v", n.Name, err)
		}
	})
	return n.Name
}

// letGo takes the finalizers off the TrafficShifts of a namespace, whose operator has ended with its story. A namespace that they keep is deleted
// by the controllers again and again: forty of them were half of what the API server did.
func letGo(ctx context.Context, namespace string) error {
	var shifts v1alpha1.TrafficShiftList
	if err := adm.client.List(ctx, &shifts, client.InNamespace(namespace)); err != nil {
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return nil // the story deleted their kind
		}
		return fmt.Errorf("listing TrafficShifts: %w", err)
	}
	for i := range shifts.Items {
		x := &shifts.Items[i]
		if len(x.Finalizers) == 0 {
			continue
		}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		if err := client.IgnoreNotFound(adm.client.Patch(ctx, x, patch)); err != nil {
			return fmt.Errorf("taking the finalizers off %s: %w", x.Name, err)
		}
	}
	return nil
}

// waitFor polls a fact for at most patience; what it says when it is not so is the failure's text.
func waitFor(t *testing.T, what string, fact func() (bool, string)) {
	t.Helper()
	waitWithin(t, patience, what, fact)
}

// waitWithin looks at a fact again and again. The limit is how long what is seen may stay the same, and it is spent by looks, as many as
// fit into it on a machine that answers at once: where everything takes longer because the machine is busy, so does the limit. What goes on
// changing has four times as long in all.
func waitWithin(t *testing.T, limit time.Duration, what string, fact func() (bool, string)) {
	t.Helper()
	looks, last := int(limit/between), ""
	left, all := looks, 4*looks
	for {
		began := time.Now()
		ok, is := fact()
		if ok {
			return
		}
		pause := max(between, rests*time.Since(began))
		if is != last {
			left, last = looks, is
		}
		left, all = left-int(pause/between), all-int(pause/between)
		if min(left, all) <= 0 {
			t.Fatalf("%s: not in %s and as long as the looks took, or in four times as long while it changed; last: %s", what, limit, last)
		}
		select {
		case <-time.After(pause):
		case <-t.Context().Done():
			t.Fatalf("%s: %v; last: %s", what, context.Cause(t.Context()), last)
		}
	}
}

// plugin runs kubectl stagger in a namespace, as people do.
func plugin(t *testing.T, ns string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(adm.programs, "kubectl-stagger"), append([]string{"-n", ns}, args...)...).CombinedOutput()
	return string(out), err
}

// pausedAtRest is how kubectl prints whether a held Deployment is paused where nothing is released: it is where the cluster has no admission
// policy that would pause it in time.
func pausedAtRest(t *testing.T) string {
	t.Helper()
	if strings.Contains(kubectl(t, "api-resources", "--api-group=admissionregistration.k8s.io", "-o", "name"), "mutatingadmissionpolicies.") {
		return ""
	}
	return "true"
}
