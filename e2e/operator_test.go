package e2e

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// operator is the real program as a process of the test, which starts it again when it ends by itself, as a kubelet does.
type operator struct {
	t   *testing.T
	dir string

	mu     sync.Mutex
	cmd    *exec.Cmd
	wanted bool          // the test ends it
	ended  chan struct{} // closed when it has ended and stays so
}

// startOperator runs the operator on one namespace with the rights it ships with and a quick clock. A setting is the dotted name of one
// of the configuration file and its value, such as "evidence.slice=1s". It ends with the test.
func startOperator(t *testing.T, namespace string, settings ...string) *operator {
	t.Helper()
	o := &operator{t: t, dir: t.TempDir()}
	operatorKubeconfig(t, o.path("kubeconfig"))
	config, err := yaml.Marshal(configuration(t, namespace, settings))
	if err != nil {
		t.Fatalf("writing the configuration: %v", err)
	}
	if err := os.WriteFile(o.path("config.yaml"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	o.start()
	t.Cleanup(func() {
		o.stop()
		if t.Failed() {
			t.Logf("the operator's log ends with:\n%s", tail(o.log(), 60))
		}
	})
	return o
}

// configuration is quick, serves on free ports of its own, and shares no Lease with another test's operator.
func configuration(t *testing.T, namespace string, settings []string) map[string]any {
	t.Helper()
	c := map[string]any{
		"sources":        []any{map[string]any{"name": "default", "address": prometheus()}},
		"namespaces":     []any{namespace},
		"evidence":       map[string]any{"slice": "1s", "fastTick": "1s", "slowTick": "5s", "lag": "2s", "scrapeInterval": "1s"},
		"pushBound":      "3s",
		"settleBound":    "10s",
		"leaderElection": map[string]any{"id": fmt.Sprintf("e2e-%x", sha256.Sum256([]byte(t.Name())))[:20], "namespace": operatorNamespace, "lease": "6s", "renew": "5s", "retry": "1s"},
		"health":         map[string]any{"address": "127.0.0.1:0"},
		"metrics":        map[string]any{"address": "127.0.0.1:0"},
		"log":            map[string]any{"level": "debug", "format": "text"},
	}
	for _, s := range settings {
		name, value, found := strings.Cut(s, "=")
		if !found {
			t.Fatalf("setting %q is not name=value", s)
		}
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); err != nil {
			t.Fatalf("setting %q: %v", s, err)
		}
		set(c, strings.Split(name, "."), v)
	}
	return c
}

func set(c map[string]any, name []string, v any) {
	for ; len(name) > 1; name = name[1:] {
		inner, ok := c[name[0]].(map[string]any)
		if !ok {
			inner = map[string]any{}
			c[name[0]] = inner
		}
		c = inner
	}
	c[name[0]] = v
}

func (o *operator) path(name string) string { return filepath.Join(o.dir, name) }

// start runs the operator, which must not be running. Its log goes on in the same file.
func (o *operator) start() {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wanted, o.ended = false, make(chan struct{})
	if err := o.run(); err != nil {
		o.t.Fatalf("starting the operator: %v", err)
	}
	go o.keep(o.ended)
}

// run starts the process; the lock is held.
func (o *operator) run() error {
	log, err := os.OpenFile(o.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	o.cmd = exec.Command(filepath.Join(adm.programs, "stagger"), "--config", o.path("config.yaml"), "--kubeconfig", o.path("kubeconfig"))
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return o.cmd.Start()
}

// keep starts the operator again until the test ends it.
func (o *operator) keep(ended chan<- struct{}) {
	defer close(ended)
	for {
		o.mu.Lock()
		cmd := o.cmd
		o.mu.Unlock()
		_ = cmd.Wait() // how it ended is told by its log
		o.mu.Lock()
		done := o.wanted || o.run() != nil
		o.mu.Unlock()
		if done {
			return
		}
	}
}

// stop ends the operator as a kubelet does.
func (o *operator) stop() { o.end(syscall.SIGTERM) }

// kill ends the operator at once, between any two writes.
func (o *operator) kill() { o.end(syscall.SIGKILL) }

func (o *operator) end(signal syscall.Signal) {
	o.t.Helper()
	o.mu.Lock()
	o.wanted = true
	cmd, ended := o.cmd, o.ended
	o.mu.Unlock()
	_ = cmd.Process.Signal(signal) // it may have ended
	select {
	case <-ended:
	case <-time.After(40 * time.Second):
		o.t.Error("the operator did not end within 40 s")
		_ = cmd.Process.Kill()
	}
}

// log is all that the operator has logged.
func (o *operator) log() string {
	text, err := os.ReadFile(o.path("log"))
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
