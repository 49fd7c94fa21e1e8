package e2e

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
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
	waited := make(chan string, 1)
	go func() {
		out, err := plugin(t, s.ns, append(promote, "--wait", "--timeout", "10m")...)
		waited <- fmt.Sprint(out, err)
	}()
	s.until("the promotion waits", func(x *v1alpha1.TrafficShift) bool { return release.CommandOn(x).Name() == "promote" })
	s.people(false, "promote of release 1 (by "+me(t), "replan", "checkout")
	s.people(true, "abort of release 1 commanded", asOnCall("abort", "checkout", "--reason", "orders are booked twice")...)
	if out := <-waited; !strings.Contains(out, "the abort of "+onCall+" (orders are booked twice) has taken the place of this command") {
		t.Errorf("who waited for the promotion is told: %s", out)
	}
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
	s.push("1.2.0")
	s.live("30%")
	s.reads().follows("how-to/stop-everything.md", "Take back everything that runs")
	s.restored()
}

// The leader dies while a promotion waits for pods that never come; whoever takes the release back by kubectl alone is obeyed by the next
// leader, and the record keeps both.
func TestAnAbortWhileTheLeaderChangesIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 20m, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	startOperator(t, s.ns) // waits to lead
	s.push("1.1.0-never-ready")
	s.until("the release runs", func(x *v1alpha1.TrafficShift) bool { return x.Status.Release.Running() })
	full := []string{"promote", "checkout", "--full", "--reason", "the old one is down"}
	s.people(true, "release 1 told to leave", full...)
	s.until("the promotion waits for the pods", func(x *v1alpha1.TrafficShift) bool { return x.Status.Release.Pending != nil })
	s.op.kill()
	kubectl(t, asOnCall("-n", s.ns, "annotate", "--overwrite", "trafficshift", "checkout", "stagger.dev/command=abort 1 t1 orders are booked twice")...)
	s.people(false, "release 1", full...)
	x := s.ended(1, v1alpha1.StateAborted)
	var record []string
	for _, c := range x.Status.Release.Commands {
		record = append(record, fmt.Sprintf("%s of %s: %s, %s", c.Verb, c.By, c.Reason, cmp.Or(c.Result, v1alpha1.CommandAccepted)))
	}
	want := "promote-full of " + me(t) + ": the old one is down, Replaced\nabort of " + onCall + ": orders are booked twice, Accepted"
	if got := strings.Join(record, "\n"); got != want {
		t.Errorf("the record is\n%s\nwant\n%s", got, want)
	}
	s.restored()
	s.neverAgain("1.1.0-never-ready", s.began)
}

// Who writes without the plugin meets the plugin's rule at the API server, for all pairs of commands and whichever way they are written;
// what is replaced is kept by the API server, with the name of whoever gave it.
func TestTheAPIServerKeepsCommandsFromOverwritingOneAnother(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	named(t, ns)
	by, verbs := me(t), []string{"abort", "undo", "retry", "replan", "promote", "promote-full"}
	first := []string{"abort", "abort 1", "abort 2 t1", "abort one t1", "explode 1 t1", "promote 1/-1 t1", " abort  1\tt1", "abort\n1\u00a0t1", "abort 01 t1",
		"promote 1/+3 t1 why", "abort 1 answered", "promote 1 " + strings.Repeat("ä", 70), "abort 1 " + strings.Repeat("x", 70)}
	// What is written over it, and the verb if it can be carried out.
	second := map[string]string{"": "", "abort": "", "abort 2 t2": "", "abort 1/0 t2": ""}
	for _, verb := range verbs {
		first, second[verb+" 1 t2 why"] = append(first, verb+" 1 t1 why"), verb
	}
	for i, was := range first {
		s := commanded(t, ns, fmt.Sprintf("shop-%d", i), was)
		for then, verb := range second {
			now, allowed := s.DeepCopy(), release.InTheWay(s, verb) == nil
			now.Annotations[v1alpha1.CommandAnnotation] = then
			if err := adm.client.Update(t.Context(), now, client.DryRunAll); (err == nil) != allowed {
				t.Errorf("%q over %q is allowed: %t, want %t: %v", then, was, err == nil, allowed, err)
			} else if waits, written := release.CommandOn(s), release.CommandOn(now); err == nil && waits != nil && written != nil && then != was {
				if kept := written.Replaced; kept == nil || kept.Token != waits.Token || kept.Why != waits.Why || kept.By != by {
					t.Errorf("%q over %q keeps %+v", then, was, kept)
				}
			}
		}
	}
	s := commanded(t, ns, "again", "promote 1 t1")
	s.Annotations[v1alpha1.CommandAnnotation] = "abort 1 answered"
	if err := adm.client.Update(t.Context(), s); err == nil || !strings.Contains(err.Error(), "take another token") {
		t.Errorf("a command with the token of one that was answered: %v", err)
	}
}

// commanded is a TrafficShift that nobody looks after, with release 1 and a command; the last one that was answered had the token "answered".
func commanded(t *testing.T, ns, name, command string) *v1alpha1.TrafficShift {
	t.Helper()
	s := &v1alpha1.TrafficShift{}
	s.Namespace, s.Name, s.Annotations = ns, name, map[string]string{v1alpha1.CommandAnnotation: command}
	s.Spec.Service.Name, s.Spec.PolicyRef.Name = "nothing", "nothing"
	if err := adm.client.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := adm.client.Status().Patch(t.Context(), s, client.RawPatch(types.MergePatchType, []byte(`{"status": {"lastHandledCommand": "answered", "release":
  {"number": 1, "revision": "5", "startedAt": "2026-01-01T00:00:00Z", "state": "Shifting", "plan": {"steps": [{"weight": "100%", "hold": "5s"}],
   "objectives": [{"name": "availability", "indicator": "Requests", "target": "95%"}]}}}}`))); err != nil {
		t.Fatal(err)
	}
	return s
}
