package mesh

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/build"
	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

// Options are the choices of who brings a mesh up.
type Options struct {
	Binaries       build.Binaries `json:"binaries"`
	ScrapeInterval time.Duration  `json:"scrapeInterval"` // Of Prometheus, for both Envoys; at least 100 ms.
	Audit          bool           `json:"audit"`          // Whether the API server writes audit.log.
	IstiodEnv      []string       `json:"istiodEnv"`      // NAME=VALUE settings of istiod, after the mesh's own.
	Foreground     bool           `json:"foreground"`     // Whether the mesh ends with the process that asked for it.
	Ahead          bool           `json:"ahead"`          // Whether the mesh runs ahead of the machine's other work, where that is allowed.
}

// Names of the components, in the order in which they start; the last one only when it is asked for.
var names = [...]string{"etcd", "apiserver", "controllers", "agent", "istiod", "prometheus", "envoy-gateway", "envoy-sidecar", replica}

// Names returns the names of the components, in the order in which they start.
func Names() []string { return slices.Clone(names[:]) }

// links makes the names by which the kube program knows what it shall be.
func links(dir state.Dir, kube, promtool, self string) error {
	for link, target := range map[string]string{
		dir.Path("bin", "kubectl"): kube, dir.Path("components", "etcd"): kube, dir.Path("components", "kube-apiserver"): kube,
		dir.Path("components", "controllers"): kube, dir.Path("bin", "localmesh"): self, dir.Path("bin", "promtool"): promtool,
	} {
		if err := os.Symlink(target, link); err != nil {
			return fmt.Errorf("linking %s: %w", filepath.Base(link), err)
		}
	}
	return nil
}

// processes are the components of a mesh, none of them started.
func processes(dir state.Dir, o Options) map[string]*process {
	argv := map[string][]string{
		"etcd":          {dir.Path("components", "etcd"), dir.Path("components", "etcd-data")},
		"apiserver":     apiserverArgs(dir, o),
		"controllers":   {dir.Path("components", "controllers"), dir.Kubeconfig()},
		"agent":         {dir.Path("bin", "localmesh"), "agent", "--kubeconfig", dir.Kubeconfig(), "--targets", dir.Path("components", "pods.json"), "--envoy", o.Binaries.Envoy},
		"istiod":        istiodArgs(dir, o),
		"prometheus":    prometheusArgs(dir, o, "prometheus", state.Prometheus),
		replica:         prometheusArgs(dir, o, replica, state.PrometheusReplica),
		"envoy-gateway": envoyArgs(dir, o, gateway),
		"envoy-sidecar": envoyArgs(dir, o, sidecar),
	}
	env := map[string][]string{
		"istiod": append([]string{
			// Upstream's Envoy has none of the filters that these would put into its configuration.
			"PILOT_ENABLE_ALPN_FILTER=false", "PILOT_ENABLE_METADATA_EXCHANGE=false",
			"INJECT_ENABLED=false", "ENABLE_LEADER_ELECTION=false",
			// The revision is what the validating webhook is found by.
			"REVISION=default", "POD_NAMESPACE=istio-system", "POD_NAME=istiod-0",
		}, o.IstiodEnv...),
	}
	out := map[string]*process{}
	for _, name := range names {
		out[name] = &process{name: name, argv: argv[name], env: env[name], log: dir.Log(name), dir: dir.Path("components"), state: Stopped}
	}
	return out
}

// prometheusArgs are those of the Prometheus at address, which has a configuration and data of its own.
func prometheusArgs(dir state.Dir, o Options, name, address string) []string {
	return []string{
		o.Binaries.Prometheus, "--config.file=" + dir.Path("components", name+".yaml"),
		"--storage.tsdb.path=" + dir.Path("components", name+"-data"), "--storage.tsdb.retention.time=12h",
		"--web.listen-address=" + strings.TrimPrefix(address, "http://"), "--web.enable-lifecycle", "--web.enable-admin-api", "--log.level=warn",
	}
}

func apiserverArgs(dir state.Dir, o Options) []string {
	args := []string{
		dir.Path("components", "kube-apiserver"),
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0", "--secure-port=6443", "--advertise-address=10.244.0.1",
		"--tls-cert-file=" + dir.Path("certs", "apiserver.crt"), "--tls-private-key-file=" + dir.Path("certs", "apiserver.key"),
		"--token-auth-file=" + dir.Path("certs", "tokens.csv"),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + dir.Path("certs", "sa.key"), "--service-account-signing-key-file=" + dir.Path("certs", "sa.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
	}
	if o.Audit {
		args = append(args, "--audit-policy-file="+dir.Path("components", "audit-policy.yaml"), "--audit-log-path="+dir.Path("audit.log"))
	}
	return args
}

func istiodArgs(dir state.Dir, o Options) []string {
	return []string{
		o.Binaries.Istiod, "discovery", "--kubeconfig", dir.Kubeconfig(), "--meshConfig", dir.Path("components", "mesh.yaml"),
		"--domain", "cluster.local", "--grpcAddr", "127.0.0.1:15010", "--httpAddr", "127.0.0.1:8081",
		"--monitoringAddr", "127.0.0.1:15014", "--secureGRPCAddr", "", "--httpsAddr", "0.0.0.0:15017",
	}
}
