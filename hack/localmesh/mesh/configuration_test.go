package mesh

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

func prepared(t *testing.T) state.Dir {
	t.Helper()
	dir := state.Dir(t.TempDir())
	if err := dir.Clear(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConfigurationIsWellFormed(t *testing.T) {
	dir := prepared(t)
	if err := writeConfiguration(dir, Options{ScrapeInterval: 500 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"envoy-gateway.json", "envoy-sidecar.json", "targets.json"} {
		data, err := os.ReadFile(dir.Path("components", name))
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(data) {
			t.Errorf("%s is not JSON:\n%s", name, data)
		}
	}
	data, err := os.ReadFile(dir.Path("components", "prometheus.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var prometheus struct {
		Global struct {
			ScrapeInterval string `json:"scrape_interval"`
		} `json:"global"`
	}
	if err := yaml.Unmarshal(data, &prometheus); err != nil {
		t.Fatal(err)
	}
	if prometheus.Global.ScrapeInterval != "500ms" {
		t.Errorf("scrape interval %q, want 500ms", prometheus.Global.ScrapeInterval)
	}
}

func TestCertificateIsGoodForTheAPIServersNames(t *testing.T) {
	dir := prepared(t)
	if err := writeAccess(dir); err != nil {
		t.Fatal(err)
	}
	parse := func(name string) *x509.Certificate {
		data, err := os.ReadFile(dir.Path("certs", name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	roots := x509.NewCertPool()
	roots.AddCert(parse("ca.crt"))
	for _, name := range []string{"127.0.0.1", "10.96.0.1", "kubernetes.default.svc"} {
		if _, err := parse("apiserver.crt").Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("as %s: %v", name, err)
		}
	}
	info, err := os.Stat(dir.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig's mode is %v; it holds a token, so want 0600", info.Mode())
	}
}

func TestUntilEndsWithTheFactTheFailureOrTheContext(t *testing.T) {
	never := func(context.Context) bool { return false }
	failed := &process{name: "etcd", state: Failed, lastErr: errors.New("exit status 1")}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("out of time"))
	cases := map[string]struct {
		ctx     context.Context
		p       *process
		fact    func(context.Context) bool
		mention string
	}{
		"the fact":    {t.Context(), failed, func(context.Context) bool { return true }, ""},
		"the failure": {t.Context(), failed, never, "etcd ended"},
		"the context": {ended, nil, never, "out of time"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := until(c.ctx, "etcd", c.p, c.fact)
			if (err == nil) != (c.mention == "") || err != nil && !strings.Contains(err.Error(), c.mention) {
				t.Errorf("error %v, want one that mentions %q", err, c.mention)
			}
		})
	}
}

func TestNoMeshIsSaidPlainly(t *testing.T) {
	dir := prepared(t)
	if _, err := Look(t.Context(), dir); !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), string(dir)) {
		t.Errorf("error %v, want ErrDown with the folder", err)
	}
	if err := Down(t.Context(), dir); err != nil {
		t.Errorf("ending what does not run: %v", err)
	}
	if err := Up(t.Context(), dir, Options{ScrapeInterval: time.Millisecond}, os.Stderr); err == nil || !strings.Contains(err.Error(), "--scrape-interval") {
		t.Errorf("error %v does not name the option that is wrong", err)
	}
}

func TestOptionsReachTheSupervisor(t *testing.T) {
	dir := prepared(t)
	want := Options{ScrapeInterval: 2 * time.Second, Audit: true, IstiodEnv: []string{"A=B"}, Foreground: true}
	if err := writeOptions(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadOptions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.ScrapeInterval != want.ScrapeInterval || !got.Audit || len(got.IstiodEnv) != 1 || !got.Foreground {
		t.Errorf("read %+v, want %+v", got, want)
	}
	args := strings.Join(processes(dir, got)["apiserver"].argv, " ")
	if !strings.Contains(args, "--audit-log-path="+dir.Path("audit.log")) {
		t.Errorf("the API server has no audit log: %s", args)
	}
}
