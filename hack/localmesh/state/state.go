package state

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Variable is the environment variable that names a mesh's folder; commands run inside the mesh have it set.
const Variable = "STAGGER_MESH"

// Addresses inside the mesh's network namespace. They are the same in every mesh.
const (
	Gateway    = "10.244.200.1:18080"
	Sidecar    = "10.244.200.2:80"
	Prometheus = "http://127.0.0.1:9090"
	APIServer  = "https://127.0.0.1:6443"
	// FaultyAPIServer is the same API server behind a proxy that faults can be ordered of.
	FaultyAPIServer = "https://127.0.0.1:6444"
	// FaultyPrometheus is Prometheus, or a random one of it and its replica, behind a proxy that faults can be ordered of.
	FaultyPrometheus  = "http://127.0.0.1:9091"
	PrometheusReplica = "http://127.0.0.1:9092"
)

// Dir is the folder that holds one mesh. It is absolute.
type Dir string

// Open returns the folder that flag names, else the one of the environment variable STAGGER_MESH, else
// $XDG_STATE_HOME/stagger/localmesh (XDG_STATE_HOME is ~/.local/state where unset). The folder need not exist.
func Open(flag string) (Dir, error) {
	path := flag
	if path == "" {
		path = os.Getenv(Variable)
	}
	if path == "" {
		base := os.Getenv("XDG_STATE_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("finding a folder for the mesh; name one with --state: %w", err)
			}
			base = filepath.Join(home, ".local", "state")
		}
		path = filepath.Join(base, "stagger", "localmesh")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolving --state %q: %w", path, err)
	}
	return Dir(abs), nil
}

// Path joins names to the folder.
func (d Dir) Path(names ...string) string {
	return filepath.Join(append([]string{string(d)}, names...)...)
}

// Kubeconfig is the file that gives administrator access to the mesh's API server.
func (d Dir) Kubeconfig() string { return d.Path("kubeconfig") }

// FaultyKubeconfig is the file that gives the same access by way of FaultyAPIServer.
func (d Dir) FaultyKubeconfig() string { return d.Path("kubeconfig-faulty") }

// Log is the file that holds a component's output.
func (d Dir) Log(component string) string { return d.Path("logs", component+".log") }

// Clear removes what an earlier mesh left in the folder, and nothing else, and makes the folders a new one needs.
func (d Dir) Clear() error {
	if err := d.Remove(); err != nil {
		return err
	}
	if err := os.RemoveAll(d.Path("audit.log")); err != nil {
		return fmt.Errorf("clearing the mesh's folder: %w", err)
	}
	for _, name := range []string{"bin", "certs", "components", "kubecache", "logs", "scraped"} {
		if err := os.RemoveAll(d.Path(name)); err != nil {
			return fmt.Errorf("clearing the mesh's folder: %w", err)
		}
		if err := os.MkdirAll(d.Path(name), 0o755); err != nil {
			return fmt.Errorf("preparing the mesh's folder: %w", err)
		}
	}
	return nil
}

// Remove deletes the data of a mesh that has ended. Its logs stay for whoever wants to know why.
func (d Dir) Remove() error {
	for _, name := range []string{"bin", "certs", "components", "kubeconfig", "kubeconfig-faulty", "kubecache", "scraped", "options.json", "control.sock"} {
		if err := os.RemoveAll(d.Path(name)); err != nil {
			return fmt.Errorf("removing the mesh's data: %w", err)
		}
	}
	return nil
}

// Scraped is the folder whose files name others to scrape (NAME.json, as for Prometheus's file_sd_configs) and hold rules (NAME.rules.yaml).
func (d Dir) Scraped() string { return d.Path("scraped") }

// Environ returns base with the variables that let programs find the mesh: KUBECONFIG, KUBECONFIG_FAULTY, KUBECACHEDIR,
// PROMETHEUS_URL, PROMETHEUS_URL_FAULTY, PROMETHEUS_SCRAPED, GATEWAY, SIDECAR, STAGGER_MESH, and a PATH that begins with kubectl, promtool and
// localmesh.
// No name is in it twice.
func (d Dir) Environ(base []string) []string {
	set := map[string]string{
		"KUBECONFIG":            d.Kubeconfig(),
		"KUBECONFIG_FAULTY":     d.FaultyKubeconfig(),
		"KUBECACHEDIR":          d.Path("kubecache"),
		"PROMETHEUS_URL":        Prometheus,
		"PROMETHEUS_URL_FAULTY": FaultyPrometheus,
		"PROMETHEUS_SCRAPED":    d.Scraped(),
		"GATEWAY":               Gateway,
		"SIDECAR":               Sidecar,
		Variable:                string(d),
		"PATH":                  d.Path("bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
	}
	var env []string
	for _, entry := range base {
		name, _, _ := strings.Cut(entry, "=")
		if _, ours := set[name]; !ours {
			env = append(env, entry)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		env = append(env, name+"="+set[name])
	}
	return env
}
