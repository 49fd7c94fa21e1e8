package counts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/utils/clock"

	opmetrics "github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// Kind is what people call this kind of source.
const Kind = "Prometheus"

const (
	// perQuery is how many releases one query asks about; each has two arms.
	perQuery = promql.MaxArms / 2
	// parallel is how many queries of one question are under way.
	parallel = 4
)

// Querier answers queries. An error with a method Incomplete says that the answer may lack something; any other error that there
// was no answer.
type Querier interface {
	// Query evaluates the expression at a time and returns a vector without warnings. The zero time is the present of who answers, which the
	// samples have.
	Query(ctx context.Context, expr string, at time.Time) (model.Vector, error)
	// QueryRange evaluates it at all times from first to last, a step apart.
	QueryRange(ctx context.Context, expr string, first, last time.Time, step time.Duration) (model.Matrix, error)
}

// incomplete is a Querier's error for answers with warnings.
type incomplete interface {
	error
	// Incomplete returns what is missing, in the words of Prometheus.
	Incomplete() []string
}

// Config says what to ask, and how.
type Config struct {
	// Name is how messages call the source.
	Name string
	// Querier is asked.
	Querier Querier
	// Scope is what all questions have in common. A zero ScrapeInterval is measured; a Lookback too short for the scrape interval
	// is lengthened.
	Scope promql.Scope
	// Lag is how far behind now is asked; zero: it is measured, from 1 to 15 seconds.
	Lag time.Duration
	// Slice is the length of the intervals that are usually asked about; zero: counting.DefaultStep.
	Slice time.Duration
	// Clock tells when lag and scrape interval are measured again; nil: the real one.
	Clock clock.PassiveClock
	// Metrics is told of the queries; nil: nobody is.
	Metrics *opmetrics.Set
}

// Counter asks one Prometheus. Its methods may be called at any time from any goroutine.
type Counter struct {
	Config

	mu       sync.Mutex
	paces    map[release]pace                   // how far behind now to ask about whom, and how often is scraped who reports about them
	once     map[counting.Indicator]promql.Once // how each proxy is counted once, by what carries the indicators
	measured time.Time                          // when all of it was last looked for
	of       []counting.Pair                    // of which releases
	apart    map[about]apart                    // who is not asked about with the others
	looks    []look                             // at Prometheus's clock, the newest first
	ahead    time.Duration                      // by how much the operator's clock is
}

// New returns a Counter that has asked nothing yet, or an error that names the setting that cannot be used.
func New(c Config) (*Counter, error) {
	c.Slice = cmp.Or(c.Slice, counting.DefaultStep)
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Querier == nil {
		return nil, errors.New("there is nothing to ask")
	}
	x := &Counter{Config: c, apart: map[about]apart{}}
	return x, x.scopeFor(pace{}).Validate()
}

// scopeFor is the configured scope with a scrape interval, one that is assumed of jobs of which it is not known, and a look-back that is long
// enough for them and for the longest intervals that are asked about.
func (c *Counter) scopeFor(p pace) promql.Scope {
	s := c.Scope
	s.ScrapeInterval, s.Unmeasured = cmp.Or(p.interval, s.ScrapeInterval, promql.DefaultScrapeInterval), p.unmeasured
	s.Lookback = max(cmp.Or(s.Lookback, promql.DefaultLookback), 2*s.Settle(), 2*counting.LongestSlice(c.Slice))
	return s
}

// onceBy is how each proxy is counted once by an indicator.
func (c *Counter) onceBy(i counting.Indicator) promql.Once {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.once[i.Carrier()]
}

// Check returns an error that names what cannot be asked about: the name of an arm, or an indicator.
func (c *Counter) Check(p counting.Pair) error {
	scope := c.scopeFor(pace{})
	for _, i := range append([]counting.Indicator{{}}, p.Indicators...) {
		if _, err := batch(scope, i, []counting.Pair{p}); err != nil {
			return err
		}
	}
	return nil
}

// batch holds both arms of the pairs.
func batch(scope promql.Scope, by counting.Indicator, of []counting.Pair) (promql.Batch, error) {
	arms := make([]counting.Service, 0, 2*len(of))
	for _, p := range of {
		arms = append(arms, p.Stable, p.Canary)
	}
	return promql.NewBatch(scope, by, arms)
}

func (c *Counter) query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	return outcomeOf(c, metrics.AskSlice, func() (model.Vector, error) { return c.Querier.Query(ctx, expr, at) })
}

// answerTo is what is read of the answer to a question; an answer that cannot be read is unusable.
func answerTo[T any](ctx context.Context, c *Counter, expr string, at time.Time, read func(model.Vector) (T, error)) (T, error) {
	var none T
	v, err := c.query(ctx, expr, at)
	if err != nil {
		return none, err
	}
	answer, err := read(v)
	if large, ok := errors.AsType[promql.TooLarge](err); ok {
		return none, tooMuch{c.unusable(large), large}
	}
	if err != nil {
		return none, c.unusable(err)
	}
	return answer, nil
}

// outcomeOf counts and times a query of a kind, and makes its answer unusable when something may be missing in it.
func outcomeOf[T any](c *Counter, kind string, ask func() (T, error)) (T, error) {
	began := c.Clock.Now()
	v, err := ask()
	c.Metrics.Add(metrics.EvidenceQueryDuration, c.Clock.Since(began).Seconds(), c.Name, kind)
	outcome := metrics.OK
	if i, ok := errors.AsType[incomplete](err); ok {
		outcome = metrics.Partial
		cause := errors.New(strings.Join(i.Incomplete(), "; "))
		if unusable := c.unusable(cause); blamed(err) {
			err = tooMuch{unusable, cause}
		} else {
			err = unusable
		}
	} else if err != nil {
		outcome = metrics.Error
	}
	c.Metrics.Add(metrics.EvidenceQueries, 1, c.Name, kind, outcome)
	return v, err
}

// probe is Probe with a limit.
func (c *Counter) probe(ctx context.Context, within time.Duration) error {
	ctx, done := context.WithTimeout(ctx, within)
	defer done()
	return c.Probe(ctx)
}

// single asks for one number.
func (c *Counter) single(ctx context.Context, expr string, at time.Time) (value float64, found bool, err error) {
	v, err := c.query(ctx, expr, at)
	if err != nil {
		return 0, false, err
	}
	if value, found, err = promql.Single(v); err != nil {
		err = c.unusable(err)
	}
	return value, found, err
}

// unusable is the error of an answer that is not counted.
func (c *Counter) unusable(err error) counting.Unusable {
	return counting.Unusable{Trouble: counting.Trouble{
		Reason:  v1alpha1.ReasonStale,
		Message: fmt.Sprintf("%s (source %s) gave an answer that is not counted: %s", Kind, c.Name, err),
	}}
}

// typed makes every error but an Unusable one an Unanswered.
func (c *Counter) typed(err error) error {
	if _, ok := errors.AsType[counting.Unusable](err); ok || err == nil {
		return err
	}
	return counting.Unanswered{Trouble: counting.Trouble{
		Reason:  v1alpha1.ReasonPrometheusUnreachable,
		Message: fmt.Sprintf("%s (source %s) does not answer: %s", Kind, c.Name, err),
	}}
}
