package options

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsName is the name that the chart's ServiceMonitor asks by.
const metricsName = "stagger-metrics.stagger-system.svc"

// authority signs certificates, as an issuer of the cluster does.
type authority struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{&x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, newKey(t)}
	der, err := x509.CreateCertificate(rand.Reader, a.Certificate, a.Certificate, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// mount puts the next certificate of a Secret into a folder as a kubelet does: a new folder, of which all files are had by one link.
func (a authority) mount(t *testing.T, dir string, number int64) {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{metricsName},
	}, a.Certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	next, err := os.MkdirTemp(dir, "..")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "..data")
	before, _ := os.Readlink(data) // there is none the first time
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(next, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if before == "" {
			if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink(filepath.Base(next), data+"_tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(data+"_tmp", data); err != nil {
		t.Fatal(err)
	}
	if before != "" {
		if err := os.RemoveAll(filepath.Join(dir, before)); err != nil {
			t.Fatal(err)
		}
	}
}

// A Prometheus that trusts the authority alone reads the metrics, before and after the certificate was renewed.
func TestMetricsAreServedWithTheGivenCertificateAndItsSuccessor(t *testing.T) {
	dir, issuer := t.TempDir(), newAuthority(t)
	issuer.mount(t, dir, 2)
	o, _, err := parse(t, "metrics: {address: '127.0.0.1:0', serving: Secure, certificate: {dir: "+dir+"}}")
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(o.Metrics.server(), &rest.Config{}, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	listening, is := s.(interface{ GetBindAddr() string })
	if !is {
		t.Fatal("the server does not say where it listens")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Start(t.Context()) }()
	trusted := x509.NewCertPool()
	trusted.AddCert(issuer.Certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: metricsName}, DisableKeepAlives: true}}
	// The watcher looks at the files every ten seconds when the system tells it of no change.
	shows := func(number int64) {
		t.Helper()
		deadline, said := time.After(time.Minute), "nothing"
		for {
			select {
			case err := <-stopped:
				t.Fatalf("the server has ended: %v", err)
			case <-deadline:
				t.Fatalf("certificate %d is not served; last: %s", number, said)
			case <-time.Tick(10 * time.Millisecond):
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listening.GetBindAddr()+"/metrics", nil)
			if err != nil {
				continue // it listens nowhere yet
			}
			answer, err := client.Do(request)
			if err != nil {
				said = err.Error()
				continue
			}
			if err := answer.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != http.StatusUnauthorized {
				t.Fatalf("somebody without a token is answered with %s", answer.Status)
			}
			served := answer.TLS.PeerCertificates[0].SerialNumber
			if served.Int64() == number {
				return
			}
			said = served.String()
		}
	}
	shows(2)
	issuer.mount(t, dir, 3)
	shows(3)
}

func TestACertificateThatCannotBeServedIsRefused(t *testing.T) {
	full, other := t.TempDir(), t.TempDir()
	newAuthority(t).mount(t, full, 2)
	newAuthority(t).mount(t, other, 2)
	with := func(files ...string) string {
		t.Helper()
		dir := t.TempDir()
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	crt, key, foreign := filepath.Join(full, "tls.crt"), filepath.Join(full, "tls.key"), filepath.Join(other, "tls.key")
	const folder = "; it must be a folder with a certificate in tls.crt and its key in tls.key: "
	for name, c := range map[string]struct{ metrics, says string }{
		"no folder":           {"certificate: {dir: /does/not/exist}", `metrics.certificate.dir is "/does/not/exist"` + folder + "open /does/not/exist/tls.crt: no such file"},
		"no certificate":      {"certificate: {dir: " + with(key) + "}", "tls.crt: no such file"},
		"no key":              {"certificate: {dir: " + with(crt) + "}", "tls.key: no such file"},
		"key of another":      {"certificate: {dir: " + with(crt, foreign) + "}", folder + "tls: private key does not match"},
		"served without TLS":  {"serving: Plain, certificate: {dir: " + full + "}", "metrics.serving Plain serves :8443 without TLS; set it to Secure, or leave the certificate out"},
		"on loopback by Auto": {"address: 'localhost:8443', certificate: {dir: " + full + "}", "metrics.serving Auto serves localhost:8443 without TLS"},
		"unknown field":       {"certificate: {secret: a}", "field secret not found"},
		"relative, not there": {"certificate: {dir: tls}", "/tls/tls.crt: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parse(t, "metrics: {"+c.metrics+"}")
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error with %q", err, c.says)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one sentence for one error: %q", err)
			}
		})
	}
}
