package promql

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// MaxSeries is the largest number of series an answer may have.
	MaxSeries = 50_000

	// maxCount is far beyond what a slice or a clock in seconds can hold, and far below where a float64 skips whole numbers.
	maxCount = 1e12
	// fraction is how far a count may lie from a whole number.
	fraction = 1e-6
)

// TooLarge is the error of an answer with more than MaxSeries series. One about fewer arms may have fewer.
type TooLarge struct {
	// Of is what was asked for, and Series how many the answer has.
	Of     string
	Series int
}

// Error is one sentence.
func (t TooLarge) Error() string {
	return fmt.Sprintf("%s: the answer has %d series; at most %d are read", t.Of, t.Series, MaxSeries)
}

// Counts reads the answer to Increments. An arm of which nothing is known, not even that it had no requests, is not in the
// result: it has no series, its series contradict each other, or one has a value that no count can have, see Impossible. An error says what is
// wrong with the answer; the slice is void then, for every arm.
func (b Batch) Counts(answer model.Vector) (counts map[counting.Service]counting.Counts, err error) {
	if len(answer) > MaxSeries {
		return nil, TooLarge{"counts", len(answer)}
	}
	switch b.indicator.KindOrDefault() {
	case counting.Duration:
		counts, err = b.durations(answer)
	case counting.Custom:
		counts, err = b.customs(answer)
	default:
		counts, err = b.outcomes(answer)
	}
	if err != nil {
		return nil, fmt.Errorf("counts: %w", err)
	}
	for arm := range b.Impossible(answer) {
		delete(counts, arm)
	}
	return counts, nil
}

// Impossible are the arms one of whose series has a value that no count can have, such as NaN, with the first of them. Whoever has a pod that
// is scraped can expose one; nothing is known of that arm then, and of no other.
func (b Batch) Impossible(answer model.Vector) map[counting.Service]error {
	var all map[counting.Service]error
	for _, s := range answer {
		_, err := count(s.Value)
		if err == nil {
			continue
		}
		arm := armOf(s.Metric)
		if all == nil {
			all = map[counting.Service]error{}
		}
		if all[arm] == nil {
			all[arm] = fmt.Errorf("series %s: %w", s.Metric, err)
		}
	}
	return all
}

// outcomes reads the answer about Istio's counter of requests.
func (b Batch) outcomes(answer model.Vector) (map[counting.Service]counting.Counts, error) {
	counts, seen := map[counting.Service]counting.Counts{}, make(map[model.Fingerprint]bool, len(answer))
	for _, s := range answer {
		arm, asked, err := b.arm(s.Metric, labelProtocol, labelCode, labelFlags, labelGRPC)
		if err != nil {
			return nil, err
		}
		id := s.Metric.Fingerprint()
		if seen[id] {
			return nil, fmt.Errorf("the answer has the series %s twice", s.Metric)
		}
		seen[id] = true
		n, err := count(s.Value)
		if err != nil || !asked {
			continue
		}
		c := counts[arm]
		c.Count(b.indicator.Rules, outcome(s.Metric), n)
		counts[arm] = c
	}
	return counts, nil
}

// arm returns the service of a series and whether it is an arm of the batch. It is not, without error, when its namespace is
// one arm's and its name another's. A series with other labels than these is not an answer to our question.
func (b Batch) arm(m model.Metric, others ...model.LabelName) (arm counting.Service, asked bool, err error) {
	for name := range m {
		byRevision := name == labelRevision && b.arms[0].Revision != ""
		if name != labelNamespace && name != labelName && !byRevision && !slices.Contains(others, name) {
			return counting.Service{}, false, fmt.Errorf("series %s has the label %q, which was not asked for", m, name)
		}
	}
	arm = armOf(m)
	if _, asked = slices.BinarySearchFunc(b.arms, arm, counting.Service.Compare); asked {
		return arm, true, nil
	}
	inNamespace := slices.ContainsFunc(b.arms, func(a counting.Service) bool { return a.Namespace == arm.Namespace })
	inName := slices.ContainsFunc(b.arms, func(a counting.Service) bool { return a.Name == arm.Name })
	if !inNamespace || !inName {
		return counting.Service{}, false, fmt.Errorf("series %s is of a service that was not asked for", m)
	}
	return arm, false, nil
}

// all is Counts for who asks about one release: an error also says which of its counts is impossible.
func (b Batch) all(answer model.Vector) (map[counting.Service]counting.Counts, error) {
	counts, err := b.Counts(answer)
	for _, impossible := range b.Impossible(answer) {
		err = cmp.Or(err, impossible)
	}
	return counts, err
}

func armOf(m model.Metric) counting.Service {
	return counting.Service{Namespace: string(m[labelNamespace]), Name: string(m[labelName]), Revision: string(m[labelRevision])}
}

func count(v model.SampleValue) (float64, error) {
	n := float64(v)
	whole := math.Round(n)
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0) || n < 0 || n > maxCount:
		return 0, fmt.Errorf("its value is %v; a count is a number from 0 to %v", n, float64(maxCount))
	case math.Abs(n-whole) > fraction:
		return 0, fmt.Errorf("its value is %v; a count is a whole number (is the source downsampled?)", n)
	}
	return whole, nil
}

// Seconds reads the answer to Lag, ScrapeInterval or Unmeasured. An arm of which nothing is known is not in it, and neither is one with a value that no
// time can have.
func (b Batch) Seconds(answer model.Vector) (map[counting.Service]float64, error) {
	if len(answer) > MaxSeries {
		return nil, TooLarge{"seconds", len(answer)}
	}
	seconds := map[counting.Service]float64{}
	for _, s := range answer {
		arm, _, err := b.arm(s.Metric)
		if err != nil {
			return nil, fmt.Errorf("seconds: %w", err)
		}
		if n := float64(s.Value); n >= 0 && n <= maxCount {
			seconds[arm] = n
		}
	}
	return seconds, nil
}

// Single reads the answer to Base: one finite number, 0 or more. found is false when the answer is empty.
func Single(answer model.Vector) (value float64, found bool, err error) {
	switch len(answer) {
	case 0:
		return 0, false, nil
	case 1:
	default:
		return 0, false, fmt.Errorf("the answer has %d series; one was asked for", len(answer))
	}
	value = float64(answer[0].Value)
	if math.IsNaN(value) || value < 0 || value > maxCount {
		return 0, false, fmt.Errorf("the answer is %v; it must be a number from 0 to %v", value, float64(maxCount))
	}
	return value, true, nil
}

func outcome(m model.Metric) counting.Outcome {
	return counting.Outcome{Code: string(m[labelCode]), Flags: string(m[labelFlags]), GRPC: string(m[labelGRPC]), Protocol: string(m[labelProtocol])}
}
