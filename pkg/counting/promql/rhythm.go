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

// intervals returns the scrape interval of each target of which it is known.
func (s Scope) intervals() string {
	each := make([]string, len(rhythms))
	for i, over := range rhythms {
		each[i] = s.rhythm(over, over)
	}
	return strings.Join(each, "\n    or ")
}

// ofJobs returns the scrape interval of each job of which it is known: the median of its targets.
func (s Scope) ofJobs() string { return fmt.Sprintf("quantile by (job) (0.5,\n    %s)", s.intervals()) }

// ScrapeInterval returns the question for the longest scrape interval, in seconds, of the jobs that carry each arm: the median of those of their targets
// that carry it, or, while none of these was scraped twice, of all. See Unmeasured for jobs of which none is known. Read the answer with Seconds.
func (b Batch) ScrapeInterval() string {
	return fmt.Sprintf("max by (%[1]s) (\n  quantile by (job, %[1]s) (0.5, %[2]s)\n  or %[3]s)", b.groups(), b.byTarget(b.scope.intervals()), b.byJob(b.scope.ofJobs()))
}

// Unmeasured returns the question for the longest time, in seconds, since a target was scraped for the first time, of the jobs that carry each arm and
// whose interval is not known yet: it is longer than that. An arm without an answer: all are known. Read the answer with Seconds.
func (b Batch) Unmeasured() string {
	since := fmt.Sprintf("(max by (job) (time() - timestamp(%s))\n  unless on (job) %s)", b.scope.target("up"), b.scope.ofJobs())
	return fmt.Sprintf("max by (%s) (%s)", b.groups(), b.byJob(since))
}

// byJob returns a number about jobs, for each job and arm that it carries.
func (b Batch) byJob(number string) string {
	return fmt.Sprintf("group by (job, %s) (%s) * on (job) group_left () %s", b.groups(), b.carried(), number)
}
