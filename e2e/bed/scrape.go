package bed

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Scraped is the folder of the mesh's Prometheus for whom to scrape beside the proxies; empty where there is none.
func Scraped() string { return os.Getenv("PROMETHEUS_SCRAPED") }

// FreeAddress is an address of this machine, host:port, on which nobody listens.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// scrape has Prometheus scrape an operator, with the labels that the ServiceMonitor of the manifests gives its pods. Each operator stands for
// an installation of its own, so its namespace is its own too.
func scrape(pod, address string) error {
	if Scraped() == "" {
		return nil
	}
	_, err := Scrape(pod, address, map[string]string{
		"job": "stagger-metrics", "namespace": OperatorNamespace + "-" + pod, "service": "stagger-metrics", "endpoint": "https-metrics", "container": "operator", "pod": pod,
	})
	return err
}

// Scrape has the mesh's Prometheus scrape an address, host:port, as a target of a name of its own with these labels, until the end is called.
func Scrape(name, address string, labels map[string]string) (end func() error, err error) {
	targets, err := json.Marshal([]map[string]any{{"targets": []string{address}, "labels": labels}})
	if err != nil {
		return nil, fmt.Errorf("rendering whom to scrape: %w", err)
	}
	file := filepath.Join(Scraped(), name+".json")
	return func() error { return os.Remove(file) }, replace(file, targets)
}

// Leave ends the scraping of the operator.
func (o *Operator) Leave() error {
	if Scraped() == "" {
		return nil
	}
	return os.Remove(filepath.Join(Scraped(), o.Pod+".json"))
}

// LoadRules has the Prometheus at an address go by the rules of a PrometheusRule in a file.
func LoadRules(ctx context.Context, address, file string) error {
	if Scraped() == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the rules: %w", err)
	}
	var rule struct {
		Spec any `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &rule); err != nil {
		return fmt.Errorf("reading the rules of %s: %w", file, err)
	}
	rules, err := yaml.Marshal(rule.Spec)
	if err != nil {
		return fmt.Errorf("rendering the rules of %s: %w", file, err)
	}
	if err := replace(filepath.Join(Scraped(), "stagger.rules.yaml"), rules); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/-/reload", nil)
	if err != nil {
		return fmt.Errorf("asking Prometheus to read its rules: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking Prometheus to read its rules: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking Prometheus to read its rules: %s", answer.Status)
	}
	return nil
}

// replace writes a file at once, so that nobody reads half of it.
func replace(file string, text []byte) error {
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// SendAlerts has Prometheus send its alerts to the Alertmanager at an address, host:port, until the end is called.
func SendAlerts(address string) (end func() error, err error) {
	file := filepath.Join(Scraped(), "alertmanagers.yml")
	return func() error { return os.Remove(file) }, replace(file, fmt.Appendf(nil, "[{targets: [%q]}]\n", address))
}
