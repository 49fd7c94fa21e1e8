package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

func TestOnlySoManyPagesAreServedAtOnce(t *testing.T) {
	s := testServer("", "127.0.0.1:1")
	handler, err := s.handler()
	if err != nil {
		t.Fatal(err)
	}
	for range maxStreams {
		s.slots <- struct{}{}
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/api/stream", nil)
	request.Header.Set(tokenHeader, "t0ken")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "64 pages are open already") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// Whoever waits for a first look is told so, and gets no empty list.
func TestBeforeTheFirstLookNothingIsSaid(t *testing.T) {
	s := testServer("shop", "127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1/api/stream", nil)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.stream(w, request) }))
	defer web.Close()
	answer, err := http.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	_, data, _ := strings.Cut(text.String(), "event: health\ndata: ")
	var h Health
	if err := json.Unmarshal([]byte(strings.Split(data, "\n")[0]), &h); err != nil || !h.Waiting || h.Place != "Namespace shop" || strings.Contains(text.String(), "event: board") {
		t.Errorf("said was %q (%v)", text.String(), err)
	}
}

func TestBrowsersLeaveOutTheUsualPort(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:80": "http://127.0.0.1/#token=t0ken", "127.0.0.1:8080": "http://127.0.0.1:8080/#token=t0ken"} {
		if got := testServer("", address).address(); got != want {
			t.Errorf("the address is %s, want %s", got, want)
		}
	}
}

// testServer is a dashboard of a namespace, without a cluster.
func testServer(namespace, address string) *server {
	return newServer(cli.Cluster{Namespace: namespace}, cli.Env{Now: clock(), Token: func() string { return "t0ken" }}, address, nil)
}
