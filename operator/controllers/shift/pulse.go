package shift

import (
	"context"
	"errors"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// pulseEvery is how often one of the Deployments is asked about for all of them.
	pulseEvery = time.Minute
	// pulseFirst is how long to wait after a watch that ended, or a question that was not answered; then, while no minute goes well, each time twice
	// as long, up to pulseEvery.
	pulseFirst = time.Second
)

// pulse asks again and again whether the API server still holds what it held. One that is started anew may do so without the admission plugin, by a
// flag or a feature gate, and the policy looks as it did. Its watches end then.
//
//	watch of the policy ─► ask ─► a minute, or the watch has ended ─► …
//	                        └─► in doubt: nothing is proven any more, and all TrafficShifts are looked at
type pulse struct {
	guard *guard
	clock clock.Clock
	watch func(context.Context) (watch.Interface, error)
	doubt chan event.GenericEvent
}

// newPulse asks by the connections of the manager, and starts with it where it leads.
func newPulse(m manager.Manager, g *guard) (*pulse, error) {
	c, err := client.NewWithWatch(m.GetConfig(), client.Options{HTTPClient: m.GetHTTPClient(), Scheme: m.GetScheme(), Mapper: m.GetRESTMapper()})
	if err != nil {
		return nil, err
	}
	p := &pulse{guard: g, clock: clock.RealClock{}, doubt: make(chan event.GenericEvent, 1), watch: func(ctx context.Context) (watch.Interface, error) {
		return c.Watch(ctx, &admissionv1.MutatingAdmissionPolicyList{}, client.MatchingFields{"metadata.name": holdPolicy})
	}}
	return p, m.Add(p)
}

// Start asks until the context ends.
func (p *pulse) Start(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		failures = p.follow(ctx, failures)
		p.wait(ctx, doubled(pulseFirst, pulseEvery, failures), nil)
	}
	return nil
}

// follow asks when a watch has begun and each minute, until the watch has ended or something fails. It returns how often in a row that came before
// a minute was over.
func (p *pulse) follow(ctx context.Context, failures int) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tooLate := time.AfterFunc(callLimit, stop) // a watch itself has no limit
	ended, err := p.begin(ctx)
	tooLate.Stop()
	for {
		if err = errors.Join(err, p.ask(ctx)); err != nil {
			if ctx.Err() == nil {
				log.FromContext(ctx).Error(err, "Asking how Deployments are held failed")
			}
			return failures + 1
		}
		if !p.wait(ctx, pulseEvery, ended) {
			return failures + 1
		}
		failures = 0
	}
}

// begin begins a watch of the policy, and tells when it has ended.
func (p *pulse) begin(ctx context.Context) (<-chan struct{}, error) {
	w, err := p.watch(ctx)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range w.ResultChan() { // what it says of the policy, the caches know
			continue
		}
	}()
	return ended, nil
}

// wait waits for a time, and is false when a watch or the context has ended before.
func (p *pulse) wait(ctx context.Context, length time.Duration, ended <-chan struct{}) bool {
	select {
	case <-ctx.Done():
	case <-ended:
	case <-p.clock.After(length):
		return true
	}
	return false
}

// ask has the guard ask about one Deployment, and wakes all TrafficShifts where that raises a doubt.
func (p *pulse) ask(ctx context.Context) error {
	doubt, err := p.guard.ask(ctx)
	if !doubt {
		return err
	}
	log.FromContext(ctx).Info("The API server holds Deployments otherwise than was proven; all is proven anew")
	policy := &admissionv1.MutatingAdmissionPolicy{}
	policy.Name = holdPolicy
	select {
	case p.doubt <- event.GenericEvent{Object: policy}:
	case <-ctx.Done():
	}
	return nil
}
