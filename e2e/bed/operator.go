package bed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// Operator is a running operator.
type Operator struct {
	bed  *Bed
	cmd  *exec.Cmd
	args []string
	// Log is the file it writes to.
	Log string
}

// config is the configuration of stories: the real code at a quicker clock. The shipped one is in manifests/kustomize.
const config = `
sources:
- {name: default, address: %q, jobs: [envoy-stats]}
evidence: {slice: 1s, fastTick: 5s, slowTick: 20s, scrapeInterval: 1s}
pushBound: 2s
settleBound: 15s
leaderElection: {namespace: stagger-system, lease: 3s, renew: 2s, retry: 500ms}
health: {address: %q}
metrics: {address: %q}
log: {level: debug, format: text}
`

// StartOperator starts the operator with the token of its ServiceAccount, and waits until it is ready.
func (b *Bed) StartOperator(ctx context.Context) (*Operator, error) {
	program, err := b.Build(ctx, "stagger", "./operator")
	if err != nil {
		return nil, err
	}
	kubeconfig, err := b.account(ctx)
	if err != nil {
		return nil, err
	}
	health, err := free()
	if err != nil {
		return nil, err
	}
	metrics, err := free()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.Dir, "operator.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, b.Prometheus, health, metrics), 0o600); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	o := &Operator{bed: b, args: []string{program, "--config", file, "--kubeconfig", kubeconfig}, Log: filepath.Join(b.Dir, "operator.log")}
	return o, o.Start(ctx)
}

// account is a kubeconfig for the operator's ServiceAccount.
func (b *Bed) account(ctx context.Context) (string, error) {
	token, err := b.Kubectl(ctx, "", "create", "token", "stagger", "--namespace=stagger-system", "--duration=12h")
	if err != nil {
		return "", err
	}
	c, err := clientcmd.LoadFromFile(b.Kubeconfig)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", b.Kubeconfig, err)
	}
	for _, user := range c.AuthInfos {
		user.Token, user.TokenFile, user.ClientCertificateData, user.ClientKeyData = strings.TrimSpace(token), "", nil, nil
	}
	file := filepath.Join(b.Dir, "operator.kubeconfig")
	if err := clientcmd.WriteToFile(*c, file); err != nil {
		return "", fmt.Errorf("writing %s: %w", file, err)
	}
	return file, nil
}

// free is an address nobody listens on now.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// Start starts the operator anew after Kill, with a log that goes on. It does not wait until a former leader's lease is over.
func (o *Operator) Start(ctx context.Context) error {
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	o.cmd = exec.CommandContext(context.WithoutCancel(ctx), o.args[0], o.args[1:]...)
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := o.cmd.Start(); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	return nil
}

// Kill ends the operator as a crash would, without a chance to put anything in order.
func (o *Operator) Kill() error {
	if err := o.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("killing the operator: %w", err)
	}
	_ = o.cmd.Wait() // its error is that it was killed
	return nil
}

// Stop asks the operator to end, and waits for it.
func (o *Operator) Stop() error {
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- o.cmd.Wait() }()
	select {
	case <-done:
		return nil
	case <-time.After(10 * time.Second):
		return o.Kill()
	}
}
