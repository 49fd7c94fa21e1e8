package promql

import (
	"fmt"
	"strings"
	"time"
)

// rhythms are the times over which a target's scrape interval is measured, the best first: over a minute most targets are scraped several times,
// over five minutes all are, and a target that is younger than a minute shows its interval in twenty seconds.
var rhythms = []time.Duration{time.Minute, 5 * time.Minute, 20 * time.Second}

// rhythm returns the scrape intervals, in seconds, of the targets that were scraped in a time, and in the time known before it: from the last
// scrape before the time to the newest one, divided by how many there were. It is exact from the second scrape on.
func (s Scope) rhythm(over, known time.Duration) string {
	up, back := s.target("up"), duration(over)
	return fmt.Sprintf("((timestamp(%[1]s) - timestamp(%[1]s offset %[2]s)) / count_over_time(%[1]s[%[2]s]) and last_over_time(%[1]s[%[3]s] offset %[2]s))",
		up, back, duration(known))
}

// intervals returns the scrape interval of each job of which it is known: the median of its targets.
func (s Scope) intervals() string {
	each := make([]string, len(rhythms))
	for i, over := range rhythms {
		each[i] = s.rhythm(over, over)
	}
	return fmt.Sprintf("quantile by (job) (0.5,\n    %s)", strings.Join(each, "\n    or "))
}

// ScrapeInterval returns the question for the longest scrape interval, in seconds, of the jobs that carry the arms and whose interval is known,
// which it is when one of their targets was scraped twice; see Unmeasured for the others.
func (b Batch) ScrapeInterval() string {
	return fmt.Sprintf("max(\n  %s\n  and on (job) group by (job) (%s))", b.scope.intervals(), b.carried())
}

// Unmeasured returns the question for the longest time, in seconds, since a target was scraped for the first time, of the jobs that carry the arms and
// whose interval is not known yet: it is longer than that. No answer: all are known.
func (b Batch) Unmeasured() string {
	return fmt.Sprintf("max(time() - timestamp(%s)\n  and on (job) group by (job) (%s)\n  unless on (job) %s)", b.scope.target("up"), b.carried(), b.scope.intervals())
}
