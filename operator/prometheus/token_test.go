package prometheus

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/config"
)

// TestATokenIsAskedForAsCloudsWantIt looks at what the settings in manifests/docs/install/prometheus.md send: an application's secret to Microsoft, and a
// signed assertion to Google.
func TestATokenIsAskedForAsCloudsWantIt(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"secret": []byte("app-secret"), "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var form map[string]string
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form = map[string]string{"scope": r.FormValue("scope"), "grant_type": r.FormValue("grant_type")}
		id, secret, basic := r.BasicAuth()
		if basic {
			form["client_id"], form["client_secret"] = id, secret
		}
		said := strings.Split(r.FormValue("assertion"), ".")
		for i, names := range [][]string{{"alg", "kid"}, {"iss", "sub", "aud", "scope"}} {
			if len(said) < 3 {
				break
			}
			part := map[string]any{}
			text, err := base64.RawURLEncoding.DecodeString(said[i])
			if err := errors.Join(err, json.Unmarshal(text, &part)); err != nil {
				t.Error(err)
			}
			for _, name := range names {
				form[name], _ = part[name].(string)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"for an hour","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	cases := map[string]struct {
		ask  config.OAuth2
		want map[string]string
	}{
		"Microsoft": {
			config.OAuth2{ClientID: "app", ClientSecretFile: filepath.Join(folder, "secret"), Scopes: []string{"https://prometheus.monitor.azure.com/.default"}},
			map[string]string{"grant_type": "client_credentials", "scope": "https://prometheus.monitor.azure.com/.default", "client_id": "app", "client_secret": "app-secret"},
		},
		"Google": {
			config.OAuth2{
				ClientID: "stagger@shop.iam.gserviceaccount.com", ClientCertificateKeyID: "0123", ClientCertificateKeyFile: filepath.Join(folder, "key.pem"),
				GrantType: "urn:ietf:params:oauth:grant-type:jwt-bearer", Scopes: []string{"https://www.googleapis.com/auth/monitoring.read"},
			},
			map[string]string{
				"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": "https://www.googleapis.com/auth/monitoring.read", "alg": "RS256", "kid": "0123",
				"iss": "stagger@shop.iam.gserviceaccount.com", "sub": "stagger@shop.iam.gserviceaccount.com", "aud": tokens.URL,
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, says(http.StatusOK, vector()))
			c.ask.TokenURL = tokens.URL
			if _, err := source(t, Config{Address: s.URL, HTTP: config.HTTPClientConfig{OAuth2: &c.ask}}).Query(t.Context(), "up", noon); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, form); diff != "" {
				t.Errorf("asked for the token (-want +got):\n%s", diff)
			}
			if got := s.header.Get("Authorization"); got != "Bearer for an hour" {
				t.Errorf("the question bears %q", got)
			}
		})
	}
}
