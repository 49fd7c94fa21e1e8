package shift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// faulty is an API server in memory, with the controllers of a cluster behind it. Its writes can fail, and its caches can lag behind.
type faulty struct {
	fails   func(a attempt) (fault string) // by which fault an attempt fails, before it is noted; empty: by none
	lag     lag
	watch   func() // is called with each change, before anything else changes
	changed func() // is called when the caches have a change

	mu          sync.Mutex
	store       *inmemory.Store
	controllers inmemory.Controllers
	attempts    []attempt
	past        []*inmemory.Store // as it was before the changes that the caches may lack, the oldest first
	keys        map[client.Object][]string
	indices     map[string]client.IndexerFunc
}

// attempt is one write that was sent.
type attempt struct {
	at    time.Time
	name  string // such as "patch Service shop/web"
	nth   int    // which one of that name it is, from 1
	lever bool   // it came by the client for levers
	fault string // by which it failed
}

// fault is a way in which a write fails.
type fault struct {
	stored bool                        // it is done all the same
	answer func(o client.Object) error // nil: there is none before the caller gives up
	late   time.Duration               // until the answer comes
}

func allFaults() map[string]fault {
	of := func(o client.Object) schema.GroupResource { return schema.GroupResource{Resource: resource(o)} }
	return map[string]fault{
		"another version": {answer: func(o client.Object) error { return apierrors.NewConflict(of(o), o.GetName(), errRefused) }},
		"a test that fails": {answer: func(client.Object) error {
			return apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "testing value /spec/http/0 failed: test failed", 0, false)
		}},
		"a policy's denial":                   {answer: func(client.Object) error { return policyDenial() }},
		"a webhook's denial":                  {answer: func(o client.Object) error { return apierrors.NewForbidden(of(o), o.GetName(), errDenied) }},
		"too many requests":                   {answer: func(client.Object) error { return apierrors.NewTooManyRequests("busy", 1) }},
		"a broken server":                     {answer: func(client.Object) error { return apierrors.NewInternalError(errRefused) }},
		"no answer in the time of the server": {answer: func(o client.Object) error { return apierrors.NewServerTimeout(of(o), "patch", 1) }, late: time.Second},
		"stored without an answer":            {stored: true},
		"a hang":                              {},
	}
}

var errDenied = errors.New(`admission webhook "frozen" denied the request: no changes on Fridays`)

// meet answers a write by a fault.
func (f fault) meet(ctx context.Context, o client.Object) error {
	var answered <-chan time.Time
	if f.answer != nil {
		answered = time.After(f.late)
	}
	select {
	case <-answered:
		return f.answer(o)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lag is by how many changes the caches of a kind are behind, those of all kinds where it is empty, and for how long at the most.
type lag struct {
	by   int
	kind string
	most time.Duration
}

func newFaulty(store *inmemory.Store, l lag) *faulty {
	s := &faulty{lag: l, store: store, keys: map[client.Object][]string{}, indices: map[string]client.IndexerFunc{},
		controllers: inmemory.Controllers{Startup: 2 * time.Second, Crashes: 5 * time.Second, Collecting: time.Second}}
	for _, i := range Indices("") {
		s.indices[kindName(i.Object)] = i.Keys
	}
	return s
}

// change does something to the store, and has the controllers and the watchers follow.
func (s *faulty) change(do func(*inmemory.Store) error) error {
	changes, err := s.carryOut(do)
	if changes {
		s.changed()
	}
	return err
}

func (s *faulty) carryOut(do func(*inmemory.Store) error) (changes bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.Now = time.Now()
	before, was := s.store.Version(), (*inmemory.Store)(nil)
	if s.lag.by > 0 {
		was = s.store.Clone()
	}
	err = do(s.store)
	s.controllers.Run(s.store)
	if s.store.Version() == before {
		return false, err
	}
	s.watch()
	if was != nil {
		s.past = append(s.past, was)
		time.AfterFunc(s.lag.most, func() { s.seen(was) })
	}
	return true, err
}

// seen has the caches see what changed the store from what it was.
func (s *faulty) seen(was *inmemory.Store) {
	s.mu.Lock()
	if i := slices.Index(s.past, was); i >= 0 {
		s.past = s.past[i+1:]
	}
	s.mu.Unlock()
	s.changed()
}

// cached is the store as the caches have it.
func (s *faulty) cached(kind string) *inmemory.Store {
	n := len(s.past)
	if n == 0 || s.lag.kind != "" && s.lag.kind != kind {
		return s.store
	}
	return s.past[max(0, n-s.lag.by)]
}

// write sends one write, which may fail.
func (c asks) write(ctx context.Context, verb string, o client.Object, do func(*inmemory.Store) error) error {
	s := c.faulty
	if s.floods() {
		<-ctx.Done() // so that time goes on
		return ctx.Err()
	}
	f, fails := allFaults()[s.attempt(fmt.Sprintf("%s %s %s", verb, kindName(o), client.ObjectKeyFromObject(o)), c.direct)]
	if !fails {
		return s.change(do)
	}
	if f.stored {
		if err := s.change(do); err != nil {
			return err
		}
	}
	return f.meet(ctx, o)
}

// floods says whether there are more writes than any test allows.
func (s *faulty) floods() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.attempts) >= 1000
}

// attempt notes a write, and says by which fault it is to fail.
func (s *faulty) attempt(name string, lever bool) (fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := attempt{at: time.Now(), name: name, nth: 1, lever: lever}
	for _, b := range s.attempts {
		if b.name == name {
			a.nth++
		}
	}
	if s.fails != nil {
		a.fault = s.fails(a)
	}
	s.attempts = append(s.attempts, a)
	return a.fault
}

// asks is the client of an API server: that of the caches, or the one past them, which sends levers.
type asks struct {
	client.Client // what is not below is not called
	*faulty
	direct bool
}

func (c asks) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	into.SetNamespace(key.Namespace)
	into.SetName(key.Name)
	return c.from(kindName(into)).Get(into)
}

func (c asks) from(kind string) *inmemory.Store {
	if c.direct {
		return c.store
	}
	return c.cached(kind)
}

func (c asks) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, kind := (&client.ListOptions{}).ApplyOptions(opts), kindName(into)
	var found []runtime.Object
	for _, x := range all(c.from(kind), kind) {
		if (o.Namespace == "" || x.GetNamespace() == o.Namespace) && (o.FieldSelector == nil || slices.Contains(c.keysOf(kind, x), o.FieldSelector.Requirements()[0].Value)) {
			found = append(found, x)
		}
	}
	return meta.SetList(into, found)
}

// keysOf are the keys of an object in its index. No object is changed once it is stored.
func (c asks) keysOf(kind string, o client.Object) []string {
	keys, known := c.keys[o]
	if !known {
		keys = c.indices[kind](o)
		c.keys[o] = keys
	}
	return keys
}

func all(s *inmemory.Store, kind string) (out []client.Object) {
	switch kind {
	case "TrafficShift":
		out = objects(inmemory.List[*v1alpha1.TrafficShift](s))
	case "ShiftPolicy":
		out = objects(inmemory.List[*v1alpha1.ShiftPolicy](s))
	case "Service":
		out = objects(inmemory.List[*corev1.Service](s))
	case "Deployment":
		out = objects(inmemory.List[*appsv1.Deployment](s))
	case "ReplicaSet":
		out = objects(inmemory.List[*appsv1.ReplicaSet](s))
	case "Pod":
		out = objects(inmemory.List[*corev1.Pod](s))
	default:
		out = objects(s.ListKind(kind))
	}
	return out
}

func objects[T client.Object](list []T) []client.Object {
	out := make([]client.Object, 0, len(list))
	for _, o := range list {
		out = append(out, o)
	}
	return out
}

func (c asks) Create(ctx context.Context, o client.Object, _ ...client.CreateOption) error {
	return c.write(ctx, "create", o, func(s *inmemory.Store) error { return s.Create(o, options.FieldOwner) })
}

func (c asks) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	only := (&client.DeleteOptions{}).ApplyOptions(opts).Preconditions
	return c.write(ctx, "delete", o, func(s *inmemory.Store) error { return s.Delete(o, only.ResourceVersion != nil, options.FieldOwner) })
}

func (c asks) Patch(ctx context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	body, err := p.Data(o)
	if err != nil {
		return err
	}
	var operations patch.Patch
	if err := json.Unmarshal(body, &operations); err != nil {
		return err
	}
	return c.write(ctx, "patch", o, func(s *inmemory.Store) error {
		if err := s.Patch(o, operations, options.FieldOwner); err != nil {
			return err
		}
		return client.IgnoreNotFound(s.Get(o)) // one without its last finalizer is gone
	})
}

func (c asks) Status() client.SubResourceWriter { return status{asks: c} }

// status writes the status of TrafficShifts.
type status struct {
	client.SubResourceWriter
	asks asks
}

// Patch demands the version that was read, so that what is sent is the whole status.
func (c status) Patch(ctx context.Context, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	sent, ok := o.(*v1alpha1.TrafficShift)
	if !ok {
		return fmt.Errorf("%T has no status here", o)
	}
	return c.asks.write(ctx, "status", o, func(s *inmemory.Store) error {
		stored, err := s.PatchStatus(sent, sent.Status)
		if err == nil {
			*sent = *stored.DeepCopy()
		}
		return err
	})
}
