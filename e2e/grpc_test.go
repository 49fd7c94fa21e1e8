package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// overHTTP2 speaks HTTP/2 without encryption, as callers of gRPC inside a mesh do.
var overHTTP2 = &http.Client{Transport: &http.Transport{Protocols: unencrypted()}}

func unencrypted() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// call is what a caller of gRPC saw.
type call struct {
	version  string
	code     int    // of HTTP
	status   string // of gRPC
	messages int
	err      error
}

// ask calls by gRPC; the answer is a stream of that length, or one message. The version that answers is told at once.
func (s *story) ask(ctx context.Context, stream time.Duration, begun func(version string)) (c call) {
	address := "http://" + cmp.Or(os.Getenv("GATEWAY"), "10.244.200.1:18080") + "/shop.Checkout/Watch"
	if stream > 0 {
		address += "?hold=" + stream.String()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		begun("")
		return call{err: err}
	}
	r.Host = s.ns + ".example.com"
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("TE", "trailers")
	answer, err := overHTTP2.Do(r)
	if err != nil {
		begun("")
		return call{err: err}
	}
	c.version, c.code = answer.Header.Get("x-version"), answer.StatusCode
	begun(c.version)
	body, err := io.ReadAll(answer.Body)
	c.err = errors.Join(err, answer.Body.Close())
	c.status, c.messages = answer.Trailer.Get("Grpc-Status"), bytes.Count(body, []byte(c.version))
	return c
}

// speaksGRPC says so in the name of the Service's port, and lets answers last.
func (s *story) speaksGRPC() *story {
	s.t.Helper()
	s.others = true
	kubectl(s.t, "-n", s.ns, "patch", "virtualservice", "checkout", "--type=json", "-p", `[{"op":"remove","path":"/spec/http/0/timeout"}]`)
	kubectl(s.t, "-n", s.ns, "patch", "service", "checkout", "--type=json", "-p", `[{"op":"replace","path":"/spec/ports/0/name","value":"grpc"}]`)
	return s
}

// Streams of gRPC that are open on canary pods when a release is taken back come to their end, with the status that the server gives them.
func TestStreamsOfGRPCOutliveAnAbort(t *testing.T) {
	t.Parallel()
	s := tell(t).speaksGRPC().judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 15s},
  steps: [{weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	s.push("1.1.0")
	s.live("50%")
	const streams, hold = 40, 10 * time.Second
	var all sync.WaitGroup
	begun, calls := make(chan string, streams), make([]call, streams)
	for i := range calls {
		all.Go(func() { calls[i] = s.ask(t.Context(), hold, func(version string) { begun <- version }) })
	}
	met := map[string]int{}
	for range streams {
		met[<-begun]++
	}
	if met["1.1.0"] == 0 || met["1.0.0"] == 0 {
		t.Fatalf("the streams come from %v, want both versions", met)
	}
	kubectl(t, "-n", s.ns, "annotate", "trafficshift", "checkout", "stagger.dev/command=abort 1 now it is enough")
	s.until("the abort has begun", func(x *v1alpha1.TrafficShift) bool { return x.Status.Release.Outcome != nil })
	all.Wait()
	for i, c := range calls {
		if c.err != nil || c.code != http.StatusOK || c.status != "0" || c.messages < 30 {
			t.Errorf("stream %d of version %s ended with %+v", i, c.version, c)
		}
	}
	s.ended(1, v1alpha1.StateAborted)
	s.restored()
	s.losesNothing()
	t.Logf("streams by version: %v", met)
}

// A version whose answers are well by HTTP, and whose trailers say that the service is unavailable, is taken back.
func TestABadStatusInATrailerOfGRPCIsCounted(t *testing.T) {
	t.Parallel()
	s := tell(t).speaksGRPC().gateway()
	var bad, good atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for range 4 {
		all.Go(func() {
			every := time.NewTicker(100 * time.Millisecond)
			defer every.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-every.C:
				}
				switch c := s.ask(ctx, 0, func(string) {}); {
				case c.status == "14" && c.code == http.StatusOK && c.version == "1.1.0":
					bad.Add(1)
				case c.status == "0":
					good.Add(1)
				case ctx.Err() == nil:
					t.Errorf("a call ended with %+v", c)
				}
			}
		})
	}
	s.ship("1.1.0", "--grpc-status=14")
	x := s.ended(1, v1alpha1.StateAborted)
	if reason := x.Status.Release.Outcome.Reason; reason != v1alpha1.ReasonCanaryBreachesSLO && reason != v1alpha1.ReasonCanaryWorseThanStable {
		t.Errorf("the release ended %s", describe(x))
	}
	stop()
	all.Wait()
	counted := x.Status.Release.Objectives[0].Canary.Bad
	t.Logf("%d calls ended with status 14, of which %d were counted; %d were well", bad.Load(), counted, good.Load())
	if n := bad.Load(); counted == 0 || counted > n {
		t.Errorf("%d bad requests were counted, of %d", counted, n)
	}
	s.restored()
	if n, by := s.lost(); n != 0 {
		t.Errorf("%d requests without gRPC failed: %v", n, by)
	}
}
