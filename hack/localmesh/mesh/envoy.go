package mesh

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"text/template"

	"github.com/stagger-dev/stagger/hack/localmesh/state"
	"github.com/stagger-dev/stagger/hack/localmesh/stats"
)

//go:embed manifests
var manifests embed.FS

// proxy is one Envoy and the pod that it is the proxy of.
type proxy struct {
	Component, Kind, Pod, Namespace, IP, Workload, Labels string

	Stats string // The listener that gives statistics.
}

var (
	gateway = proxy{
		Component: "envoy-gateway", Kind: "router", Pod: "gw-0", Namespace: "istio-ingress", IP: "10.244.200.1",
		Workload: "gw", Labels: `{"istio": "ingressgateway", "app": "gw"}`,
	}
	sidecar = proxy{
		Component: "envoy-sidecar", Kind: "sidecar", Pod: "client-0", Namespace: "shop", IP: "10.244.200.2",
		Workload: "client", Labels: `{"app": "client", "version": "v1"}`,
	}
)

func envoyArgs(dir state.Dir, o Options, p proxy) []string {
	return []string{
		o.Binaries.Envoy, "-c", dir.Path("components", p.Component+".json"), "--concurrency", "1", "--disable-hot-restart",
		"--drain-time-s", "1", "--parent-shutdown-time-s", "2", "-l", "warning",
	}
}

// render writes the file NAME.tmpl of the manifests folder, filled in with data, to path.
func render(name string, data any, path string) error {
	t, err := template.ParseFS(manifests, "manifests/"+name+".tmpl")
	if err != nil {
		return fmt.Errorf("parsing %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return fmt.Errorf("filling in %s: %w", name, err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// writeConfiguration writes what the components read from files.
func writeConfiguration(dir state.Dir, o Options) error {
	for _, p := range []proxy{gateway, sidecar} {
		var err error
		if p.Stats, err = stats.Listener(p.IP); err != nil {
			return err
		}
		if err := render("envoy.json", p, dir.Path("components", p.Component+".json")); err != nil {
			return err
		}
	}
	prometheus := map[string]any{
		"Interval": o.ScrapeInterval.String(), "Targets": dir.Path("components", "targets.json"), "Pods": dir.Path("components", "pods.json"),
		"Proxies": []proxy{gateway, sidecar}, "Scraped": dir.Scraped(),
	}
	for _, name := range []string{"prometheus", replica} {
		prometheus["Replica"] = name
		if err := render("prometheus.yaml", prometheus, dir.Path("components", name+".yaml")); err != nil {
			return err
		}
	}
	if err := render("targets.json", prometheus, dir.Path("components", "targets.json")); err != nil {
		return err
	}
	for _, name := range []string{"mesh.yaml", "audit-policy.yaml"} {
		data, err := manifests.ReadFile("manifests/" + name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if err := os.WriteFile(dir.Path("components", name), data, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
