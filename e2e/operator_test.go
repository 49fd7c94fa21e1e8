package e2e

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/stagger-dev/stagger/e2e/bed"
)

// operator is a running operator of one test. What fails with it fails the test.
type operator struct {
	t       *testing.T
	process *bed.Operator
	away    bool // it was ended, and not started again
}

// pushBound is how long the operators here wait until all proxies follow a write: a second or two, and more where many stories share the machine.
const pushBound = 6 * time.Second

// startOperator runs the operator on one namespace with the rights it ships with and a quick clock; settings are bed.NewOperator's. It
// shares no Lease with another test's operator, and ends with the test.
func startOperator(t *testing.T, namespace string, settings ...string) *operator {
	t.Helper()
	return startOperatorBy(t, adm.config, namespace, settings...)
}

// startOperatorBy is startOperator by another way to the cluster.
func startOperatorBy(t *testing.T, cluster *rest.Config, namespace string, settings ...string) *operator {
	t.Helper()
	process, err := bed.NewOperator(t.Context(), filepath.Join(adm.programs, "stagger"), t.TempDir(), cluster, append([]string{
		fmt.Sprintf("sources=[{name: default, address: %q}]", prometheus()),
		"namespaces=[" + namespace + "]", "direct.gatewayNamespaces=[istio-system, istio-ingress]",
		"evidence.fastTick=1s", "evidence.slowTick=5s", "evidence.lag=2s", "pushBound=" + pushBound.String(), "settleBound=10s",
		"leaderElection.id=" + fmt.Sprintf("e2e-%x", sha256.Sum256([]byte(t.Name())))[:20],
	}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, process: process}
	o.start()
	t.Cleanup(func() {
		o.stop()
		o.ended(process.Leave())
		if t.Failed() {
			t.Logf("the operator's log ends with:\n%s", tail(o.log(), 60))
		}
	})
	return o
}

// start runs the operator, which must not be running. Its log goes on in the same file.
func (o *operator) start() {
	o.t.Helper()
	if err := o.process.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.away = false
}

// stop ends the operator as a kubelet does.
func (o *operator) stop() { o.ended(o.process.Stop()) }

// kill ends the operator at once, between any two writes.
func (o *operator) kill() { o.ended(o.process.Kill()) }

func (o *operator) ended(err error) {
	o.t.Helper()
	if o.away = true; err != nil {
		o.t.Error(err)
	}
}

// log is all that the operator has logged.
func (o *operator) log() string {
	text, err := os.ReadFile(o.process.Log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// prometheus is the address of the one with the mesh's metrics.
func prometheus() string { return cmp.Or(os.Getenv("PROMETHEUS_URL"), "http://127.0.0.1:9090") }
