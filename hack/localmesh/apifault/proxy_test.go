package apifault

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// stand is a server that notes what reaches it, and a proxy before it. Both speak HTTP/2 over TLS as the real ones do.
type stand struct {
	rules Rules
	seen  chan *http.Request
	proxy *httptest.Server
}

func newStand(t *testing.T, serve http.HandlerFunc) *stand {
	t.Helper()
	s := &stand{seen: make(chan *http.Request, 10)}
	server := secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.seen <- r
		serve(w, r)
	}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.proxy = secure(Handler(to, server.Client().Transport, &s.rules))
	t.Cleanup(func() { s.proxy.CloseClientConnections(); s.proxy.Close() })
	return s
}

func secure(h http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	return server
}

func (s *stand) rule(t *testing.T, r Rule) int {
	t.Helper()
	known, err := s.rules.Add(r)
	if err != nil {
		t.Fatal(err)
	}
	return known.ID
}

// struck waits until a rule was met.
func (s *stand) struck() {
	for s.rules.List()[0].Struck == 0 {
		runtime.Gosched()
	}
}

// patch sends a patch of a Service by way of the proxy.
func (s *stand) patch(ctx context.Context, t *testing.T) error {
	t.Helper()
	client, err := kubernetes.NewForConfigAndClient(&rest.Config{Host: s.proxy.URL, UserAgent: "operator", BearerToken: "secret"}, s.proxy.Client())
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Services("shop").Patch(ctx, "checkout", types.JSONPatchType, []byte("[]"), metav1.PatchOptions{})
	return err
}

func service(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "checkout"}}`)
}

func TestWhatNoRuleIsAboutPassesAsItIs(t *testing.T) {
	s := newStand(t, service)
	s.rule(t, Rule{Verbs: []string{"get"}, Status: 500})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.proxy.URL+"/api/v1/namespaces/shop/services/checkout?dryRun=All", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": "Bearer secret", "Impersonate-User": "jane", "User-Agent": "operator"} {
		req.Header.Set(name, value)
	}
	resp, err := s.proxy.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK {
		t.Errorf("%s %s, want HTTP/2.0 200 OK", resp.Proto, resp.Status)
	}
	got := <-s.seen
	for name := range req.Header {
		if got.Header.Get(name) != req.Header.Get(name) {
			t.Errorf("%s arrived as %q, want %q", name, got.Header.Get(name), req.Header.Get(name))
		}
	}
	if got.URL.RawQuery != "dryRun=All" || got.Header.Get("X-Forwarded-For") != "" {
		t.Errorf("query %q, forwarded for %q", got.URL.RawQuery, got.Header.Get("X-Forwarded-For"))
	}
}

func TestARefusalIsTheServersOwnToAClient(t *testing.T) {
	for name, c := range map[string]struct {
		rule Rule
		is   func(error) bool
	}{
		"conflict":                      {Rule{Status: 409}, apierrors.IsConflict},
		"forbidden":                     {Rule{Status: 403, Message: "quota exceeded"}, apierrors.IsForbidden},
		"denied by an admission policy": {Rule{Status: 422, Message: "ValidatingAdmissionPolicy 'p' denied request"}, apierrors.IsInvalid},
		"too many":                      {Rule{Status: 429}, apierrors.IsTooManyRequests},
		"internal":                      {Rule{Status: 500, Message: "etcdserver: request timed out"}, apierrors.IsInternalError},
		"unavailable":                   {Rule{Status: 503}, apierrors.IsServiceUnavailable},
		"a reason of one's own":         {Rule{Status: 409, Reason: "AlreadyExists"}, apierrors.IsAlreadyExists},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, service)
			s.rule(t, c.rule)
			err := s.patch(t.Context(), t)
			if !c.is(err) || !strings.Contains(err.Error(), c.rule.Message) {
				t.Errorf("the client says %v", err)
			}
			var status apierrors.APIStatus
			if !errors.As(err, &status) || status.Status().Details == nil || status.Status().Details.Name != "checkout" {
				t.Errorf("the client is not told what was refused: %+v", status)
			}
			if len(s.seen) != 0 {
				t.Error("the server saw what was refused")
			}
		})
	}
}

func TestAClientTriesAgainWhereItIsToldWhen(t *testing.T) {
	s := newStand(t, service)
	s.rule(t, Rule{Status: 429, RetryAfter: time.Second, Count: 1})
	if err := s.patch(t.Context(), t); err != nil {
		t.Errorf("the second try failed: %v", err)
	}
}

func TestADelayedRequestIsSentWhenTheRuleIsCleared(t *testing.T) {
	s := newStand(t, service)
	s.rule(t, Rule{Delay: time.Hour})
	done := make(chan error)
	go func() { done <- s.patch(t.Context(), t) }()
	s.struck()
	if len(s.seen) != 0 {
		t.Error("the server has seen it already")
	}
	if err := s.rules.Clear(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if body := <-s.seen; body.ContentLength != 2 {
		t.Errorf("%d bytes arrived, want 2", body.ContentLength)
	}
}

func TestADelayEnds(t *testing.T) {
	s := newStand(t, service)
	s.rule(t, Rule{Delay: 30 * time.Millisecond, Status: 409})
	begun := time.Now()
	if err := s.patch(t.Context(), t); !apierrors.IsConflict(err) {
		t.Errorf("after the delay: %v, want a conflict", err)
	}
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("it took %s", took)
	}
}

func TestAHangingRequestGetsNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		rule Rule
		end  func(s *stand, leave func())
	}{
		"until the client leaves": {Rule{Hang: true}, func(_ *stand, leave func()) { leave() }},
		"until it is cleared":     {Rule{Hang: true}, func(s *stand, _ func()) { _ = s.rules.Clear() }},
		"until its time is over":  {Rule{Hang: true, For: time.Hour}, func(s *stand, _ func()) { s.rules.expire(s.rules.all[0]) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, service)
			s.rule(t, c.rule)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			done := make(chan error)
			go func() { done <- s.patch(ctx, t) }()
			s.struck()
			c.end(s, leave)
			err := <-done
			var status apierrors.APIStatus
			if err == nil || errors.As(err, &status) {
				t.Errorf("it was answered: %v", err)
			}
			if len(s.seen) != 0 {
				t.Error("the server saw it")
			}
		})
	}
}

func TestABrokenRequestIsDoneAndNotAnswered(t *testing.T) {
	s := newStand(t, service)
	s.rule(t, Rule{Verbs: []string{"patch"}, Break: true, Count: 1})
	err := s.patch(t.Context(), t)
	var status apierrors.APIStatus
	if err == nil || errors.As(err, &status) {
		t.Errorf("it was answered: %v", err)
	}
	if got := len(s.seen); got != 1 {
		t.Errorf("the server saw it %d times, want once", got)
	}
	if err := s.patch(t.Context(), t); err != nil {
		t.Errorf("the next request failed too: %v", err)
	}
}

func TestAWatchStreamsThrough(t *testing.T) {
	next := make(chan struct{})
	s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
		for _, event := range []string{"one\n", "two\n"} {
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.proxy.URL+"/api/v1/services?watch=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.proxy.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	events := bufio.NewReader(resp.Body)
	for _, want := range []string{"one\n", "two\n"} {
		got, err := events.ReadString('\n')
		if err != nil || got != want {
			t.Fatalf("the next event is %q (%v), want %q", got, err, want)
		}
		next <- struct{}{}
	}
}

// A stall is met by a watch that was there before it; what it held back arrives in order, and nothing is lost.
func TestAStalledWatchGetsItsEventsLate(t *testing.T) {
	next := make(chan string)
	s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case event := <-next:
				_, _ = io.WriteString(w, event)
			case <-r.Context().Done():
				return
			}
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.proxy.URL+"/api/v1/services?watch=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.proxy.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := make(chan string)
	go func() {
		for all := bufio.NewScanner(resp.Body); all.Scan(); {
			lines <- all.Text()
		}
	}()
	next <- "one\n"
	if got := <-lines; got != "one" {
		t.Fatalf("the first event is %q", got)
	}
	s.rule(t, Rule{Verbs: []string{"watch"}, Resources: []string{"services"}, Stall: true})
	next <- "two\n"
	s.struck()
	next <- "three\n"
	select {
	case got := <-lines:
		t.Fatalf("%q arrived in a stall", got)
	default:
	}
	if err := s.rules.Clear(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"two", "three"} {
		if got := <-lines; got != want {
			t.Errorf("the event is %q, want %q", got, want)
		}
	}
}

func TestAServerThatIsGoneGivesNoAnswer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	to, err := url.Parse(gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	proxy := httptest.NewServer(Handler(to, http.DefaultTransport, &Rules{}))
	defer proxy.Close()
	resp, err := proxy.Client().Get(proxy.URL + "/readyz")
	if err == nil {
		_ = resp.Body.Close()
		t.Errorf("it was answered with %s", resp.Status)
	}
}
