package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/config"

	"github.com/stagger-dev/stagger/operator/prometheus"
)

// amazon is a workspace that answers those whose signature it can make itself, from the secret of their access key.
type amazon struct {
	*httptest.Server
	region, service string
	secrets         map[string]string // by access key
	mu              sync.Mutex
	refused         string
	tokens          []string // X-Amz-Security-Token of what was answered
}

func newAmazon(t *testing.T) *amazon {
	t.Helper()
	a := &amazon{region: "eu-central-1", service: "aps", secrets: map[string]string{"AKID": "very secret"}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *amazon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused = a.verify(r); a.refused != "" {
		http.Error(w, a.refused, http.StatusForbidden)
		return
	}
	a.tokens = append(a.tokens, r.Header.Get("X-Amz-Security-Token"))
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
}

// verify makes the signature anew, by the steps that AWS publishes; empty when it is the request's.
func (a *amazon) verify(r *http.Request) string {
	parts := regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$`).
		FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return "no signature: " + r.Header.Get("Authorization")
	}
	key, day, region, service, names, signature := parts[1], parts[2], parts[3], parts[4], strings.Split(parts[5], ";"), parts[6]
	if !slices.Contains(names, "host") || region != a.region || service != a.service {
		return fmt.Sprintf("signed for %s in %s, with the headers %s", service, region, names)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	canonical := r.Method + "\n" + r.URL.EscapedPath() + "\n" + r.URL.Query().Encode() + "\n"
	for _, name := range names {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		canonical += name + ":" + strings.TrimSpace(value) + "\n"
	}
	canonical += "\n" + parts[5] + "\n" + hash(string(body))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), day + "/" + region + "/" + service + "/aws4_request", hash(canonical)}, "\n")
	mac := []byte("AWS4" + a.secrets[key])
	for _, part := range []string{day, region, service, "aws4_request", text} {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(part))
		mac = h.Sum(nil)
	}
	if hex.EncodeToString(mac) != signature {
		return "another signature"
	}
	return ""
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// ask asks the workspace as the operator does.
func (a *amazon) ask(t *testing.T, c Config, timeout time.Duration) func() error {
	t.Helper()
	client, err := prometheus.New(prometheus.Config{
		Address: a.URL + "/workspaces/ws-1", HTTP: config.DefaultHTTPClientConfig, Sign: c.Sign, Timeout: timeout,
		Parameters: map[string]string{"dedup": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() error {
		_, err := client.Query(t.Context(), `sum by (job) (up{job=~"a|b c"})`, time.Now())
		return err
	}
}

// alone takes away all that this machine knows of AWS.
func alone(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestQuestionsAreSigned(t *testing.T) {
	alone(t)
	cases := map[string]struct {
		config  Config
		service string
		refused string
	}{
		"for Amazon's Prometheus":  {Config{Region: "eu-central-1", AccessKey: "AKID", SecretKey: "very secret"}, "aps", ""},
		"for another service":      {Config{Region: "eu-central-1", AccessKey: "AKID", SecretKey: "very secret", ServiceName: "execute-api"}, "execute-api", ""},
		"with a secret of another": {Config{Region: "eu-central-1", AccessKey: "AKID", SecretKey: "guessed"}, "aps", "another signature"},
		"for another region":       {Config{Region: "us-east-1", AccessKey: "AKID", SecretKey: "very secret"}, "aps", "signed for aps in us-east-1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			a.service = c.service
			err := a.ask(t, c.config, 0)()
			if c.refused == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if u, ok := errors.AsType[*prometheus.Unreachable](err); !ok || u.Status != http.StatusForbidden || !strings.Contains(a.refused, c.refused) {
				t.Errorf("got %v, refused as %q, want %q", err, a.refused, c.refused)
			}
		})
	}
}

// TestThePodsRoleIsTaken is what EKS gives a pod whose service account has a role: the name of the role and a file with a token, for
// which AWS's security token service gives credentials.
func TestThePodsRoleIsTaken(t *testing.T) {
	alone(t)
	a := newAmazon(t)
	a.secrets["ASIA"] = "of the role"
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/stagger" || r.FormValue("WebIdentityToken") != "of the pod" {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>`+
			`<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>of the role</SecretAccessKey><SessionToken>for an hour</SessionToken><Expiration>%s</Expiration>`+
			`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(sts.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("of the pod"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/stagger")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	ask := a.ask(t, Config{}, 0)
	for range 2 {
		if err := ask(); err != nil {
			t.Fatalf("%v; refused as %q", err, a.refused)
		}
	}
	if !slices.Equal(a.tokens, []string{"for an hour", "for an hour"}) {
		t.Errorf("tokens %q", a.tokens)
	}
}

func TestCredentialsThatComeLaterDo(t *testing.T) {
	alone(t)
	a := newAmazon(t)
	ask := a.ask(t, Config{Region: "eu-central-1"}, 0)
	err := ask()
	if u, ok := errors.AsType[*prometheus.Unreachable](err); !ok || !strings.Contains(u.Error(), "could not get SigV4 credentials") {
		t.Fatalf("without credentials: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "very secret")
	if err := ask(); err != nil {
		t.Errorf("%v; refused as %q", err, a.refused)
	}
}

func TestCredentialsThatDoNotComeHaveALimit(t *testing.T) {
	alone(t)
	asked, over := make(chan struct{}, 100), make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-over
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(over) })
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", silent.URL)
	a := newAmazon(t)
	ask := a.ask(t, Config{Region: "eu-central-1"}, 50*time.Millisecond)
	if err := ask(); err == nil || len(asked) == 0 {
		t.Errorf("asked %d times for credentials: %v", len(asked), err)
	}

	// One who waits behind another has the same limit.
	s := &signer{next: http.DefaultTransport, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, strings.NewReader("query=up"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("behind another: %v", err)
	}
}

func TestFieldsThatContradictAreNamed(t *testing.T) {
	if err := (Config{AccessKey: "AKID"}).Validate(); err == nil || !strings.Contains(err.Error(), "Secret Key") {
		t.Errorf("a key without its secret: %v", err)
	}
	if err := (Config{Region: "eu-central-1"}).Validate(); err != nil {
		t.Error(err)
	}
}
