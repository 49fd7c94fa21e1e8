package promql

import (
	"fmt"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// upgraded leaves out connections that were upgraded, such as WebSockets: how long they are open says nothing of how fast they are.
const upgraded = labelCode + `!~"101|1xx"`

// reported returns what Istio's proxies report by an indicator that is not Custom, for each of the groups: requests by how they were
// answered, or all of them and those within the threshold. A selector gives the series of a metric.
func (s Scope) reported(groups string, i counting.Indicator, selector func(metric string, others ...string) string, slice time.Duration) string {
	if i.KindOrDefault() == counting.Duration {
		within := selector(i.String()+"_bucket", matcher(labelEdge, spellings(i.Threshold)...), upgraded)
		return twoFacts(factAll, s.increments(groups, selector(i.String()+"_count", upgraded), slice), factWithin, s.increments(groups, within, slice))
	}
	return s.increments(strings.Join([]string{groups, labelProtocol, labelCode, labelFlags, labelGRPC}, ", "), selector(i.String()), slice)
}

// increments returns what the counters of selector x gained in (T-slice, T], added up by the groups; any other indicator is
// one more caller of it. One row for each way a counter can be found:
//
//   - It was there at T-slice: the difference. A series that was not scraped for a while gives nothing and later all it missed.
//   - It is smaller than it was: it was reset, and all it has came after.
//   - It was not there: it was born, if its target was scraped at all in the look-back before T-slice, for that scrape would
//     have found it; or if the target itself is new, in a job that is not. Otherwise its count is the base of later slices:
//     a target may come back after a long gap, and a renamed job makes every target look new, with counts of whole lives.
//     So may one of several that write about the same target (replicas): where up comes more than once, nothing is taken for a birth.
func (s Scope) increments(groups, x string, slice time.Duration) string {
	up, back, ago := s.target("up"), duration(s.lookback()), duration(slice)
	now := fmt.Sprintf("last_over_time(%s[%s])", x, back)
	base := fmt.Sprintf("last_over_time(%s[%s] offset %s)", x, back, ago)
	known := fmt.Sprintf("last_over_time(%s[%s] offset %s)", up, duration(remembered), duration(slice+2*s.interval()))
	gained := fmt.Sprintf(`
    (%[1]s
       - %[2]s >= 0)
  or (%[1]s
       < %[2]s)
  or ((%[1]s
         unless %[2]s)
       and on (job, instance) (
            (max_over_time(%[3]s[%[4]s] offset %[5]s) == 1)
         or ((last_over_time(%[3]s[%[4]s]) unless %[6]s)
              and on (job) %[7]s))
       unless on (job, instance) (count by (job, instance) (%[3]s) > 1))
`, now, base, up, back, ago, known, s.settled(slice))
	return "sum by (" + groups + ") (" + s.believed(gained, x) + ")"
}

// settled returns the targets that were scraped in the look-back before the slice, but not only just before it.
func (s Scope) settled(slice time.Duration) string {
	settle := s.Settle()
	return fmt.Sprintf("last_over_time(%s[%s] offset %s)",
		s.target("up"), duration(s.lookback()-settle), duration(slice+settle))
}

func (s Scope) checkSlice(slice time.Duration) error {
	switch longest := s.lookback() / 2; {
	case slice < time.Millisecond || slice > longest:
		return fmt.Errorf("a slice of %s was asked for; it must be between 1ms and %s, half of the look-back", slice, longest)
	case slice%time.Millisecond != 0:
		return fmt.Errorf("a slice of %s was asked for; it must be a whole number of milliseconds", slice)
	}
	return nil
}
