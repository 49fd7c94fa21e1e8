package chart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const manifests = "../../../manifests"

// variants are values that change what the Prometheus operator is given.
var variants = map[string][]string{
	"by the operator's own certificate": {"--set", "monitoring.enabled=true"},
	"by a certificate of yours":         {"--set", "monitoring.enabled=true,monitoring.labels.release=kube-prometheus-stack,metricsCertificate.secretName=metrics-tls"},
}

// helm runs Helm on the chart, in a namespace that is not the default one.
func helm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"tool", "helm"}, append(args, "-n", "elsewhere")...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		t.Fatalf("helm %s: %v\n%s%s", strings.Join(args, " "), err, &out, &talk)
	}
	return out.String()
}

func TestHelmFindsNothingToMend(t *testing.T) {
	for name, set := range variants {
		t.Run(name, func(t *testing.T) {
			out := helm(t, append([]string{"lint", "--strict", manifests + "/chart"}, set...)...)
			if !strings.Contains(out, "1 chart(s) linted, 0 chart(s) failed") || strings.Contains(out, "[WARNING]") {
				t.Error(out)
			}
		})
	}
}

func TestThePrometheusOperatorUnderstandsTheChart(t *testing.T) {
	for name, set := range variants {
		t.Run(name, func(t *testing.T) {
			out := helm(t, append([]string{"template", "stagger", manifests + "/chart"}, set...)...)
			var ports []string
			kinds := map[string]int{}
			for document := range strings.SplitSeq(out, "\n---") {
				kinds[understood(t, document)]++
				var s corev1.Service
				if err := yaml.Unmarshal([]byte(document), &s); err == nil && s.Kind == "Service" {
					for _, p := range s.Spec.Ports {
						ports = append(ports, p.Name)
					}
				}
			}
			if kinds["ServiceMonitor"] != 1 || kinds["PrometheusRule"] != 1 {
				t.Errorf("it has %v", kinds)
			}
			if !slices.Contains(ports, "https-metrics") {
				t.Errorf("the ServiceMonitor names a port that no Service has; there are %v", ports)
			}
		})
	}
}

func TestThePrometheusOperatorUnderstandsTheDocs(t *testing.T) {
	pages, err := filepath.Glob(manifests + "/docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range block.FindAllStringSubmatch(string(text), -1) {
			for document := range strings.SplitSeq("\n"+b[1], "\n---") {
				if understood(t, document) != "" {
					found++
				}
			}
		}
	}
	if found == 0 {
		t.Error("no page has anything for the Prometheus operator")
	}
}

// understood reads an object by the Prometheus operator's own type, in which no field may be unknown, and returns its kind; "" when it is
// not the Prometheus operator's.
func understood(t *testing.T, document string) string {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil || !strings.HasPrefix(kind.APIVersion, "monitoring.coreos.com/") {
		return "" // a page also shows parts of files, which are no objects
	}
	read := func(into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Errorf("%v in\n%s", err, document)
		}
	}
	valid := func(err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%v in\n%s", err, document)
		}
	}
	switch kind.Kind {
	case "ServiceMonitor":
		var m monitoring.ServiceMonitor
		read(&m)
		for _, e := range m.Spec.Endpoints {
			valid(e.HTTPConfigWithProxyAndTLSFiles.Validate())
		}
	case "PodMonitor":
		var m monitoring.PodMonitor
		read(&m)
		for _, e := range m.Spec.PodMetricsEndpoints {
			valid(e.HTTPConfigWithProxy.Validate())
		}
	case "PrometheusRule":
		read(&monitoring.PrometheusRule{})
	default:
		t.Errorf("nobody knows whether this is right: add its kind here\n%s", document)
	}
	return kind.Kind
}
