package direct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	// timeout is how long a reading may take.
	timeout = 300 * time.Millisecond
	// mostBytes is how large a page may be.
	mostBytes = 256 << 10
	// mostHeader is how large the header of an answer may be.
	mostHeader = 16 << 10
	// idle is how long a connection is kept that nobody reads by, and mostIdle how many of them: those of a second. Of more proxies than are read in a
	// second a connection would wait too long for its next use to be worth its memory.
	idle     = 15 * time.Second
	mostIdle = PerSecond + atOnce
	// mostQuestion is about how long a question is.
	mostQuestion = 1 << 10
)

// failure is why a proxy could not be read: result is the metric's, the rest for people.
type failure struct{ result, words string }

func (f *failure) Error() string { return f.words }

// fetcher reads pages. It may be used from any goroutine.
type fetcher struct {
	client  http.Client
	parse   func(page []byte, of pkgdirect.Proxy, wanted []counting.Service) (*pkgdirect.Page, error)
	timeout time.Duration
	buffers sync.Pool
}

// dialer is how connections are made.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func newFetcher(dial dialer) *fetcher {
	if dial == nil {
		dial = (&net.Dialer{Timeout: timeout, KeepAlive: idle}).DialContext
	}
	return &fetcher{
		parse:   pkgdirect.Parse,
		timeout: timeout,
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		client: http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{ // without Proxy: none of the environment is used
				DialContext: dial, DisableCompression: true, MaxResponseHeaderBytes: mostHeader,
				MaxIdleConns: mostIdle, MaxIdleConnsPerHost: 1, IdleConnTimeout: idle, WriteBufferSize: mostQuestion,
			},
		},
	}
}

// read reads the page of a proxy: of itself, if it is read as a pod of an arm, and of the Services that are wanted. The error is a failure.
func (f *fetcher) read(ctx context.Context, p pkgdirect.Proxy, pod bool, wanted []counting.Service) (*pkgdirect.Page, error) {
	if reason := notAPods(p.ID.Address); reason != "" {
		return nil, &failure{metrics.ReadingOther, reason}
	}
	ctx, stop := context.WithTimeout(ctx, f.timeout)
	defer stop()
	buffer, ok := f.buffers.Get().(*bytes.Buffer)
	if !ok {
		buffer = new(bytes.Buffer)
	}
	defer f.buffers.Put(buffer)
	buffer.Reset()
	if err := f.get(ctx, p.ID.Address, pkgdirect.Filter(pod, wanted), buffer); err != nil {
		return nil, failed(err)
	}
	return f.understand(buffer.Bytes(), p, wanted)
}

// understand takes a page of which nothing is known. Whatever it does to a parser concerns its own proxy alone.
func (f *fetcher) understand(text []byte, p pkgdirect.Proxy, wanted []counting.Service) (page *pkgdirect.Page, err error) {
	defer func() {
		if recover() != nil {
			page, err = nil, &failure{metrics.ReadingUnreadable, "its statistics cannot be read"}
		}
	}()
	switch page, err := f.parse(text, p, wanted); {
	case errors.Is(err, pkgdirect.ErrNoStatistics):
		return nil, &failure{metrics.ReadingNothing, err.Error()}
	case err != nil:
		return nil, &failure{metrics.ReadingUnreadable, "its statistics cannot be read"}
	default:
		return page, nil
	}
}

// get has what a filter chooses written to a buffer.
func (f *fetcher) get(ctx context.Context, from netip.Addr, filter string, to *bytes.Buffer) error {
	page := url.URL{
		Scheme: "http", Host: net.JoinHostPort(from.String(), strconv.Itoa(pkgdirect.Port)), Path: pkgdirect.Path,
		RawQuery: "usedonly&filter=" + url.QueryEscape(filter),
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "stagger")
	answer, err := f.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return &failure{metrics.ReadingNothing, pkgdirect.ErrNoStatistics.Error()}
	case answer.StatusCode != http.StatusOK:
		return &failure{metrics.ReadingStatus, fmt.Sprintf("HTTP status %d", answer.StatusCode)}
	}
	if n, err := to.ReadFrom(io.LimitReader(answer.Body, mostBytes+1)); err != nil {
		return err
	} else if n > mostBytes {
		return &failure{metrics.ReadingLarge, fmt.Sprintf("more than %d KiB of statistics", mostBytes>>10)}
	}
	return nil
}

// failed says in plain words why there was no answer.
func failed(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	timedOut, ok := errors.AsType[net.Error](err)
	switch {
	case ok && timedOut.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return &failure{metrics.ReadingTimedOut, "timed out"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &failure{metrics.ReadingRefused, "connection refused"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{metrics.ReadingOther, "connection closed"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return &failure{metrics.ReadingOther, "no route to host"}
	}
	return &failure{metrics.ReadingOther, "no answer that is HTTP"}
}

// notAPods says why an address cannot be that of a pod.
func notAPods(a netip.Addr) string {
	if !a.IsValid() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return fmt.Sprintf("its address %s is none of a pod", a)
	}
	return ""
}
