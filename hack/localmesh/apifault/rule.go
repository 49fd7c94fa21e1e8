package apifault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule says which requests it strikes, and what becomes of them. An empty list matches everything.
type Rule struct {
	// Verbs are Kubernetes' own, such as patch.
	Verbs []string `json:"verbs,omitempty"`
	// Resources are written as in a role, with the group where it matters: RESOURCE[.GROUP][/SUBRESOURCE]. A resource does not include
	// its subresources; RESOURCE/* is all of them and the resource itself.
	Resources []string `json:"resources,omitempty"`
	// Namespaces and Names are those in the request's path. A request to create has no name in its path.
	Namespaces []string `json:"namespaces,omitempty"`
	Names      []string `json:"names,omitempty"`
	// UserAgent is a part of the client's name of itself.
	UserAgent string `json:"userAgent,omitempty"`

	// Delay comes before whatever else happens.
	Delay time.Duration `json:"delay,omitempty"`
	// Status refuses a request, which does not reach the server. What the other fields of an answer leave out follows from it.
	Status  int    `json:"status,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// RetryAfter, in whole seconds, lets many clients try again by themselves.
	RetryAfter time.Duration `json:"retryAfter,omitempty"`
	// Hang keeps a request from the server and from an answer until the client has gone or the rule is over; then it is cut.
	Hang bool `json:"hang,omitempty"`
	// Break lets the server do as it is asked, and cuts its answer.
	Break bool `json:"break,omitempty"`
	// Stall holds back the events of watches until the rule is over, also of those that were there before it; then they arrive. Requests of
	// other verbs pass.
	Stall bool `json:"stall,omitempty"`

	// Skip lets so many of the requests pass first.
	Skip int `json:"skip,omitempty"`
	// For and Count end the rule after a time and after so many requests. Without either it holds until it is cleared.
	For   time.Duration `json:"for,omitempty"`
	Count int           `json:"count,omitempty"`
}

// validate says what is wrong with a rule that cannot do what was meant.
func (r Rule) validate() error {
	for _, v := range r.Verbs {
		if !slices.Contains(verbs[:], v) {
			return fmt.Errorf("there is no verb %q; the verbs are %v", v, verbs)
		}
	}
	ends := r.ends()
	refusal := r.Reason != "" || r.Message != "" || r.RetryAfter != 0
	for _, c := range []struct {
		wrong bool
		why   string
	}{
		{ends == 0 && r.Delay == 0, "say what shall become of the requests: a status, a delay, hang, break or stall"},
		{ends > 1, "a request has one end: a status, hang, break or stall"},
		{r.Status != 0 && (r.Status < 400 || r.Status > 599), "a status that refuses is from 400 to 599"},
		{r.Status == 0 && refusal, "a reason, a message and a time to retry after are parts of a refusal; say its status"},
		{r.Stall && (r.Delay != 0 || r.numbered()), "a stall is about watches that go on: it knows no delay, and no number of requests"},
		{min(r.Delay, r.For, r.RetryAfter) < 0 || min(r.Skip, r.Count) < 0, "a time and a count cannot be negative"},
		{r.RetryAfter%time.Second != 0, "the time to retry after is in whole seconds"},
	} {
		if c.wrong {
			return errors.New(c.why)
		}
	}
	return nil
}

// ends is how many ends a request that it strikes has.
func (r Rule) ends() int {
	n := 0
	for _, set := range []bool{r.Status != 0, r.Hang, r.Break, r.Stall} {
		if set {
			n++
		}
	}
	return n
}

// numbered is whether the rule is about some of the requests by their number.
func (r Rule) numbered() bool { return r.Skip != 0 || r.Count != 0 }

func (r Rule) matches(q request) bool {
	return among(r.Verbs, q.verb) && among(r.Namespaces, q.namespace) && among(r.Names, q.name) &&
		strings.Contains(q.userAgent, r.UserAgent) &&
		(len(r.Resources) == 0 || slices.ContainsFunc(r.Resources, q.is))
}

func among(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }

// is reports whether a rule's RESOURCE[.GROUP][/SUBRESOURCE] means what the request is for.
func (q request) is(written string) bool {
	resource, sub, _ := strings.Cut(written, "/")
	resource, group, grouped := strings.Cut(resource, ".")
	return resource == q.resource && (!grouped || group == q.group) && (sub == "*" || sub == q.subresource)
}

// Fault is in short what becomes of a request.
func (r Rule) Fault() string {
	var words []string
	if r.Delay > 0 {
		words = append(words, "delay "+r.Delay.String())
	}
	switch {
	case r.Status != 0:
		words = append(words, fmt.Sprintf("status %d", r.Status))
	case r.Hang:
		words = append(words, "hang")
	case r.Break:
		words = append(words, "break")
	case r.Stall:
		words = append(words, "stall")
	}
	return strings.Join(words, ", ")
}
