package bed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// OperatorNamespace is where the operator's ServiceAccount and Lease are.
const OperatorNamespace = "stagger-system"

// What the configuration of all operators here says of the evidence.
const (
	Slice          = time.Second
	ScrapeInterval = time.Second
)

// Operator is the real program as a process beside the cluster. It is started again when it ends by itself, as a kubelet does.
//
// Where PROMETHEUS_SCRAPED names a folder, its Prometheus scrapes it with the labels that a ServiceMonitor gives.
type Operator struct {
	// Log is the file it writes to, over all of its starts.
	Log string
	// Metrics is the address of its metrics, Pod the label by which the mesh's Prometheus tells it from the others.
	Metrics, Pod string
	args         []string

	mu      sync.Mutex
	cmd     *exec.Cmd
	stopped bool          // nobody wants it to be started again
	ended   chan struct{} // closed when it has ended and stays so
}

// NewOperator prepares an operator that is built already: it writes the configuration and a kubeconfig with a token of the operator's
// own ServiceAccount to the folder. A setting is the dotted name of one of the configuration file and its value in YAML, such as
// "evidence.slice=1s". The clock is quicker than the shipped one, and "sources" is for the caller to set.
func NewOperator(ctx context.Context, program, dir string, cluster *rest.Config, settings ...string) (*Operator, error) {
	return NewOperatorAs(ctx, types.NamespacedName{Namespace: OperatorNamespace, Name: "stagger"}, program, dir, cluster, settings...)
}

// NewOperatorAs is NewOperator with another ServiceAccount.
func NewOperatorAs(ctx context.Context, account types.NamespacedName, program, dir string, cluster *rest.Config, settings ...string) (*Operator, error) {
	file, kubeconfig := filepath.Join(dir, "operator.yaml"), filepath.Join(dir, "operator.kubeconfig")
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	config, err := configuration(append([]string{"metrics.address=" + address}, settings...))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	if err := operatorKubeconfig(ctx, account, cluster, kubeconfig); err != nil {
		return nil, err
	}
	o := &Operator{
		args: []string{program, "--config", file, "--kubeconfig", kubeconfig}, Log: filepath.Join(dir, "operator.log"),
		Metrics: address, Pod: "stagger-" + address[strings.LastIndex(address, ":")+1:],
	}
	return o, scrape(o.Pod, address)
}

// StartOperator builds the operator and runs it until the context is done.
func (b *Bed) StartOperator(ctx context.Context) (*Operator, error) {
	program, err := b.Build(ctx, "stagger", "./operator")
	if err != nil {
		return nil, err
	}
	sources := fmt.Sprintf("sources=[{name: default, address: %q, jobs: [envoy-stats]}]", b.Prometheus)
	o, err := NewOperator(ctx, program, b.Dir, b.config, sources)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = o.Kill() }) // it ends with this program at the latest
	return o, o.Start()
}

// basics is the configuration of all operators here: the real code at a quicker clock, on free ports. The shipped one is in
// manifests/kustomize.
var basics = fmt.Sprintf(`
evidence: {slice: %s, fastTick: 5s, slowTick: 20s, scrapeInterval: %s}
pushBound: 2s
settleBound: 15s
leaderElection: {namespace: %s, lease: 6s, renew: 5s, retry: 1s}
health: {address: "127.0.0.1:0"}
metrics: {address: "127.0.0.1:0"}
log: {level: debug, format: text}
`, Slice, ScrapeInterval, OperatorNamespace)

// configuration is the basics with the settings in them.
func configuration(settings []string) ([]byte, error) {
	c := map[string]any{}
	if err := yaml.Unmarshal([]byte(basics), &c); err != nil {
		return nil, fmt.Errorf("reading the basics: %w", err)
	}
	for _, s := range settings {
		name, value, found := strings.Cut(s, "=")
		if !found {
			return nil, fmt.Errorf("setting %q is not name=value", s)
		}
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); err != nil {
			return nil, fmt.Errorf("setting %q: %w", s, err)
		}
		set(c, strings.Split(name, "."), v)
	}
	return yaml.Marshal(c)
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

// Start runs the operator, which must not be running.
func (o *Operator) Start() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped, o.ended = false, make(chan struct{})
	if err := o.run(); err != nil {
		close(o.ended)
		return err
	}
	go o.keep(o.ended)
	return nil
}

// Becomes has another program be the operator from its next start on.
func (o *Operator) Becomes(program string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.args[0] = program
}

// run starts the process; the lock is held.
func (o *Operator) run() error {
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	o.cmd = exec.Command(o.args[0], o.args[1:]...)
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := o.cmd.Start(); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	return nil
}

// again is how long an operator that has ended by itself stays away. A kubelet waits longer.
const again = time.Second

// keep starts the operator again until it is stopped.
func (o *Operator) keep(ended chan<- struct{}) {
	defer close(ended)
	for {
		o.mu.Lock()
		cmd := o.cmd
		o.mu.Unlock()
		_ = cmd.Wait() // how it ended is told by its log
		o.mu.Lock()
		if !o.stopped {
			o.mu.Unlock()
			time.Sleep(again)
			o.mu.Lock()
		}
		done := o.stopped || o.run() != nil
		o.mu.Unlock()
		if done {
			return
		}
	}
}

// Stop ends the operator as a kubelet does, and waits until it has ended.
func (o *Operator) Stop() error { return o.end(syscall.SIGTERM) }

// Kill ends the operator at once, between any two writes, and waits until it has ended.
func (o *Operator) Kill() error { return o.end(syscall.SIGKILL) }

// Pause stops the operator where it is, as a machine does that swaps or is moved. It keeps its connections.
func (o *Operator) Pause() error { return o.signal(syscall.SIGSTOP) }

// Continue lets a paused operator go on.
func (o *Operator) Continue() error { return o.signal(syscall.SIGCONT) }

func (o *Operator) signal(signal syscall.Signal) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("telling the operator %s: %w", signal, err)
	}
	return nil
}

func (o *Operator) end(signal syscall.Signal) error {
	o.mu.Lock()
	o.stopped = true
	cmd, ended := o.cmd, o.ended
	o.mu.Unlock()
	if cmd == nil || cmd.Process == nil {
		return nil // it was never started
	}
	_ = cmd.Process.Signal(signal) // it may have ended
	_ = cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-ended:
		return nil
	case <-time.After(40 * time.Second):
		_ = cmd.Process.Kill()
		return errors.New("the operator did not end within 40 s")
	}
}

// operatorKubeconfig writes a kubeconfig with a token of the operator's own ServiceAccount.
func operatorKubeconfig(ctx context.Context, account types.NamespacedName, cluster *rest.Config, file string) error {
	clients, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	day := int64((24 * time.Hour).Seconds())
	token, err := clients.CoreV1().ServiceAccounts(account.Namespace).CreateToken(ctx, account.Name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("asking for a token of the operator's ServiceAccount: %w", err)
	}
	k := clientcmdapi.NewConfig()
	k.Clusters["cluster"] = &clientcmdapi.Cluster{
		Server: cluster.Host, CertificateAuthorityData: cluster.CAData, CertificateAuthority: cluster.CAFile, TLSServerName: cluster.ServerName,
	}
	k.AuthInfos["stagger"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	k.Contexts["stagger"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "stagger", Namespace: account.Namespace}
	k.CurrentContext = "stagger"
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		return fmt.Errorf("writing the operator's kubeconfig: %w", err)
	}
	return nil
}
