package e2e

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Two people command a release while no operator runs: what takes it back is carried out when one starts, whoever writes in whichever way
// in between, and everybody is told.
func TestAnAbortThatWaitsIsNotOverwritten(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	s.push("1.1.0")
	s.live("30%")
	s.op.kill()
	promote := []string{"promote", "checkout", "--reason", "checked by hand"}
	s.people(true, "release 1 told to leave 30%", promote...)
	s.people(false, "promote of release 1 (by "+me(t), "replan", "checkout")
	s.people(true, "abort of release 1 commanded", asOnCall("abort", "checkout", "--reason", "orders are booked twice")...)
	s.people(false, "abort of release 1 (by "+onCall, promote...)
	s.people(true, "waits to be carried out: orders are booked twice", "status", "checkout")
	s.people(true, "waits to be carried out: orders are booked twice", "why", "checkout")
	written := kubectl(t, "-n", s.ns, "get", "trafficshift", "checkout", "-o", "jsonpath={.metadata.annotations}")
	for _, other := range []string{"stagger.dev/command=promote 1/1 t1 checked by hand", "stagger.dev/command=abort 1 t2", "stagger.dev/command=undo 1 t3", "stagger.dev/command-"} {
		out, err := try(t.Context(), "", "-n", s.ns, "annotate", "--overwrite", "trafficshift", "checkout", other)
		if err == nil || !strings.Contains(out+err.Error(), "abort of release 1 by "+onCall+" is not answered yet") {
			t.Errorf("%s: %v, %s", other, err, out)
		}
	}
	if now := kubectl(t, "-n", s.ns, "get", "trafficshift", "checkout", "-o", "jsonpath={.metadata.annotations}"); now != written {
		t.Errorf("the annotations are %s, want %s", now, written)
	}
	s.op.start()
	s.ended(1, v1alpha1.StateAborted)
	s.people(true, "| promote | "+me(t)+" | checked by hand |", "report", "checkout")
	s.people(true, "replaced: replaced by abort of "+onCall, "report", "checkout")
	s.restored()
}
