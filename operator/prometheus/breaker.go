package prometheus

import (
	"errors"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// tolerated is how many questions in a row may stay without answer until only one at a time is let through.
	tolerated = 3
	// pause is the time between two of these. It is shorter than a usual slice of evidence, so that each slice's first question
	// finds out whether Prometheus is back.
	pause = 2 * time.Second
)

// breaker spares a Prometheus in trouble, and those who wait for it, the questions that would fail too. Answers of any kind,
// and a refusal of what was asked, close it.
type breaker struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	failed  int          // in a row
	last    *Unreachable // the last failure
	at      time.Time    // when it was
	probing bool         // a question was let through and is under way
	heard   int          // how many answers there were
}

// refuse returns the last failure when nothing is to be asked now; nil: ask, and note the outcome.
func (b *breaker) refuse() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < tolerated {
		return nil
	}
	if b.probing || b.clock.Since(b.at) < pause {
		return spared{b.last}
	}
	b.probing = true
	return nil
}

// answers is how many there were until now.
func (b *breaker) answers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard
}

// note takes the outcome of a question. One that was given up by who asked says nothing about Prometheus.
func (b *breaker) note(err error, givenUp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	u, down := errors.AsType[*Unreachable](err)
	switch {
	case !down || u.refused():
		b.failed = 0
		b.heard++
	case !givenUp:
		b.failed++
		b.last, b.at = u, b.clock.Now()
	}
}
