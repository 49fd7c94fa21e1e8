package evidence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// ledger is a source of counts that was told when requests were counted, and answers about any time.
type ledger struct {
	mu       sync.Mutex
	requests map[counting.Service][]observation
	timing   counting.Timing
	measured *counting.Timing // what the timing is when it was measured; nil: the same
	probes   int              // how often it was asked whether it answers
	// now is the time at which observations that are late can be seen or not; nil: all can.
	now func() time.Time
	// complete is up to when the reports about a release can be seen; nil: nobody knows.
	complete func(of counting.Pair) time.Time
	// fail is asked before every answer about a time; its error is the answer.
	fail func(at time.Time) error
	// change may change what is said of an arm at a time.
	change func(at time.Time, arm counting.Service, a *counting.ArmAnswer)
	// unusable says why an answer by an indicator is of no use; nil: it can be used.
	unusable func(at time.Time, i counting.Indicator) *counting.Trouble

	// doubt and remarks are in every answer.
	doubt   *counting.Trouble
	remarks []string

	// loses tells which releases are not answered about; nil: none.
	loses func(of counting.Pair) bool

	// failPast is the answer to every question about the past, when it is set; pods that to the questions about pods.
	failPast error
	// failsPast is asked before every answer about the past of a release; its error is the answer.
	failsPast func(of counting.Pair) error
	pods      map[string]counting.Counts
	// holdPast keeps every such question waiting until it is closed, when it is set; pastAsked is told of each.
	holdPast, pastAsked chan struct{}

	// slices are those that were asked about, and past the times of the questions about the past.
	slices, past []counting.Interval
}

var _ Counter = (*ledger)(nil)

// observation is n requests with one code, counted at a time. The code "late" is a 200 that came too late.
type observation struct {
	at      time.Time
	code    string
	n       float64
	visible time.Time // from when it can be seen; zero: at once
}

func newLedger() *ledger {
	return &ledger{requests: map[counting.Service][]observation{}, timing: counting.Timing{Lag: time.Second, Interval: slice, Dated: true}}
}

// observe adds requests that are counted at a time, after all that were added for the arm before.
func (p *ledger) observe(s counting.Service, at time.Time, code string, n float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[s] = append(p.requests[s], observation{at: at, code: code, n: n})
}

// observeLate is observe for what can be seen at a later time.
func (p *ledger) observeLate(s counting.Service, at, visible time.Time, code string, n float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[s] = append(p.requests[s], observation{at: at, code: code, n: n, visible: visible})
}

// total is all that was observed of an arm in (from, to], by how they were answered.
func (p *ledger) total(s counting.Service, from, to time.Time) (requests, bad float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts(s, counting.Indicator{}, from, to)
	return c.Requests, c.Bad
}

func (p *ledger) counts(s counting.Service, i counting.Indicator, from, to time.Time) counting.Counts {
	seen := p.requests[s]
	var c counting.Counts
	n, _ := slices.BinarySearchFunc(seen, from, func(o observation, t time.Time) int { return o.at.Compare(t) })
	for ; n < len(seen) && !seen[n].at.After(to); n++ {
		if !seen[n].at.After(from) || p.now != nil && seen[n].visible.After(p.now()) {
			continue
		}
		c.Requests += seen[n].n
		switch seen[n].code {
		case "404":
			c.ClientErrors += seen[n].n
		case "101":
			c.Upgraded += seen[n].n
		case "200":
			c.Plain += seen[n].n
		}
		if failed := strings.HasPrefix(seen[n].code, "5"); i.Kind == counting.Duration && seen[n].code == "late" || i.Kind != counting.Duration && failed {
			c.Bad += seen[n].n
		}
	}
	return c
}

var errNoName = errors.New("an arm has no name")

func (p *ledger) Check(of counting.Pair) error {
	if of.Stable.Name == "" || of.Canary.Name == "" {
		return errNoName
	}
	return nil
}

func (p *ledger) Counts(ctx context.Context, over counting.Interval, of []counting.Pair, take func(int, [][]counting.Answer)) error {
	p.mu.Lock()
	p.slices = append(p.slices, over)
	answers, err := p.answers(ctx, over, of)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range slices.Backward(of) { // answers come in parts, in any order
		if p.loses != nil && p.loses(of[i]) {
			err = closed
			continue
		}
		take(i, answers[i:i+1])
	}
	return err
}

func (p *ledger) answers(ctx context.Context, over counting.Interval, of []counting.Pair) ([][]counting.Answer, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if p.fail != nil {
		if err := p.fail(over.End); err != nil {
			return nil, err
		}
	}
	all := make([][]counting.Answer, len(of))
	for n, pair := range of {
		for _, i := range pair.Indicators {
			a := counting.Answer{Stable: p.arm(pair.Stable, i, over), Canary: p.arm(pair.Canary, i, over), Doubt: p.doubt, Remarks: p.remarks}
			if p.unusable != nil {
				if t := p.unusable(over.End, i); t != nil {
					a = counting.Answer{Unusable: t}
				}
			}
			all[n] = append(all[n], a)
		}
	}
	return all, nil
}

func (p *ledger) arm(s counting.Service, i counting.Indicator, over counting.Interval) counting.ArmAnswer {
	var a counting.ArmAnswer
	if seen := p.requests[s]; len(seen) == 0 || seen[0].at.After(over.End) {
		a.Late = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: "nobody reports about " + s.String()}
	} else {
		a.Reported, a.Counts = true, p.counts(s, i, over.Start, over.End)
	}
	if p.change != nil {
		p.change(over.End, s, &a)
	}
	return a
}

func (p *ledger) Complete(_ context.Context, of []counting.Pair) ([]time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	upTo := make([]time.Time, len(of))
	for i := range upTo {
		if p.complete != nil {
			upTo[i] = p.complete(of[i])
		}
	}
	return upTo, nil
}

func (p *ledger) Measure(context.Context, []counting.Pair) error {
	if p.measured != nil {
		p.timing = *p.measured
	}
	return nil
}

func (p *ledger) Timing(counting.Pair) counting.Timing { return p.timing }

func (p *ledger) Probe(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes++
	if p.fail == nil {
		return nil
	}
	return p.fail(time.Time{})
}

func (p *ledger) History(ctx context.Context, of counting.Pair, by counting.Indicator, over counting.Interval, step time.Duration) (map[counting.Service][]counting.Counts, error) {
	if err := p.askedPast(ctx, over); err != nil {
		return nil, err
	}
	if p.failsPast != nil {
		if err := p.failsPast(of); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	history := map[counting.Service][]counting.Counts{}
	for _, s := range []counting.Service{of.Stable, of.Canary} {
		for from := over.Start; len(p.requests[s]) > 0 && from.Before(over.End); from = from.Add(step) {
			if !p.requests[s][0].at.After(from.Add(step)) { // what comes before is left out
				history[s] = append(history[s], p.counts(s, by, from, from.Add(step)))
			}
		}
	}
	return history, nil
}

func (p *ledger) Pods(ctx context.Context, _ types.NamespacedName, _ counting.Indicator, over counting.Interval) (map[string]counting.Counts, error) {
	if err := p.askedPast(ctx, over); err != nil {
		return nil, err
	}
	return p.pods, nil
}

func (p *ledger) askedPast(ctx context.Context, over counting.Interval) error {
	if p.holdPast != nil {
		p.pastAsked <- struct{}{}
		<-p.holdPast
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.past = append(p.past, over)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.failPast
}

// lengths are how long the times are that were asked about in the past.
func (p *ledger) lengths() []time.Duration {
	var all []time.Duration
	for _, i := range p.past {
		all = append(all, i.Length())
	}
	return all
}

// reset forgets what was asked.
func (p *ledger) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slices, p.past = nil, nil
}

// closed is the error of a ledger that does not answer.
var closed = counting.Unanswered{Trouble: counting.Trouble{Reason: "LedgerClosed", Message: "the ledger is closed"}}

// torn is the error of a ledger that would say the same again.
var torn = counting.Unusable{Trouble: counting.Trouble{Reason: v1alpha1.ReasonStale, Message: "a page is missing"}}
