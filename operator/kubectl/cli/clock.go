package cli

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock measures how far the clock here is from that of the API server, by the dates of its answers.
type clock struct {
	// now is the clock here; nil until somebody asks for the time.
	now atomic.Pointer[func() time.Time]
	// ahead is how far the API server's clock is ahead of the one here.
	ahead atomic.Int64
}

// coarse is the least difference that counts: dates have whole seconds, and answers take a while.
const coarse = 2 * time.Second

// watched is a transport whose answers are measured.
func (k *clock) watched(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if now := k.now.Load(); err == nil && now != nil {
			k.take(answer.Header.Get("Date"), (*now)())
		}
		return answer, err
	})
}

// take measures by a date; one that cannot be read says nothing.
func (k *clock) take(date string, now time.Time) {
	there, err := http.ParseTime(date)
	if err != nil {
		return
	}
	ahead := there.Sub(now)
	if ahead.Abs() < coarse {
		ahead = 0
	}
	k.ahead.Store(int64(ahead))
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip asks through the function.
func (t roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// Timed is the same with the clock of the API server, once that has answered: what is in the cluster was timed there, and a wrong clock here
// must not make it old.
func (c Cluster) Timed(env Env) Env {
	here := env.Now
	c.clock.now.Store(&here)
	env.Now = func() time.Time { return here().Add(time.Duration(c.clock.ahead.Load())) }
	return env
}
