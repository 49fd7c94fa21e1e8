package shift

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// traffic are lanes with their workers, whose passes do as they are told.
type traffic struct {
	*lanes
	t  *testing.T
	mu sync.Mutex
	is map[types.NamespacedName]standing
}

func newTraffic(t *testing.T) *traffic {
	t.Helper()
	x := &traffic{t: t, is: map[types.NamespacedName]standing{}}
	x.lanes = newLanes(func(key types.NamespacedName) standing {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.is[key]
	})
	return x
}

// work starts the controllers of both lanes.
func (x *traffic) work(do reconcile.Func) {
	x.t.Helper()
	ctx, stop := context.WithCancel(x.t.Context())
	var working sync.WaitGroup
	for name, urgent := range map[string]bool{"shift": false, "abort": true} {
		options := x.options(urgent)
		options.Reconciler = x.reconciler(urgent, do)
		options.SkipNameValidation = new(true)
		c, err := controller.NewUnmanaged(name, options)
		if err != nil {
			x.t.Fatal(err)
		}
		working.Go(func() {
			if err := c.Start(ctx); err != nil {
				x.t.Error(err)
			}
		})
	}
	x.t.Cleanup(func() { stop(); working.Wait() })
}

// want wants a pass over a TrafficShift that is so urgent from now on.
func (x *traffic) want(namespace, name string, as standing) {
	key := request(namespace, name)
	x.mu.Lock()
	x.is[key.NamespacedName] = as
	x.mu.Unlock()
	lane{x.usual, x.lanes}.Add(key)
}

// comes waits for what must come, far longer than it takes.
func comes[T any](t *testing.T, from <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-most(t).Done():
		t.Fatalf("%s: it does not come", what)
	}
	return got
}

// More passes of two tenants than there are workers wait for webhooks that hang. One over a condemned release of another does not wait behind them.
func TestAVersionIsTakenBackWhileAllWorkersHang(t *testing.T) {
	x := newTraffic(t)
	hangs, done := make(chan string, 100), make(chan string, 1)
	x.work(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		if r.Namespace != "shop" {
			hangs <- r.Name
			<-ctx.Done()
			return reconcile.Result{}, ctx.Err()
		}
		done <- r.Name
		return reconcile.Result{}, nil
	})
	for i := range 2 * workers {
		x.want([]string{"bank", "till"}[i%2], fmt.Sprint(i), running)
	}
	for range workers {
		comes(t, hangs, "a pass that hangs")
	}
	x.want("shop", "web", condemned)
	if got := comes(t, done, "the abort"); got != "web" {
		t.Errorf("a pass over %s was made", got)
	}
}

// The pass over a release that is underway waits for something when the evidence turns against it.
// All passes of a namespace hang, far more than there are workers. It has half of them, in each lane, and another namespace's passes are made.
func TestOneNamespaceHasHalfOfTheWorkers(t *testing.T) {
	for as, most := range map[standing]int{resting: workers / 2, condemned: urgentWorkers / 2} {
		x := newTraffic(t)
		hanging, other, more := make(chan struct{}, 2*urgentWorkers), make(chan struct{}), make(chan struct{})
		x.work(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
			switch req.Namespace {
			case "hangs":
				hanging <- struct{}{}
				select {
				case <-more:
				case <-ctx.Done():
				}
			case "other":
				other <- struct{}{}
			}
			return reconcile.Result{}, nil
		})
		for n := range 2 * most {
			x.want("hangs", fmt.Sprint(n), as)
		}
		for range most {
			comes(t, hanging, "a pass that hangs")
		}
		x.want("other", "web", as)
		comes(t, other, "a pass of another namespace")
		if n := len(hanging); n > 0 {
			t.Errorf("%d passes of one namespace are made beside %d of its", n, most)
		}
		close(more)
		for range most {
			comes(t, hanging, "a pass that found no worker")
		}
	}
}

func TestAPassIsInterruptedByOneThatTakesTheSameReleaseBack(t *testing.T) {
	x := newTraffic(t)
	began, over, done := make(chan standing, 1), make(chan error, 1), make(chan standing, 1)
	x.work(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		if as := x.judge(r.NamespacedName); as == condemned {
			done <- as
			return reconcile.Result{}, nil
		}
		began <- running
		<-ctx.Done()
		over <- context.Cause(ctx)
		return reconcile.Result{}, ctx.Err()
	})
	x.want("shop", "web", running)
	comes(t, began, "the pass that hangs")
	x.want("shop", "web", condemned)
	comes(t, done, "the abort")
	select {
	case err := <-over:
		if !errors.Is(err, errInterrupted) {
			t.Errorf("the pass ended with %v", err)
		}
	default:
		t.Error("two passes over one TrafficShift are made at once")
	}
}

func TestAPassThatPullsLeversIsNotInterrupted(t *testing.T) {
	p := newTraffic(t).passes
	key := shopKey("web")
	ctx, end, other := p.try(t.Context(), key, false)
	if other != nil {
		t.Fatal("nothing is underway")
	}
	p.keep(key)
	if _, _, other := p.try(t.Context(), key, true); other == nil || ctx.Err() != nil {
		t.Errorf("the second pass found %v underway; the first: %v", other, ctx.Err())
	}
	end()
	if _, end, other = p.try(t.Context(), key, true); other != nil {
		t.Error("a pass that is over is still underway")
	}
	end()
}

// After a restart all TrafficShifts are listed at once, with the lowest priority.
func TestReleasesThatRunComeFirst(t *testing.T) {
	x := newTraffic(t)
	t.Cleanup(x.usual.ShutDown)
	t.Cleanup(x.urgent.ShutDown)
	for i := range 20 {
		name, as := fmt.Sprint("rests-", i), resting
		if i == 17 {
			name, as = "runs", running
		}
		x.is[shopKey(name)] = as
		lane{x.usual, x.lanes}.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(-100)}, request("shop", name))
	}
	first := make(chan string, 1)
	go func() {
		r, _, _ := x.usual.GetWithPriority()
		first <- r.Name
	}()
	if got := comes(t, first, "the first pass"); got != "runs" {
		t.Errorf("%s comes first", got)
	}
}

// A pass is wanted in whatever way: it is made in the lane where it belongs.
func TestEveryWayToWantAPassLeadsToItsLane(t *testing.T) {
	for name, want := range map[string]func(lane, reconcile.Request){
		"now":           func(l lane, r reconcile.Request) { l.Add(r) },
		"later":         func(l lane, r reconcile.Request) { l.AddAfter(r, time.Millisecond) },
		"after failing": func(l lane, r reconcile.Request) { l.AddRateLimited(r) },
	} {
		x := newTraffic(t)
		made := make(chan string, 1)
		x.work(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			made <- name
			return reconcile.Result{}, nil
		})
		x.is[shopKey("web")] = condemned
		for _, from := range []lane{{x.usual, x.lanes}, {x.urgent, x.lanes}} {
			want(from, request("shop", "web"))
			comes(t, made, name)
		}
		if x.usual.Len() > 0 {
			t.Errorf("%s: it is also in the usual lane", name)
		}
	}
}
