package apifault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// breakKey is the context key of a request whose answer shall be cut, watchKey that of what a watch asks for.
type (
	breakKey struct{}
	watchKey struct{}
)

var errBroken = errors.New("the answer is cut")

// Handler passes requests on to the API server, but for those that a rule is about.
func Handler(server *url.URL, transport http.RoundTripper, rules *Rules) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(server) },
		Transport:     transport,
		FlushInterval: -1, // A watch's events must not wait for the next one.
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Context().Value(breakKey{}) != nil {
				return errBroken
			}
			if q, ok := r.Request.Context().Value(watchKey{}).(request); ok {
				r.Body = &events{ReadCloser: r.Body, left: r.Request.Context().Done(), stall: func() *entry { return rules.stall(q) }}
			}
			return nil
		},
		// A server that is not there gives no answer, so neither does this.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, ok := parse(r)
		if !ok {
			proxy.ServeHTTP(w, r)
			return
		}
		if q.verb == "watch" {
			r = r.WithContext(context.WithValue(r.Context(), watchKey{}, q))
		}
		e := rules.strike(q)
		if e == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		if e.Hang || e.Delay > 0 {
			hold(e, r)
		}
		switch {
		case e.Hang:
			panic(http.ErrAbortHandler)
		case e.Status != 0:
			refuse(w, q, e.Rule)
		case e.Break:
			proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), breakKey{}, true)))
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}

// events are those of a watch, which wait while a rule stalls it.
type events struct {
	io.ReadCloser

	left  <-chan struct{}
	stall func() *entry
}

func (e *events) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	for rule := e.stall(); rule != nil; rule = e.stall() {
		select {
		case <-rule.gone:
		case <-e.left:
			return n, err
		}
	}
	return n, err
}

// hold waits for the delay, or where the request hangs for ever, until the client has gone or the rule is.
func hold(e *entry, r *http.Request) {
	// That a client has gone is seen only after its request was read to the end.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var over <-chan time.Time
	if !e.Hang {
		timer := time.NewTimer(e.Delay)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-e.gone:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// refuse answers as the API server would.
func refuse(w http.ResponseWriter, q request, rule Rule) {
	seconds := int(rule.RetryAfter / time.Second)
	status := apierrors.NewGenericServerResponse(rule.Status, q.verb, schema.GroupResource{Group: q.group, Resource: q.resource}, q.name, "", seconds, false).ErrStatus
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	if rule.Reason != "" {
		status.Reason = metav1.StatusReason(rule.Reason)
	}
	if rule.Message != "" {
		status.Message = rule.Message
		if rule.Status == http.StatusUnprocessableEntity { // As an admission policy's denial; kubectl shows of this status the causes alone.
			status.Details.Causes = []metav1.StatusCause{{Message: rule.Message}}
		}
	}
	body, err := json.Marshal(status)
	if err != nil {
		http.Error(w, fmt.Sprintf("encoding a refusal: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(rule.Status)
	_, _ = w.Write(body) // The client may have gone.
}
