package promql

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// rhythm is the time over which a target's scrape interval is measured.
const rhythm = 5 * time.Minute

// Complete returns the question up to when the reports about each arm are complete, in seconds since 1970. It is asked as of now: samples
// that are on their way, by remote write or from another store, cannot be seen yet, however long ago they were taken. A target's are complete
// up to its newest sample, and up to when the next one is due; an arm's up to where those of all its targets are. Read the answer with
// CompleteUpTo.
//
// The interval of a target is that of the last five minutes, rounded down, and 0 while it is not known for so long: what is not certain is
// waited for.
func (b Batch) Complete() string {
	up := b.scope.target("up")
	newest := fmt.Sprintf("max by (job, instance, %s) (timestamp(%s))", b.groups(), b.carrier())
	interval := fmt.Sprintf("(floor(%d / count_over_time(%s[%s])) and last_over_time(%s[%s] offset %s)) or 0 * last_over_time(%s[%s])",
		int(rhythm.Seconds()), up, duration(rhythm), up, duration(time.Minute), duration(rhythm), up, duration(rhythm))
	return fmt.Sprintf("min by (%s) (%s + on (job, instance) group_left () (max by (job, instance) (%s)))", b.groups(), newest, interval)
}

// CompleteUpTo reads the answer to Complete. An arm is not in the result when nobody has reported about it for five minutes.
func (b Batch) CompleteUpTo(answer model.Vector) (map[counting.Service]time.Time, error) {
	upTo := map[counting.Service]time.Time{}
	for _, s := range answer {
		arm, asked, err := b.arm(s.Metric)
		if err != nil {
			return nil, fmt.Errorf("complete: %w", err)
		}
		at := float64(s.Value)
		if math.IsNaN(at) || at < 0 || at > maxCount {
			return nil, fmt.Errorf("complete: %s is complete up to %v; it must be a time in seconds", arm, at)
		}
		if asked {
			upTo[arm] = time.UnixMilli(int64(math.Floor(at * 1000))).UTC()
		}
	}
	return upTo, nil
}
