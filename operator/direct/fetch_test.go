package direct

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// rudely takes the connection and does with it as it likes.
func rudely(does func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if hijacker, ok := w.(http.Hijacker); ok {
			if conn, _, err := hijacker.Hijack(); err == nil {
				does(conn)
				_ = conn.Close() // Nobody is left to tell.
			}
		}
	}
}

// reset ends a connection by RST.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // Without it the end is an orderly one, which the test then sees.
	}
}

// says writes an answer, and ignores that nobody listens any more.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// A proxy that misbehaves is void, for a reason in plain words, and harms nobody else.
func TestAProxyThatMisbehaves(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	defer elsewhere.Close()
	good := page(7, 1)
	cases := map[string]struct {
		serves        http.HandlerFunc
		result, words string
	}{
		"status 404":  {http.NotFound, metrics.ReadingNothing, "no statistics"},
		"status 503":  {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, good, http.StatusServiceUnavailable) }, metrics.ReadingStatus, "HTTP status 503"},
		"no content":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, metrics.ReadingStatus, "HTTP status 204"},
		"redirect":    {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, metrics.ReadingStatus, "HTTP status 302"},
		"empty":       {says(""), metrics.ReadingNothing, "no statistics"},
		"other stats": {says("go_goroutines 7\n"), metrics.ReadingNothing, "no statistics"},
		"garbage":     {says("\x00\xff<html>" + strings.Repeat("x", 1000)), metrics.ReadingUnreadable, "its statistics cannot be read"},
		"half a line": {says(strings.TrimSuffix(good, " 1\n")), metrics.ReadingUnreadable, "its statistics cannot be read"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			fmt.Fprint(w, good)
		}, metrics.ReadingOther, "connection closed"},
		"huge": {says(good + strings.Repeat("# so it goes on\n", mostBytes/16)), metrics.ReadingLarge, "more than 256 KiB of statistics"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, good); err != nil {
					return
				}
			}
		}, metrics.ReadingLarge, "more than 256 KiB of statistics"},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "\x1f\x8b\x08")
		}, metrics.ReadingUnreadable, "its statistics cannot be read"},
		"reset":    {rudely(reset), metrics.ReadingOther, "connection closed"},
		"hangs up": {rudely(func(net.Conn) {}), metrics.ReadingOther, "connection closed"},
		"no HTTP":  {rudely(func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH\r\n\r\n") }), metrics.ReadingOther, "no answer that is HTTP"},
		"large header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*mostHeader))
			fmt.Fprint(w, good)
		}, metrics.ReadingOther, "no answer that is HTTP"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			r := c.reader()
			p := pod(pkgdirect.CanaryPod, "shop", 0)
			c.serves[p.ID.Address.String()] = x.serves
			got, err := r.fetch.read(t.Context(), p, true, nil)
			if f, ok := errors.AsType[*failure](err); !ok || f.result != x.result || f.words != x.words {
				t.Errorf("read as %+v, %v; want %q", got, err, x.words)
			}
			other := pod(pkgdirect.CanaryPod, "shop", 1)
			c.counts(other, 7, 1)
			if got, err := r.fetch.read(t.Context(), other, true, nil); err != nil || len(got.Own) != 2 {
				t.Errorf("another proxy is read as %+v, %v", got, err)
			}
		})
	}
}

// A proxy that says nothing, or never ends, is given up after the time that a reading may take, and not before.
func TestAProxyThatHangs(t *testing.T) {
	for name, serves := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"no end": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, page(1, 1))
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			r := c.reader()
			r.fetch.timeout = 20 * time.Millisecond
			p := pod(pkgdirect.CanaryPod, "shop", 0)
			c.serves[p.ID.Address.String()] = serves
			_, err := r.fetch.read(t.Context(), p, true, nil)
			if f, ok := errors.AsType[*failure](err); !ok || f.result != metrics.ReadingTimedOut || f.words != "timed out" {
				t.Errorf("%v", err)
			}
		})
	}
}

// Whoever finds a page that breaks the parser has found out nothing but that.
func TestAPageThatBreaksTheParser(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	r.fetch.parse = func([]byte, pkgdirect.Proxy, []counting.Service) (*pkgdirect.Page, error) {
		panic("index out of range")
	}
	got, err := r.fetch.read(t.Context(), pod(pkgdirect.CanaryPod, "shop", 0), true, nil)
	if f, ok := errors.AsType[*failure](err); !ok || f.result != metrics.ReadingUnreadable || got != nil {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestNobodyListens(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	c := newCluster(t)
	r := c.reader()
	c.server = gone // whose port is free again
	gone.Close()
	_, err := r.fetch.read(t.Context(), pod(pkgdirect.CanaryPod, "shop", 0), true, nil)
	if f, ok := errors.AsType[*failure](err); !ok || f.result != metrics.ReadingRefused || f.words != "connection refused" {
		t.Errorf("%v", err)
	}
}

func TestOnlyAddressesOfPodsAreDialed(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	for _, address := range []string{"127.0.0.1", "::1", "169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"} {
		p := pod(pkgdirect.CanaryPod, "shop", 0)
		p.ID.Address = netip.MustParseAddr(address)
		if _, err := r.fetch.read(t.Context(), p, true, nil); err == nil || len(c.dialed) > 0 {
			t.Errorf("%s was read: %v", address, err)
		}
	}
	p := pod(pkgdirect.CanaryPod, "shop", 0)
	p.ID.Address = netip.MustParseAddr("fd00::7")
	if _, err := r.fetch.read(t.Context(), p, true, nil); err != nil {
		t.Errorf("IPv6: %v", err)
	}
}

func TestNoProxyOfTheEnvironmentIsAsked(t *testing.T) {
	asked := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer asked.Close()
	t.Setenv("HTTP_PROXY", asked.URL)
	t.Setenv("http_proxy", asked.URL)
	c := newCluster(t)
	if _, err := c.reader().fetch.read(t.Context(), pod(pkgdirect.CanaryPod, "shop", 0), true, nil); err != nil {
		t.Error(err)
	}
}
