package e2e

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// ledger is what both versions need for every request.
type ledger struct {
	address string
	down    atomic.Bool
}

func openLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if l.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	go func() { _ = server.Serve(listener) }() // ends when the test closes it
	t.Cleanup(func() { _ = server.Close() })
	l.address = fmt.Sprintf("http://%s/", listener.Addr())
	return l
}

func TestOutagesOfWhatBothVersionsNeedAreNotTheVersionsFault(t *testing.T) {
	t.Parallel()
	books := openLedger(t)
	needs := "--dependency=" + books.address
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "25%", hold: 10s}, {weight: "50%", hold: 10s}, {weight: "100%", hold: 5s}],
  objectives: [{name: availability, indicator: Requests, target: "90%"}]}`)
	s.ship("1.0.0", needs)
	kubectl(t, "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=60s")
	s.gateway()
	s.ship("1.1.0", needs)
	for step := int32(1); step <= 2; step++ {
		s.until(fmt.Sprintf("step %d is live", step), func(x *v1alpha1.TrafficShift) bool {
			r := x.Status.Release
			return r != nil && r.Step >= step && r.SettledAt != nil
		})
		books.down.Store(true)
		waitFor(t, "both versions fail", func() (bool, string) {
			_, by := s.lost()
			return by["1.0.0"] >= 20*int(step) && by["1.1.0"] >= 5*int(step), fmt.Sprint(by)
		})
		books.down.Store(false)
	}
	x := s.ended(1, v1alpha1.StatePromoted)
	if o := x.Status.Release.Objectives[0]; o.Canary.Bad == 0 || o.Stable.Bad == 0 {
		t.Errorf("the outages were not counted: %+v", o)
	}
	s.restored()
}
