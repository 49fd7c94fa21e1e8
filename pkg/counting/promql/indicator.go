package promql

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// spellings of an edge in the label le: Prometheus 3 writes 500.0 where Prometheus 2 wrote 500.
func spellings(threshold time.Duration) []string {
	ms := strconv.FormatFloat(float64(threshold)/float64(time.Millisecond), 'f', -1, 64)
	if strings.Contains(ms, ".") {
		return []string{ms}
	}
	return []string{ms, ms + ".0"}
}

const (
	factAll    = "all"
	factBad    = "bad"
	factWithin = "within"
)

// twoFacts is an expression of two facts about each arm, told apart by a label.
func twoFacts(first, firstExpr, second, secondExpr string) string {
	return fmt.Sprintf("label_replace(%s, %q, %q, \"\", \"\")\nor label_replace(%s, %q, %q, \"\", \"\")", firstExpr, labelFact, first, secondExpr, labelFact, second)
}

// readTwoFacts reads the answer to twoFacts, for each arm that has any.
func (b Batch) readTwoFacts(answer model.Vector, first, second string) (map[counting.Service][2]*float64, error) {
	read := map[counting.Service][2]*float64{}
	for _, s := range answer {
		arm, asked, err := b.arm(s.Metric, labelFact)
		if err != nil {
			return nil, err
		}
		n, err := count(s.Value)
		if err != nil || !asked {
			continue
		}
		p, i := read[arm], 0
		switch fact := string(s.Metric[labelFact]); fact {
		case first:
		case second:
			i = 1
		default:
			return nil, fmt.Errorf("the answer has the unknown fact %q", fact)
		}
		if p[i] != nil {
			return nil, fmt.Errorf("the answer has the series %s twice", s.Metric)
		}
		p[i] = &n
		read[arm] = p
	}
	return read, nil
}

// durations reads the answer about a histogram. An arm whose bucket is absent while its count grows, or has more than the
// count, is unknown: that is not "all bad", nor "all good".
func (b Batch) durations(answer model.Vector) (map[counting.Service]counting.Counts, error) {
	read, err := b.readTwoFacts(answer, factAll, factWithin)
	if err != nil {
		return nil, err
	}
	counts := map[counting.Service]counting.Counts{}
	for arm, p := range read {
		all, within := p[0], p[1]
		switch {
		case all == nil, within == nil && *all > 0, within != nil && *within > *all:
		case within == nil:
			counts[arm] = counting.Counts{}
		default:
			counts[arm] = counting.Counts{Requests: *all, Bad: *all - *within}
		}
	}
	return counts, nil
}

// customs reads the answer about two counters. A counter of bad requests that is not born yet stands at 0; without one of all
// requests, and where there are more bad ones than requests, the arm is unknown.
func (b Batch) customs(answer model.Vector) (map[counting.Service]counting.Counts, error) {
	read, err := b.readTwoFacts(answer, factAll, factBad)
	if err != nil {
		return nil, err
	}
	counts := map[counting.Service]counting.Counts{}
	for arm, p := range read {
		if p[0] == nil {
			continue
		}
		c := counting.Counts{Requests: *p[0]}
		if p[1] != nil {
			c.Bad = *p[1]
		}
		if c.Bad <= c.Requests {
			counts[arm] = c
		}
	}
	return counts, nil
}
