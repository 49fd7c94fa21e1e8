package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// mostRedirects is how often a redirect is followed.
const mostRedirects = 3

// sameServer follows a redirect that keeps the question and stays where the credentials are meant for. What is not followed is
// the answer, with its status.
func sameServer(next *http.Request, before []*http.Request) error {
	asked := before[0]
	if len(before) > mostRedirects || next.Method != asked.Method || next.URL.Scheme != asked.URL.Scheme || next.URL.Host != asked.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// poster says who gave no answer and with which status. It hides the response of a question that failed, so that the API
// client does not ask again by GET: a URL cannot hold the questions about hundreds of releases.
type poster struct {
	api.Client
	address    string
	parameters map[string]string
}

// Do is api.Client's.
func (p *poster) Do(ctx context.Context, r *http.Request) (*http.Response, []byte, error) {
	if len(p.parameters) > 0 {
		query := r.URL.Query()
		for name, value := range p.parameters {
			query.Set(name, value)
		}
		r.URL.RawQuery = query.Encode()
	}
	resp, body, err := p.Client.Do(ctx, r)
	if resp != nil && resp.StatusCode/100 != 2 {
		return nil, nil, &Unreachable{Address: p.address, Status: resp.StatusCode, Err: explanation(resp, body)}
	}
	if err != nil {
		return nil, nil, err
	}
	if reason := admitted(resp, body); reason != "" {
		return nil, nil, newPartial(reason)
	}
	return resp, body, nil
}

// admitted is how a server of Prometheus's API admits that its answer is not whole, beside the warnings and infos of Prometheus's own form;
// empty when it does not:
//
//	HTTP status 206               gateways that put answers together
//	isPartial: true               VictoriaMetrics in a cluster, when a storage node did not answer
//	the header M3-Results-Limited M3, when a limit or a namespace cut the answer
func admitted(resp *http.Response, body []byte) string {
	if resp.StatusCode == http.StatusPartialContent {
		return "it has the HTTP status 206 Partial Content"
	}
	if limit := resp.Header.Get("M3-Results-Limited"); limit != "" {
		return "it has the header M3-Results-Limited: " + limit
	}
	var answer struct {
		IsPartial bool `json:"isPartial"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.IsPartial {
		return "it says of itself that it is partial (isPartial)"
	}
	return ""
}

// explanation is what the other side explains, nil when it does not: Prometheus says what is wrong in JSON, and a redirect where to.
// Anything else, such as the page of a proxy, is nothing for people.
func explanation(resp *http.Response, body []byte) error {
	if to := resp.Header.Get("Location"); to != "" {
		return fmt.Errorf("a redirect to %q, which is not followed; set the address to where Prometheus is", to)
	}
	var answer struct {
		ErrorType v1.ErrorType `json:"errorType"`
		Error     string       `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return &explained{answer.ErrorType, answer.Error}
	}
	return nil
}

// explained is what Prometheus says of an error.
type explained struct {
	kind v1.ErrorType
	text string
}

// Error is in the words of Prometheus.
func (e *explained) Error() string { return e.text }

// limited ends answers that are too large, and stops waiting for transports that do not heed the context, as that of OAuth 2
// while it fetches a token.
type limited struct {
	next http.RoundTripper
	most int64
}

type outcome struct {
	resp *http.Response
	err  error
}

// RoundTrip is http.RoundTripper's.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	done := make(chan outcome, 1)
	go func() {
		resp, err := l.next.RoundTrip(r)
		done <- outcome{resp, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		o.resp.Body = http.MaxBytesReader(nil, o.resp.Body, l.most)
		return o.resp, nil
	case <-r.Context().Done():
		go discard(done)
		return nil, r.Context().Err()
	}
}

// discard closes a response that comes when nobody waits for it any more.
func discard(done <-chan outcome) {
	if o := <-done; o.resp != nil {
		_ = o.resp.Body.Close()
	}
}
