package mesh

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

const certLifetime = 30 * 24 * time.Hour

// writeAccess makes the API server's certificate, the key that signs service account tokens, the administrator's token and the
// kubeconfigs that use it.
func writeAccess(dir state.Dir) error {
	ca, err := writeCertificates(dir)
	if err != nil {
		return err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("making a token: %w", err)
	}
	token := hex.EncodeToString(secret)
	kubeconfig := func(server string) []byte {
		return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: localmesh, cluster: {server: "%s", certificate-authority-data: %s}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: localmesh, context: {cluster: localmesh, user: admin}}]
current-context: localmesh
`, server, base64.StdEncoding.EncodeToString(ca), token)
	}
	files := map[string][]byte{
		dir.Path("certs", "tokens.csv"): []byte(token + `,admin,admin,"system:masters"` + "\n"),
		dir.Kubeconfig():                kubeconfig(state.APIServer),
		dir.FaultyKubeconfig():          kubeconfig(state.FaultyAPIServer),
	}
	for path, data := range files {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("writing credentials: %w", err)
		}
	}
	return nil
}

// writeCertificates returns the authority's certificate in PEM.
func writeCertificates(dir state.Dir) ([]byte, error) {
	caKey, err := writeKey(dir.Path("certs", "ca.key"))
	if err != nil {
		return nil, err
	}
	if _, err := writeKey(dir.Path("certs", "sa.key")); err != nil {
		return nil, err
	}
	key, err := writeKey(dir.Path("certs", "apiserver.key"))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localmesh"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	ca, err := writeCertificate(dir.Path("certs", "ca.crt"), authority, authority, caKey, caKey)
	if err != nil {
		return nil, err
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1), net.IPv4(10, 244, 0, 1)},
	}
	if _, err := writeCertificate(dir.Path("certs", "apiserver.crt"), server, authority, key, caKey); err != nil {
		return nil, err
	}
	return ca, nil
}

func writeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return key, nil
}

func writeCertificate(path string, cert, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", cert.Subject.CommonName, err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return nil, fmt.Errorf("writing a certificate: %w", err)
	}
	return data, nil
}
