package prometheus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// DefaultTimeout is how long an answer may take.
	DefaultTimeout = 10 * time.Second
	// DefaultMaxAnswer is how many bytes an answer may have: some fifty thousand series.
	DefaultMaxAnswer = 16 << 20
	// maxRedirects is how often a redirect within the host is followed.
	maxRedirects = 3
)

// Config says where and how to ask.
type Config struct {
	// Address is the URL, without /api/v1.
	Address string
	// HTTP is Prometheus's own configuration of an HTTP client: credentials, TLS, proxy, headers.
	HTTP config.HTTPClientConfig
	// Timeout bounds one question; 0: DefaultTimeout. MaxAnswer bounds one answer in bytes; 0: DefaultMaxAnswer.
	Timeout   time.Duration
	MaxAnswer int64
}

// Source answers instant queries.
type Source struct {
	api     v1.API
	timeout time.Duration
}

// Unreachable says that there was no usable answer.
type Unreachable struct {
	// Address is who was asked.
	Address string
	Err     error
}

// Error is one sentence.
func (u *Unreachable) Error() string { return fmt.Sprintf("Prometheus at %s gave no answer: %v", u.Address, u.Err) }

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// Partial says that an answer may lack something.
type Partial struct{ reasons []string }

// Error is one sentence.
func (p *Partial) Error() string { return "the answer may be incomplete: " + strings.Join(p.reasons, "; ") }

// Incomplete returns what Prometheus said is missing.
func (p *Partial) Incomplete() []string { return p.reasons }

// New returns a Source, or an error that names what cannot be used. It sends nothing yet.
func New(c Config) (*Source, error) {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxAnswer == 0 {
		c.MaxAnswer = DefaultMaxAnswer
	}
	client, err := config.NewClientFromConfig(c.HTTP, "stagger")
	if err != nil {
		return nil, fmt.Errorf("configuring the HTTP client of %s: %w", c.Address, err)
	}
	client.Transport = &limited{next: client.Transport, most: c.MaxAnswer}
	client.CheckRedirect = stay
	asker, err := api.NewClient(api.Config{Address: c.Address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", c.Address, err)
	}
	return &Source{api: v1.NewAPI(&addressed{Client: asker, address: c.Address}), timeout: c.Timeout}, nil
}

// stay follows redirects only within the host that was asked.
func stay(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return errors.New("too many redirects")
	}
	if next.URL.Host != before[0].URL.Host {
		return fmt.Errorf("redirect to another host, %s", next.URL.Host)
	}
	return nil
}

// Query evaluates the expression at a time. Its errors are those of the package's table.
func (s *Source) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	ctx, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	value, warnings, infos, err := s.api.Query(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	if reasons := counting.Partial(warnings, infos); len(reasons) > 0 {
		return nil, &Partial{reasons}
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("the answer is a %s where a vector was expected", value.Type())
	}
	return vector, nil
}

// addressed says who gave no answer, and keeps the HTTP status.
type addressed struct {
	api.Client
	address string
}

// Do is api.Client's.
func (a *addressed) Do(ctx context.Context, r *http.Request) (*http.Response, []byte, error) {
	resp, body, err := a.Client.Do(ctx, r)
	switch {
	case err != nil:
		return resp, body, &Unreachable{a.address, err}
	case resp.StatusCode >= 300 && resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusMethodNotAllowed:
		return resp, body, &Unreachable{a.address, errors.New(resp.Status)}
	}
	return resp, body, nil
}

// limited ends answers that are too large.
type limited struct {
	next http.RoundTripper
	most int64
}

// RoundTrip is http.RoundTripper's.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &body{ReadCloser: resp.Body, left: l.most, most: l.most}
	return resp, nil
}

type body struct {
	io.ReadCloser
	left, most int64
}

// Read is io.Reader's.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer has more than %d bytes", b.most)
	}
	return n, err
}
