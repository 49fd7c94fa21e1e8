package promql

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// straggle is how far a target may be behind the foremost one until nobody waits for it any more: Freshness tells of it then.
	straggle = time.Minute
)

// Complete returns the question up to when the reports about each arm are complete, in seconds since 1970 by Prometheus's clock. It is asked as of
// now, and by that clock: without a time. Samples that are on their way, by remote write or from another store, cannot be seen yet, however long ago
// they were taken. A target's are complete up to its newest sample, and up to when the next one is due; an arm's up to where those of all its targets
// are. Read the answer with CompleteUpTo.
//
// Servers that answer about an earlier time than the one they were asked about, such as VictoriaMetrics in the first half a minute, say
// which time that is by time(): nothing is complete beyond it.
//
// The interval of a target is that of the last five minutes, or of the last one while it is younger, rounded down, and 0 while it is not known
// for so long: what is not certain is waited for.
func (b Batch) Complete() string {
	newest := fmt.Sprintf("max by (job, instance, %s) (%s)", b.groups(), b.taken())
	interval := fmt.Sprintf("floor(%s) or floor(%s) or 0 * last_over_time(%s[5m])",
		b.scope.rhythm(5*time.Minute, time.Minute), b.scope.rhythm(time.Minute, time.Minute), b.scope.target("up"))
	upTo := fmt.Sprintf("(%s + on (job, instance) group_left () (max by (job, instance) (%s)))", newest, interval)
	waited := fmt.Sprintf("%s >= on (%s) group_left () (max by (%s) (%s) - %d)", upTo, b.groups(), b.groups(), upTo, int(straggle.Seconds()))
	return fmt.Sprintf("clamp_max(min by (%s) (%s), time())", b.groups(), waited)
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

// factAt is the row that says which time an answer is about.
const factAt = "at"

// Dated returns the question with one row more, which says which time its answer is about. Read that row with Undated.
func Dated(expr string) string {
	return expr + fmt.Sprintf("\nor label_replace(vector(time()), %q, %q, \"\", \"\")", labelFact, factAt)
}

// Undated returns the answer to a Dated question without that row, or an error when it is about another time than the one it was asked about:
// some servers shift or round the time, and put the one that was asked into the answer. A row that is not there proves nothing.
func Undated(answer model.Vector, at time.Time) (model.Vector, error) {
	for i, s := range answer {
		if s == nil || s.Metric[labelFact] != factAt || len(s.Metric) != 1 {
			continue
		}
		about := time.UnixMilli(int64(math.Round(float64(s.Value) * 1000)))
		if off := about.Sub(at).Abs(); off > time.Millisecond {
			return nil, fmt.Errorf("it is about a time %s away from the one that was asked for", off.Round(time.Millisecond))
		}
		return slices.Delete(slices.Clone(answer), i, i+1), nil
	}
	return answer, nil
}
