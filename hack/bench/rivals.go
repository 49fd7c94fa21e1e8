package main

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/simulate"
)

// slice is how often a Judge is asked.
const slice = 5 * time.Second

// threshold is the rule of tools that compare one number with a limit: every interval, the canary's share of bad requests in a
// window. It gets exact counts without delay, which is more than it has in life.
type threshold struct {
	interval, window time.Duration
	limit            float64 // a share above it is a failed check
	failures         int     // one more than so many failed checks abort
	emptyFails       bool    // a window without requests is a failed check
	late             bool    // the abort comes at the check after
	now              time.Duration
	seen             []evidence.Counts
	failed           int
}

// Slice is simulate.Judge's. The first objective is the one the tool knows.
func (t *threshold) Slice(_, canary []evidence.Counts) bool {
	t.now += slice
	t.seen = append(t.seen, canary[0])
	t.seen = t.seen[max(0, len(t.seen)-int(t.window/slice)):]
	if t.now%t.interval != 0 {
		return false
	}
	if t.late && t.failed > t.failures {
		return true
	}
	var sum evidence.Counts
	for _, c := range t.seen {
		sum.Requests += c.Requests
		sum.Bad += c.Bad
	}
	if sum.Requests == 0 && t.emptyFails || sum.Requests > 0 && sum.Bad > t.limit*sum.Requests {
		t.failed++
	}
	return !t.late && t.failed > t.failures
}

// rival is a rule with the name of the column.
type rival struct {
	name string
	make func(since time.Duration) simulate.Judge
}

// rivals are the rules of the two tools most in use, at their documented settings and at their fastest: an interval in seconds
// and the failed checks that it takes. A rule is made for a weight that was written so long after a check: Flagger writes weights when it checks,
// Argo Rollouts at any time.
func rivals() []rival {
	flagger := func(interval time.Duration, checks int) func(time.Duration) simulate.Judge {
		return func(time.Duration) simulate.Judge {
			return &threshold{interval: interval, window: max(interval, time.Minute), limit: 0.01, failures: checks - 1, emptyFails: true, late: true}
		}
	}
	argo := func(interval time.Duration, limit float64, failures int, emptyFails bool) func(time.Duration) simulate.Judge {
		return func(since time.Duration) simulate.Judge {
			return &threshold{now: since, interval: interval, window: 2 * time.Minute, limit: limit, failures: failures, emptyFails: emptyFails}
		}
	}
	return []rival{
		{"F 60/5", flagger(time.Minute, 5)}, {"F 10/1", flagger(10*time.Second, 1)},
		{"A 30/3 5%", argo(30*time.Second, 0.05, 3, false)}, {"A 30/0 1%", argo(30*time.Second, 0.01, 0, true)}, {"A 10/0 1%", argo(10*time.Second, 0.01, 0, true)},
	}
}
