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

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	operatorNamespace = "stagger-system"
	operatorUser      = "system:serviceaccount:stagger-system:stagger"
	// patience is how long a fact is waited for.
	patience = 60 * time.Second
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
		if err := client.IgnoreNotFound(adm.client.Delete(context.Background(), n)); err != nil {
			t.Errorf("deleting namespace %s: %v", n.Name, err)
		}
	})
	return n.Name
}

// waitFor polls a fact for at most patience; what it says when it is not so is the failure's text.
func waitFor(t *testing.T, what string, fact func() (bool, string)) {
	t.Helper()
	waitWithin(t, patience, what, fact)
}

// waitWithin polls a fact until a deadline.
func waitWithin(t *testing.T, limit time.Duration, what string, fact func() (bool, string)) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, limit, true, func(context.Context) (bool, error) {
		ok, is := fact()
		last = is
		return ok, nil
	})
	if err != nil {
		t.Fatalf("%s: not within %s; last: %s", what, limit, last)
	}
}

// operatorKubeconfig writes a kubeconfig with a token of the operator's own service account.
func operatorKubeconfig(t *testing.T, file string) {
	t.Helper()
	accountKubeconfig(t, file, operatorNamespace, "stagger")
}

// accountKubeconfig writes a kubeconfig with a token of a service account.
func accountKubeconfig(t *testing.T, file, namespace, name string) {
	t.Helper()
	clients, err := kubernetes.NewForConfig(adm.config)
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	day := int64((24 * time.Hour).Seconds())
	token, err := clients.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("asking for a token of service account %s/%s: %v", namespace, name, err)
	}
	k := clientcmdapi.NewConfig()
	k.Clusters["cluster"] = &clientcmdapi.Cluster{
		Server: adm.config.Host, CertificateAuthorityData: adm.config.CAData, CertificateAuthority: adm.config.CAFile, TLSServerName: adm.config.ServerName,
	}
	k.AuthInfos["stagger"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	k.Contexts["stagger"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "stagger", Namespace: namespace}
	k.CurrentContext = "stagger"
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		t.Fatalf("writing the operator's kubeconfig: %v", err)
	}
}

// plugin runs kubectl stagger in a namespace, as people do.
func plugin(t *testing.T, ns string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(adm.programs, "kubectl-stagger"), append([]string{"-n", ns}, args...)...).CombinedOutput()
	return string(out), err
}
