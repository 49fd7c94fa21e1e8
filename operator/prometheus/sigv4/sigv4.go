// Package sigv4 signs questions by AWS's Signature Version 4, as Amazon Managed Service for Prometheus wants them:
//
//	question ─► limits (operator/prometheus) ─► Sign ─► the HTTP client of prometheus/common ─► server
//	                                             └─► AWS's chain of credentials, when they are missing or about to expire
//
// The signing itself is that of github.com/prometheus/sigv4, which Prometheus and Thanos use too.
package sigv4

import (
	"net/http"

	"github.com/prometheus/sigv4"
)

// Config says with which credentials, and for which region and service, questions are signed. An empty field is what AWS's chain of
// credentials finds: the environment, the role of the pod's service account, a profile, the machine.
type Config sigv4.SigV4Config

// Validate names the fields that contradict each other.
func (c Config) Validate() error { return (*sigv4.SigV4Config)(&c).Validate() }

// Sign returns a transport that signs requests and hands them to next. Nothing is read or asked before the first request, so a chain of
// credentials that does not answer keeps nobody but that source waiting; it is tried anew with every request, within its time.
func (c Config) Sign(next http.RoundTripper) http.RoundTripper {
	return &signer{config: sigv4.SigV4Config(c), next: next, turn: make(chan struct{}, 1)}
}

type signer struct {
	config sigv4.SigV4Config
	next   http.RoundTripper
	turn   chan struct{}     // holds one element while somebody reads or makes what is below
	signed http.RoundTripper // nil until credentials were found once
}

// RoundTrip signs the request, once there are credentials, and sends it. The error says why there are none.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	signed, err := s.ready(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was sent, so nothing is lost
		}
		return nil, err
	}
	return signed.RoundTrip(r)
}

func (s *signer) ready(r *http.Request) (http.RoundTripper, error) {
	select {
	case s.turn <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-s.turn }()
	if s.signed != nil {
		return s.signed, nil
	}
	signed, err := sigv4.NewSigV4RoundTripper(&s.config, s.next, sigv4.WithContext(r.Context()))
	if err != nil {
		return nil, err
	}
	s.signed = signed
	return signed, nil
}
