package shift

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Some passes wait for webhooks that hang, each for a call's time limit: workers is how many passes are made side by side, and urgentWorkers how many
// that take a version back, which is more than one tenant's webhooks keep waiting.
const (
	workers       = 16
	urgentWorkers = 256
)

// One namespace has half of a lane's workers at most. A pass that finds them taken comes again after a while, and others pass meanwhile.
const (
	shareOfOne = 2
	comeAgain  = 200 * time.Millisecond
)

// runs is the priority in the queue of a release that runs; others have that of their event.
const runs = 50

// standing is how urgent a pass over a TrafficShift is.
type standing int

const (
	// resting: no release runs.
	resting standing = iota
	// running: a release runs.
	running
	// condemned: it is being taken back, or a person or its evidence wants it taken back.
	condemned
)

// lanes are two queues of passes, each with workers of its own, so that no pass that takes a version back waits behind others:
//
//	urgent   condemned releases
//	usual    all others, those that run first
//
// The urgency of a pass is asked whenever one is wanted, whoever wants it, and once more when it begins.
type lanes struct {
	judge         func(types.NamespacedName) standing
	usual, urgent priorityqueue.PriorityQueue[reconcile.Request]
	passes        *passes
	seats         map[bool]*seats // by whether they are the urgent lane's
}

func newLanes(judge func(types.NamespacedName) standing) *lanes {
	queue := func(name string) priorityqueue.PriorityQueue[reconcile.Request] {
		return priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) {
			o.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast)
		})
	}
	return &lanes{judge: judge, usual: queue("shift"), urgent: queue("abort"), passes: &passes{underway: map[types.NamespacedName]*pass{}},
		seats: map[bool]*seats{false: newSeats(workers / shareOfOne), true: newSeats(urgentWorkers / shareOfOne)}}
}

// add wants passes, each in its lane.
func (l *lanes) add(o priorityqueue.AddOpts, items ...reconcile.Request) {
	for _, item := range items {
		switch l.judge(item.NamespacedName) {
		case condemned:
			l.urgent.AddWithOpts(o, item)
		case running:
			first := o
			first.Priority = ptr.To(max(runs, ptr.Deref(o.Priority, 0)))
			l.usual.AddWithOpts(first, item)
		default:
			l.usual.AddWithOpts(o, item)
		}
	}
}

// lane is one of the queues as its controller sees it: what is added to it goes to where it belongs.
type lane struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	lanes *lanes
}

// AddWithOpts wants passes.
func (l lane) AddWithOpts(o priorityqueue.AddOpts, items ...reconcile.Request) {
	l.lanes.add(o, items...)
}

// Add wants a pass.
func (l lane) Add(item reconcile.Request) { l.lanes.add(priorityqueue.AddOpts{}, item) }

// AddAfter wants a pass some time from now.
func (l lane) AddAfter(item reconcile.Request, after time.Duration) {
	l.lanes.add(priorityqueue.AddOpts{After: after}, item)
}

// AddRateLimited wants a pass after one that failed.
func (l lane) AddRateLimited(item reconcile.Request) {
	l.lanes.add(priorityqueue.AddOpts{RateLimited: true}, item)
}

// options are those of the controller of one of the lanes.
func (l *lanes) options(urgent bool) controller.Options {
	of, n := l.usual, workers
	if urgent {
		of, n = l.urgent, urgentWorkers
	}
	return controller.Options{
		MaxConcurrentReconciles: n, ReconciliationTimeout: passLimit,
		NewQueue: func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			return lane{of, l}
		},
	}
}

// reconciler makes the passes of one of the lanes. One that belongs to the other is sent there.
func (l *lanes) reconciler(urgent bool, do reconcile.Func) reconcile.Func {
	return func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		if urgent != (l.judge(req.NamespacedName) == condemned) {
			l.add(priorityqueue.AddOpts{}, req)
			return reconcile.Result{}, nil
		}
		seats := l.seats[urgent]
		if !seats.take(req.Namespace) {
			l.add(priorityqueue.AddOpts{After: comeAgain}, req)
			return reconcile.Result{}, nil
		}
		defer seats.leave(req.Namespace)
		ctx, end, err := l.passes.begin(ctx, req.NamespacedName, urgent)
		if err != nil {
			return reconcile.Result{}, err
		}
		defer end()
		result, err := do(ctx, req)
		if errors.Is(context.Cause(ctx), errInterrupted) {
			return reconcile.Result{}, nil // an urgent pass waits for this one to end
		}
		return result, err
	}
}

// seats are the workers of a lane that the passes of each namespace have now.
type seats struct {
	most  int
	mu    sync.Mutex
	taken map[string]int
}

func newSeats(most int) *seats { return &seats{most: most, taken: map[string]int{}} }

// take takes a seat for a namespace; false where it has as many as it may.
func (s *seats) take(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[namespace] >= s.most {
		return false
	}
	s.taken[namespace]++
	return true
}

// leave gives a seat back.
func (s *seats) leave(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[namespace]--; s.taken[namespace] == 0 {
		delete(s.taken, namespace)
	}
}

// errInterrupted is why a pass is over that an urgent one waits for.
var errInterrupted = errors.New("interrupted by an urgent pass over the same TrafficShift")

// passes keep two of one TrafficShift from being made at once. One that is urgent does not wait for what another waits for: it interrupts it.
type passes struct {
	mu       sync.Mutex
	underway map[types.NamespacedName]*pass
}

// pass is one that is underway.
type pass struct {
	urgent bool
	stop   context.CancelCauseFunc
	over   chan struct{}
}

// begin waits until no other pass over the TrafficShift is made. The context is that of the pass; end must be called when it is over.
func (p *passes) begin(ctx context.Context, key types.NamespacedName, urgent bool) (context.Context, func(), error) {
	for {
		own, end, other := p.try(ctx, key, urgent)
		if other == nil {
			return own, end, nil
		}
		select {
		case <-other.over:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// try begins a pass where no other is underway; else it returns that one, which is interrupted if the new one alone is urgent.
func (p *passes) try(ctx context.Context, key types.NamespacedName, urgent bool) (own context.Context, end func(), other *pass) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if other = p.underway[key]; other != nil {
		if urgent && !other.urgent {
			other.stop(errInterrupted)
		}
		return nil, nil, other
	}
	own, stop := context.WithCancelCause(ctx)
	mine := &pass{urgent: urgent, stop: stop, over: make(chan struct{})}
	p.underway[key] = mine
	return own, func() {
		p.mu.Lock()
		delete(p.underway, key)
		p.mu.Unlock()
		close(mine.over)
		stop(nil)
	}, nil
}

// keep has the pass over a TrafficShift be interrupted by nobody, because it pulls levers itself.
func (p *passes) keep(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if mine := p.underway[key]; mine != nil {
		mine.urgent = true
	}
}
