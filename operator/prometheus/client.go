package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"k8s.io/utils/clock"

	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

const (
	// DefaultTimeout is how long an answer may take.
	DefaultTimeout = 10 * time.Second
	// DefaultMaxAnswer is how many bytes an answer may have: about those of promql.MaxSeries series.
	DefaultMaxAnswer = 16 << 20
)

// Config says where and how to ask.
type Config struct {
	// Address is the URL, without /api/v1.
	Address string
	// HTTP is Prometheus's own configuration of an HTTP client: credentials, TLS, proxy, headers.
	HTTP config.HTTPClientConfig
	// Sign wraps the HTTP client's transport in one that signs; nil: nothing is signed.
	Sign func(http.RoundTripper) http.RoundTripper
	// Parameters are added to every question, such as dedup=true and partial_response=false for Thanos.
	Parameters map[string]string
	// Timeout bounds one question; 0: DefaultTimeout.
	Timeout time.Duration
	// MaxAnswer bounds one answer, in bytes; 0: DefaultMaxAnswer.
	MaxAnswer int64
	// Clock tells when a source that does not answer is tried again; nil: the real one.
	Clock clock.PassiveClock
}

// Client answers instant and range queries. It may be asked from any goroutine.
type Client struct {
	api     v1.API
	address string
	timeout time.Duration
	// instant and ranges are for either kind of question: one about a day may fail where one about now does not.
	instant, ranges breaker
}

// New returns a Client, or an error that names what cannot be used, such as a file of certificates. It sends nothing yet.
func New(c Config) (*Client, error) {
	to, err := url.Parse(c.Address)
	if err != nil {
		return nil, fmt.Errorf("reading the address of a Prometheus: %w", err)
	}
	client, err := config.NewClientFromConfig(c.HTTP, "stagger", config.WithUserAgent("stagger"))
	if err != nil {
		return nil, fmt.Errorf("configuring the HTTP client for %s: %w", to.Redacted(), err)
	}
	if c.Sign != nil {
		client.Transport = c.Sign(client.Transport)
	}
	client.Transport = &limited{next: client.Transport, most: cmp.Or(c.MaxAnswer, DefaultMaxAnswer)}
	if c.HTTP.FollowRedirects {
		client.CheckRedirect = sameServer
	}
	asker, err := api.NewClient(api.Config{Address: c.Address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("making the client for %s: %w", to.Redacted(), err)
	}
	x := &Client{address: to.Redacted(), timeout: cmp.Or(c.Timeout, DefaultTimeout)}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	x.instant.clock, x.ranges.clock = c.Clock, c.Clock
	x.api = v1.NewAPI(&poster{Client: asker, address: x.address, parameters: c.Parameters})
	return x, nil
}

// Query evaluates the expression at a time, to the millisecond, or at the zero time in the present of who answers: that is the time of the samples
// then. The error is an Unreachable or a Partial.
func (c *Client) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	return guarded(ctx, c, &c.instant, func(ctx context.Context) (model.Vector, error) {
		value, warnings, infos, err := c.api.Query(ctx, expr, at, v1.WithTimeout(c.timeout))
		if err != nil {
			return nil, c.typed(ctx, err)
		}
		v, err := complete[model.Vector](c, value, warnings, infos)
		return v, cmp.Or(err, check(v, at))
	})
}

// QueryRange evaluates the expression at all times from first to last, a step apart. The error is an Unreachable or a Partial.
func (c *Client) QueryRange(ctx context.Context, expr string, first, last time.Time, step time.Duration) (model.Matrix, error) {
	return guarded(ctx, c, &c.ranges, func(ctx context.Context) (model.Matrix, error) {
		value, warnings, infos, err := c.api.QueryRange(ctx, expr, v1.Range{Start: first, End: last, Step: step}, v1.WithTimeout(c.timeout))
		if err != nil {
			return nil, c.typed(ctx, err)
		}
		m, err := complete[model.Matrix](c, value, warnings, infos)
		return m, cmp.Or(err, checkRange(m))
	})
}

// guarded asks within the time limit, and not at all while the breaker refuses.
func guarded[T any](ctx context.Context, c *Client, b *breaker, do func(context.Context) (T, error)) (T, error) {
	var nothing T
	if err := b.refuse(); err != nil {
		return nothing, err
	}
	heard := b.answers()
	limited, stop := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s: %w", c.timeout, context.DeadlineExceeded))
	defer stop()
	v, err := do(limited)
	u, down := errors.AsType[*Unreachable](err)
	alone := down && u.tooLong() && b.answers() > heard // others were answered meanwhile
	b.note(err, alone || ctx.Err() != nil)
	if err != nil {
		return nothing, err
	}
	return v, nil
}

// complete returns the answer if it is one of the kind T and nothing is missing in it.
func complete[T model.Value](c *Client, value model.Value, warnings v1.Warnings, infos v1.Infos) (T, error) {
	var nothing T
	if reasons := promql.Partial(warnings, infos); len(reasons) > 0 {
		p := newPartial(reasons...)
		p.ofQuestion = !slices.ContainsFunc(reasons, func(reason string) bool { return !promql.OfSeries(reason) })
		return nothing, p
	}
	v, ok := value.(T)
	if !ok {
		return nothing, &Unreachable{Address: c.address, Err: fmt.Errorf("the answer is no %s but %s", nothing.Type(), kindOf(value))}
	}
	return v, nil
}

func kindOf(v model.Value) string {
	if v == nil {
		return "nothing"
	}
	return "a " + v.Type().String()
}

// check refuses what would be read wrong further on: a histogram has no value of its own, and an answer about another time,
// as caches give and servers that shift the times near now, would count a slice twice and skip another.
func check(v model.Vector, at time.Time) error {
	for _, s := range v {
		if s == nil {
			return newPartial("a series of it is null")
		}
		if s.Histogram != nil {
			return newOfQuestion(fmt.Sprintf("the series %s is a histogram where a number was asked for", s.Metric))
		}
		if off := s.Timestamp.Time().Sub(at).Abs(); !at.IsZero() && off > time.Millisecond {
			return newPartial(fmt.Sprintf("the answer is about a time %s away from the one that was asked for", off.Round(time.Millisecond)))
		}
	}
	return nil
}

func checkRange(m model.Matrix) error {
	for _, s := range m {
		if s == nil {
			return newPartial("a series of it is null")
		}
		if len(s.Histograms) > 0 {
			return newOfQuestion(fmt.Sprintf("the series %s is a histogram where a number was asked for", s.Metric))
		}
	}
	return nil
}
