package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/stagger-dev/stagger/pkg/text"
)

const (
	// mostReasons and mostRunes bound what is taken over into messages for people.
	mostReasons = 5
	mostRunes   = 300
)

// Unreachable says that there was no usable answer; another time there may be.
type Unreachable struct {
	// Address is who was asked, without a password.
	Address string
	// Status is the HTTP status that was not 2xx; 0 when none came, or a 2xx with an answer that cannot be read.
	Status int
	// Err is what went wrong, also what Prometheus itself said; nil when there is nothing to say beside the status.
	Err error
}

// Error is the same sentence for the same trouble: it has no ports or times that change from one question to the next.
func (u *Unreachable) Error() string {
	switch {
	case u.Status == 0:
		return fmt.Sprintf("%s: %s", u.Address, short(u.Err.Error()))
	case u.Err == nil:
		return fmt.Sprintf("%s: HTTP status %d %s", u.Address, u.Status, http.StatusText(u.Status))
	}
	return fmt.Sprintf("%s: HTTP status %d %s: %s", u.Address, u.Status, http.StatusText(u.Status), short(u.Err.Error()))
}

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// refused tells whether Prometheus is well and does not like the question: it cannot be read, or costs too much.
func (u *Unreachable) refused() bool {
	return u.Status == http.StatusBadRequest || u.Status == http.StatusUnprocessableEntity || u.Status == http.StatusRequestEntityTooLarge
}

// OfQuestion tells whether another question may be answered now: this one was refused, or took too long.
func (u *Unreachable) OfQuestion() bool {
	return u.refused() || u.tooLong()
}

// tooLong tells whether no answer came in time: we gave up, or Prometheus or what is before it did.
func (u *Unreachable) tooLong() bool {
	said, ok := errors.AsType[*explained](u.Err)
	return errors.Is(u.Err, context.DeadlineExceeded) || u.Status == http.StatusGatewayTimeout || ok && said.kind == v1.ErrTimeout
}

// spared is the last failure of a Prometheus that is asked nothing now.
type spared struct{ *Unreachable }

// Unwrap returns the failure.
func (s spared) Unwrap() error { return s.Unreachable }

// OfQuestion is false: nothing was asked.
func (spared) OfQuestion() bool { return false }

// Partial says that an answer may lack something, or is not what it should be, and would be the same if it were asked for again.
type Partial struct {
	reasons    []string
	ofQuestion bool
}

// newPartial keeps the reasons in an order that is always the same; Prometheus sends them in any.
func newPartial(reasons ...string) *Partial {
	sorted := make([]string, 0, len(reasons))
	for _, r := range reasons {
		sorted = append(sorted, short(r))
	}
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	if more := len(sorted) - mostReasons; more > 0 {
		sorted = append(sorted[:mostReasons], fmt.Sprintf("and %d more", more))
	}
	return &Partial{reasons: sorted}
}

// Error is one sentence.
func (p *Partial) Error() string {
	return "the answer is no evidence: " + strings.Join(p.reasons, "; ")
}

// Incomplete returns why the answer is no evidence: warnings of Prometheus, or what was found wrong with it.
func (p *Partial) Incomplete() []string { return slices.Clone(p.reasons) }

// OfQuestion tells whether the answer to another question may be whole: this one is too large, or has samples that cannot be added up.
func (p *Partial) OfQuestion() bool { return p.ofQuestion }

// newOfQuestion is newPartial for what only some series are to blame for.
func newOfQuestion(reason string) *Partial {
	p := newPartial(reason)
	p.ofQuestion = true
	return p
}

// typed makes one of the package's two errors of every error.
func (c *Client) typed(ctx context.Context, err error) error {
	if p, ok := errors.AsType[*Partial](err); ok {
		return p
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newOfQuestion(fmt.Sprintf("it has more than %d bytes", large.Limit))
	}
	u, ok := errors.AsType[*Unreachable](err)
	if !ok {
		u = &Unreachable{Address: c.address, Err: err}
	}
	if u.Status == 0 {
		u.Err = cause(ctx, u.Err)
	}
	return u
}

// cause is what lies at the bottom of a network error, without the address, which is said already, and the local port, which
// is another each time.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return lookup{dns, "has no address"}
		}
		return lookup{dns, "could not be looked up"}
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// lookup is a DNSError without the ports in its text.
type lookup struct {
	*net.DNSError
	problem string
}

// Error is one sentence.
func (l lookup) Error() string { return fmt.Sprintf("the name %s %s", l.Name, l.problem) }

// Unwrap returns the DNSError.
func (l lookup) Unwrap() error { return l.DNSError }

func short(s string) string {
	if cut := text.CutRunes(s, mostRunes); cut != s {
		return cut + "…"
	}
	return s
}
