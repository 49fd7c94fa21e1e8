package promfault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The paths of questions in Prometheus's HTTP API. What is asked elsewhere, such as metadata and readiness, is never spoiled.
const (
	instant = "/api/v1/query"
	ranged  = "/api/v1/query_range"
)

// maxForm is the most bytes of a question's parameters.
const maxForm = 10 << 20

// struckKey is the context key of the fault that a question has met.
type struckKey struct{}

// Handler passes requests to the Prometheus at primary, or at replica where the fault in force says so, and spoils the answers. Who asks at
// /NAME/api/... meets the fault of that name, and who asks at /api/... the one without a name.
func Handler(primary, replica *url.URL, all *Switches) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			target := primary
			if e := struck(r.In); e != nil {
				r.Out.Header.Del("Accept-Encoding") // The answer must be legible here.
				if e.fault.Replicas && rand.N(2) == 1 {
					target = replica
				}
			}
			r.SetURL(target)
		},
		ModifyResponse: func(r *http.Response) error {
			e := struck(r.Request)
			if e == nil {
				return nil
			}
			return e.spoil(r)
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				log.Printf("Asking Prometheus by way of its proxy: %v", err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := all.Of("")
		if name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); strings.HasPrefix(rest, "api/") {
			s = all.Of(name)
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = "/"+rest, ""
		}
		if r.URL.Path == instant || r.URL.Path == ranged {
			var err error
			if r, err = question(w, r, s); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	})
}

// struck is the fault that the question has met, or nil.
func struck(r *http.Request) *entry {
	e, _ := r.Context().Value(struckKey{}).(*entry)
	return e
}

// question reads what is asked, in the query and in the body, and returns the request as Prometheus shall get it.
func question(w http.ResponseWriter, r *http.Request, s *Switch) (*http.Request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, fmt.Errorf("reading the question: %w", err)
	}
	query := r.URL.Query()
	form := url.Values{}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, fmt.Errorf("reading the question: %w", err)
		}
	}
	e := s.strike(func(f Fault) bool {
		return strings.Contains(query.Get("query")+"\n"+form.Get("query"), f.Query)
	})
	out := r.Clone(r.Context())
	if e != nil {
		out = out.WithContext(context.WithValue(r.Context(), struckKey{}, e))
		if e.fault.Ago > 0 {
			body = e.fault.earlier(out, query, form, body)
		}
		if e.fault.Ahead != 0 {
			body = e.fault.ahead(out, query, form, body)
		}
		if e.fault.Behind > 0 && r.URL.Path == instant {
			out, body = e.fault.behind(out, query, form, body)
		}
	}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return out, nil
}

// earlier moves the times of a question, and returns its body. An instant question without a time is about now. Where Prometheus finds a
// parameter in the body and in the query, the body's holds; both are moved.
func (f Fault) earlier(r *http.Request, query, form url.Values, body []byte) []byte {
	if !move(f.Ago, query, form) && r.URL.Path == instant {
		query.Set("time", formatTime(time.Now().Add(-f.Ago)))
	}
	return written(r, query, form, body)
}

// ahead asks a Prometheus as one whose clock is ahead understands it. What names no time is about its own present.
func (f Fault) ahead(r *http.Request, query, form url.Values, body []byte) []byte {
	move(f.Ahead, query, form)
	for _, values := range []url.Values{query, form} {
		if values.Has("query") {
			values.Set("query", byItsClock(values.Get("query"), f.Ahead))
		}
	}
	return written(r, query, form, body)
}

// move makes the times of a question earlier, and says whether it names any.
func move(by time.Duration, all ...url.Values) (moved bool) {
	for _, values := range all {
		for _, name := range []string{"time", "start", "end"} {
			if t, ok := parseTime(values.Get(name)); ok {
				values.Set(name, formatTime(t.Add(-by)))
				moved = true
			}
		}
	}
	return moved
}

// written puts the parameters into a question, and returns its body.
func written(r *http.Request, query, form url.Values, body []byte) []byte {
	r.URL.RawQuery = query.Encode()
	if len(form) == 0 {
		return body
	}
	return []byte(form.Encode())
}

// askedKey is the context key of the time that was asked for, where another one is asked about.
type askedKey struct{}

// behind moves the time of a question that is about the last moments, and keeps the one that was asked for.
func (f Fault) behind(r *http.Request, query, form url.Values, body []byte) (*http.Request, []byte) {
	now := time.Now()
	asked, ok := parseTime(cmp.Or(form.Get("time"), query.Get("time")))
	if !ok {
		asked = now
	}
	newest := now.Add(-f.Behind)
	if !asked.After(newest) {
		return r, body
	}
	r = r.WithContext(context.WithValue(r.Context(), askedKey{}, asked))
	query.Set("time", formatTime(newest))
	r.URL.RawQuery = query.Encode()
	if len(form) == 0 {
		return r, body
	}
	form.Set("time", formatTime(newest))
	return r, []byte(form.Encode())
}

// parseTime reads a time as Prometheus does: seconds since 1970, or RFC 3339.
func parseTime(text string) (time.Time, bool) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)), true
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

func formatTime(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// spoil changes an answer and holds it back. A refusal stays as it is, but comes as late.
func (e *entry) spoil(r *http.Response) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	if r.StatusCode == http.StatusOK {
		if data, err = e.fault.partial(data); err != nil {
			return err
		}
		if asked, ok := r.Request.Context().Value(askedKey{}).(time.Time); ok {
			if data, err = timed(data, func(time.Time) time.Time { return asked }); err != nil {
				return err
			}
		}
		if e.fault.Ahead != 0 {
			if data, err = timed(data, func(t time.Time) time.Time { return t.Add(e.fault.Ahead) }); err != nil {
				return err
			}
		}
	}
	dateOff(r.Header, e.fault.Ahead)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	r.Header.Set("Content-Length", strconv.Itoa(len(data)))
	if e.fault.Delay == 0 {
		return nil
	}
	late := time.NewTimer(e.fault.Delay)
	defer late.Stop()
	select {
	case <-late.C:
	case <-e.over:
	case <-r.Request.Context().Done():
		return context.Cause(r.Request.Context())
	}
	return nil
}

// partial leaves series out of an answer and adds what it shall warn of. All else in it stays, number for number.
func (f Fault) partial(data []byte) ([]byte, error) {
	if f.Omit == 0 && len(f.Warnings) == 0 && len(f.Infos) == 0 {
		return data, nil
	}
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	for name, more := range map[string][]string{"warnings": f.Warnings, "infos": f.Infos} {
		if err := change(answer, name, func(said []string) []string { return append(said, more...) }); err != nil {
			return nil, err
		}
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(answer["data"], &result); err != nil {
		return nil, fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	if kind := string(result["resultType"]); f.Omit > 0 && (kind == `"vector"` || kind == `"matrix"`) {
		if err := change(result, "result", func(all []json.RawMessage) []json.RawMessage {
			kept := []json.RawMessage{} // Not nil: an answer without series has an empty list.
			for i, series := range all {
				if (i+1)%f.Omit != 0 {
					kept = append(kept, series)
				}
			}
			return kept
		}); err != nil {
			return nil, err
		}
		var err error
		if answer["data"], err = json.Marshal(result); err != nil {
			return nil, fmt.Errorf("writing the answer: %w", err)
		}
	}
	return json.Marshal(answer)
}

// change replaces the list of that name. A list that is not there and stays empty is left out.
func change[T any](in map[string]json.RawMessage, name string, to func([]T) []T) error {
	var list []T
	if raw, ok := in[name]; ok {
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("reading %s of Prometheus's answer: %w", name, err)
		}
	}
	if list = to(list); list == nil {
		return nil
	}
	data, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("writing %s of the answer: %w", name, err)
	}
	in[name] = data
	return nil
}
