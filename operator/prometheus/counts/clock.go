package counts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	// mostSkew is how far the operator's clock may be from Prometheus's, and mostApart how far those of the replicas that answer may be from
	// each other, until nothing is raised by what is counted.
	mostSkew  = 5 * time.Second
	mostApart = time.Second
	// absurd is so much that no moment of the operator's can be found in Prometheus.
	absurd = time.Hour
	// lookBack is how long an answer speaks for the clocks.
	lookBack = time.Minute
)

// look is what one answer tells of the clocks: by how much the operator's is ahead of that of who answered, at least and at most. The time of
// the answer lies between question and answer.
type look struct {
	at          time.Time
	least, most time.Duration
}

// bounds are by how much the operator's clock is ahead for certain, if all looks are at one clock (K. Marzullo and S. Owicki, Maintaining the time in
// a distributed system, 1983). Where they are not, the least may be more than the most.
func bounds(looks []look) (least, most time.Duration) {
	least, most = looks[0].least, looks[0].most
	for _, l := range looks {
		least, most = max(least, l.least), min(most, l.most)
	}
	return least, most
}

// Probe asks the smallest question there is, and which time it is where it is answered. The error is a counting.Unanswered.
func (c *Counter) Probe(ctx context.Context) error {
	asked := c.Clock.Now()
	v, err := outcomeOf(c, metrics.AskProbe, func() (model.Vector, error) { return c.Querier.Query(ctx, "vector(1)", time.Time{}) })
	if _, answered := errors.AsType[counting.Unusable](err); answered {
		return nil
	}
	if err != nil {
		return c.typed(err)
	}
	if len(v) == 1 && v[0] != nil {
		c.looked(asked, v[0].Timestamp.Time())
	}
	return nil
}

// looked notes which time it was for who answered a question that was asked at a time.
func (c *Counter) looked(asked, there time.Time) {
	now := c.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := []look{{at: now, least: asked.Sub(there), most: now.Sub(there)}}
	for _, l := range c.looks {
		if now.Sub(l.at) < lookBack {
			kept = append(kept, l)
		}
	}
	c.looks = kept
	// Of several clocks it is the one that is most behind: what is over there is over everywhere. The lag has room for the rest.
	least, most := bounds(kept)
	c.ahead = max(least, most-lagMargin)
}

// dated is an error, a counting.Unanswered, where no moment of the operator's can be found in Prometheus.
func (c *Counter) dated() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.looks) == 0:
		return counting.Unanswered{Trouble: c.skewed("does not say which time it is there: its answer to a question without a time has none")}
	case c.ahead.Abs() >= absurd:
		return counting.Unanswered{Trouble: c.skewed("%s", differ(c.ahead))}
	}
	return nil
}

// skew is why nothing is raised by what is counted, for the clocks; nil: they agree. The caller holds the mutex.
func (c *Counter) skew() *counting.Trouble {
	least, most := bounds(c.looks)
	var t counting.Trouble
	switch since := c.Clock.Since(c.looks[0].at); {
	case since >= lookBack:
		t = c.skewed("has not said for %s which time it is there", since.Round(time.Second))
	case least-most > mostApart:
		t = c.skewed("is answered for by clocks that are %s apart, or one of them was set within the last minute; let NTP set those of all replicas, and the operator's",
			(least - most).Round(100*time.Millisecond))
	case least > mostSkew, most < -mostSkew:
		t = c.skewed("%s", differ(c.ahead))
	default:
		return nil
	}
	return &t
}

// differ says by how much the clocks differ, and what to do.
func differ(ahead time.Duration) string {
	side := "behind"
	if ahead < 0 {
		side = "ahead of"
	}
	return fmt.Sprintf("has a clock that is %s %s the operator's; nothing is raised until they are within %s: let NTP set the one of the two nodes that is wrong",
		ahead.Abs().Round(time.Second), side, mostSkew)
}

func (c *Counter) skewed(format string, with ...any) counting.Trouble {
	return counting.Trouble{Reason: v1alpha1.ReasonClockSkew, Message: fmt.Sprintf("%s (source %s) %s", Kind, c.Name, fmt.Sprintf(format, with...))}
}
