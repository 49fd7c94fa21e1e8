package agent

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func get(a *app, path string) *http.Response {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result()
}

func TestAppAnswers(t *testing.T) {
	now := time.Now()
	cases := map[string]struct {
		b      Behaviour
		age    time.Duration
		path   string
		status int
	}{
		"work succeeds":                      {b: Behaviour{}, path: "/", status: 200},
		"all work fails at rate 1":           {b: Behaviour{ErrorRate: 1, ErrorCode: 503}, path: "/", status: 503},
		"errors do not touch the health":     {b: Behaviour{ErrorRate: 1, ErrorCode: 503}, path: "/healthz", status: 200},
		"errors wait for their time":         {b: Behaviour{ErrorRate: 1, ErrorCode: 500, ErrorAfter: time.Hour}, age: time.Minute, path: "/", status: 200},
		"errors come when it is their time":  {b: Behaviour{ErrorRate: 1, ErrorCode: 500, ErrorAfter: time.Hour}, age: 2 * time.Hour, path: "/", status: 500},
		"errors end":                         {b: Behaviour{ErrorRate: 1, ErrorCode: 500, ErrorFor: time.Hour}, age: 2 * time.Hour, path: "/", status: 200},
		"never ready is never ready":         {b: Behaviour{NeverReady: true}, age: time.Hour, path: "/healthz", status: 503},
		"not ready before its time":          {b: Behaviour{ReadyAfter: time.Minute}, age: time.Second, path: "/readyz", status: 503},
		"ready after its time":               {b: Behaviour{ReadyAfter: time.Minute}, age: time.Hour, path: "/readyz", status: 200},
		"work is done before being ready":    {b: Behaviour{ReadyAfter: time.Minute}, path: "/", status: 200},
		"latency is added, and no more":      {b: Behaviour{Latency: time.Millisecond}, path: "/", status: 200},
		"slowness of a share of one happens": {b: Behaviour{SlowRate: 1, SlowLatency: time.Millisecond}, path: "/", status: 200},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.b.Version = "7"
			a := &app{b: c.b, pod: "p-1", revision: "abc", started: now.Add(-c.age)}
			begun := time.Now()
			resp := get(a, c.path)
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			if c.path != "/" {
				return
			}
			if least := c.b.Latency + time.Duration(c.b.SlowRate)*c.b.SlowLatency; time.Since(begun) < least {
				t.Errorf("answered after %s, want at least %s", time.Since(begun), least)
			}
			got := [3]string{resp.Header.Get("x-pod"), resp.Header.Get("x-version"), resp.Header.Get("x-revision")}
			if want := [3]string{"p-1", "7", "abc"}; got != want {
				t.Errorf("headers %v, want %v", got, want)
			}
		})
	}
}

func TestRequestsWithAHeaderFailAtARateOfTheirOwn(t *testing.T) {
	header := func(name string, values ...string) http.Header { return http.Header{name: values} }
	staff := header("X-Cohort", "staff")
	const without = "--error-rate=1 --error-header=x-cohort=staff --error-header-rate=0"
	cases := map[string]struct {
		args   string
		asked  http.Header
		age    time.Duration
		status int
	}{
		"only with the header: with it":            {args: "--error-header=x-cohort=staff", asked: staff, status: 500},
		"only with the header: without any":        {args: "--error-header=x-cohort=staff", status: 200},
		"only with the header: another value":      {args: "--error-header=x-cohort=staff", asked: header("X-Cohort", "late"), status: 200},
		"only with the header: among others":       {args: "--error-header=x-cohort=staff", asked: header("X-Cohort", "late", "staff"), status: 500},
		"only with a header of any value":          {args: "--error-header=x-cohort", asked: staff, status: 500},
		"only with a header of any value: without": {args: "--error-header=x-cohort", status: 200},
		"only with a cookie":                       {args: "--error-header=cookie=cohort=staff", asked: header("Cookie", "cohort=staff"), status: 500},
		"only without the header: with it":         {args: without, asked: staff, status: 200},
		"only without the header: without any":     {args: without, status: 500},
		"with the header, before its time":         {args: "--error-header=x-cohort=staff --error-after=1h", asked: staff, age: time.Minute, status: 200},
		"with the header, when it is time":         {args: "--error-header=x-cohort=staff --error-after=1h", asked: staff, age: 2 * time.Hour, status: 500},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := ParseBehaviour(corev1.Container{Image: "shop:1", Args: strings.Fields(c.args)})
			if err != nil {
				t.Fatal(err)
			}
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
			r.Header = c.asked
			(&app{b: b, started: time.Now().Add(-c.age)}).ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
		})
	}
}

func TestADependencyThatFailsFailsTheWork(t *testing.T) {
	status := http.StatusOK
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	a := &app{b: Behaviour{Dependency: there.URL}}
	if got := get(a, "/").StatusCode; got != http.StatusOK {
		t.Errorf("status %d while the dependency is well", got)
	}
	status = http.StatusInternalServerError
	if got := get(a, "/").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("status %d while it fails", got)
	}
	there.Close()
	if got := get(a, "/").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("status %d when it is gone", got)
	}
	if got := get(a, "/healthz").StatusCode; got != http.StatusOK {
		t.Errorf("status %d of the health check", got)
	}
}

func TestALongAnswerGoesOnUntilItIsDone(t *testing.T) {
	a := &app{b: Behaviour{Version: "7"}, pod: "p-1"}
	server := httptest.NewServer(newProxy("checkout", "shop", "7").counted(a))
	defer server.Close()
	answer, err := http.Get(server.URL + "/?hold=500ms")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	begin, rest, _ := strings.Cut(string(body), "\n")
	if err != nil || begin != "p-1 7" || !strings.HasPrefix(rest, ".") || !strings.HasSuffix(rest, "done\n") {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestAnAnswerOfGRPCEndsWithItsStatus(t *testing.T) {
	a := &app{b: Behaviour{Version: "7", GRPCStatus: 14}, pod: "p-1"}
	server := httptest.NewUnstartedServer(newProxy("checkout", "shop", "7").counted(a))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	answer, err := client.Post(server.URL+"/shop.Checkout/Watch?hold=500ms", "application/grpc", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	message := "\x00\x00\x00\x00\x05p-1 7"
	if err != nil || !strings.HasPrefix(string(body), message+message) {
		t.Errorf("got %q, %v", body, err)
	}
	if answer.StatusCode != http.StatusOK || answer.Trailer.Get("Grpc-Status") != "14" {
		t.Errorf("HTTP status %d, trailers %v", answer.StatusCode, answer.Trailer)
	}
}
