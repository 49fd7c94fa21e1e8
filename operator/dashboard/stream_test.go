package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

func TestOnlySoManyPagesAreServedAtOnce(t *testing.T) {
	s := New(Config{Read: read, Now: clock(), Token: "t0ken"}, "127.0.0.1:1")
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for range mostStreams {
		s.places <- struct{}{}
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/api/stream", nil)
	request.Header.Set(TokenHeader, "t0ken")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "64 pages are open already") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// Whoever waits for a first look is told so, and gets no empty list.
func TestBeforeTheFirstLookNothingIsSaid(t *testing.T) {
	s := New(Config{Read: read, Now: clock(), Token: "t0ken", Namespace: "shop", Look: blind}, "127.0.0.1:1")
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
		if got := New(Config{Token: "t0ken"}, address).Address(); got != want {
			t.Errorf("the address is %s, want %s", got, want)
		}
	}
}

// blind sees no pods and routes.
func blind() Look {
	return func(context.Context, *v1alpha1.TrafficShift) *view.Around { return nil }
}
