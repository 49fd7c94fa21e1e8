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

	"k8s.io/client-go/tools/clientcmd"
)

// Operator is a running operator.
type Operator struct {
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
leaderElection: {namespace: stagger-system, lease: 6s, renew: 5s, retry: 1s}
health: {address: %q}
metrics: {address: %q}
log: {level: debug, format: text}
`

// StartOperator starts the operator with the token of its ServiceAccount. Until the context is done it is started again when it ends by
// itself, as a kubelet does.
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
	o := &Operator{args: []string{program, "--config", file, "--kubeconfig", kubeconfig}, Log: filepath.Join(b.Dir, "operator.log")}
	cmd, err := o.start(ctx)
	if err != nil {
		return nil, err
	}
	go o.keep(ctx, cmd)
	return o, nil
}

func (o *Operator) keep(ctx context.Context, cmd *exec.Cmd) {
	for {
		_ = cmd.Wait() // how it ended is told by its log
		next, err := o.start(ctx)
		if err != nil {
			return
		}
		cmd = next
	}
}

// start starts the operator, with a log that goes on; an error when the context is done.
func (o *Operator) start(ctx context.Context) (*exec.Cmd, error) {
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	cmd := exec.CommandContext(ctx, o.args[0], o.args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the operator: %w", err)
	}
	return cmd, nil
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
