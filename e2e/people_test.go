package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// looksAtTheCanary pastes the query of the story of the release into Prometheus.
func (s *story) looksAtTheCanary() {
	s.t.Helper()
	out, err := plugin(s.t, s.ns, "why", "checkout")
	if err != nil || !strings.Contains(out, "aborted by command ("+onCall+"): enough") {
		s.t.Fatalf("kubectl stagger why: %v, %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	series, err := bed.Ask(s.t.Context(), prometheus(), lines[len(lines)-1])
	if err != nil || !strings.Contains(series.String(), `"checkout-canary"`) {
		s.t.Errorf("Prometheus answers to what is to be pasted: %v, %v", series, err)
	}
}

// A release is paused, resumed, promoted and taken back by people; who promotes a weight that is no longer there leaves no other one.
func TestPeopleSteerARelease(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway().scraped()
	promote := []string{"promote", "checkout", "--reason", "checked by hand"}
	s.push("1.1.0")
	s.live("30%")
	s.people(true, "stable 4 of 4 pods ready, canary 2 of 2 pods ready", "status", "checkout")
	s.people(true, "ROUTES     VirtualServices "+s.ns+"/checkout, "+s.ns+"/checkout-canary", "status", "checkout")
	s.people(true, "checkout: paused", asOnCall("pause", "checkout", "--wait")...)
	s.people(true, "Paused: by "+onCall, "status", "checkout")
	s.until("it is paused", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), string(v1alpha1.ReasonPaused))
	})
	s.people(false, "kubectl stagger resume checkout", promote...)
	s.people(true, "checkout: resumed", "resume", "checkout")
	s.people(true, "release 1 told to leave 30%", promote...)
	s.live("50%")
	kubectl(t, "-n", s.ns, "annotate", "--overwrite", "trafficshift", "checkout", "stagger.dev/command=promote 1/1 late checked by hand")
	x := s.until("the late command is answered", func(x *v1alpha1.TrafficShift) bool { return strings.HasPrefix(x.Status.LastHandledCommand, "late") })
	if r := x.Status.Release; r.Step != 2 || r.Weight != "50%" {
		t.Errorf("a command for a weight before was carried out: %s", describe(x))
	}
	watched := make(chan string, 1)
	go func() {
		out, err := plugin(t, s.ns, "watch", "checkout")
		watched <- fmt.Sprint(out, err)
	}()
	s.people(false, "release 1 ended Aborted: Commanded: aborted by command ("+onCall+"): enough", asOnCall("abort", "checkout", "--wait", "--reason", "enough")...)
	if out := <-watched; !strings.Contains(out, "Aborted") || !strings.HasSuffix(out, "exit status 2") {
		t.Errorf("who watched saw:\n%s", out)
	}
	s.looksAtTheCanary()
	s.people(true, "shop:1.1.0", "history", "checkout")
	s.people(true, "# Release 1 of checkout in "+s.ns+": aborted", "report", "checkout")
	s.people(true, "| promote | "+me(t)+" | checked by hand |", "report", "checkout")
	s.people(true, "| abort | "+onCall+" | enough |", "report", "checkout")
	s.people(true, "Aborted", "status", "checkout")
	s.people(false, "exit status 2", "status", "checkout", "--exit-code", "-o", "name")
	s.people(true, "checkout\n", "__complete", "status", "")
	s.restored()
	s.people(true, "is being released", "retry", "checkout", "--reason", "once more", "--wait")
	s.step(2, 1)
	s.people(false, "release 2 ended Aborted", "abort", "checkout", "--wait")
	s.boards()
	s.restored()
	s.judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 1s}, {weight: "100%", hold: 1s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.shipsDuringAPause("1.2.0", 3)
	s.restored()
	s.losesNothing()
}

// shipsDuringAPause ships a version with the script for pipelines while nothing is released and the Service is paused: it waits, which is no
// fault, and is promoted as the release of this number when the Service is resumed.
func (s *story) shipsDuringAPause(version string, number int64) {
	s.t.Helper()
	s.people(true, "checkout: paused", asOnCall("pause", "checkout", "--reason", "sale until midnight", "--wait")...)
	s.shows(0, "status checkout", "Paused: by "+onCall)
	r := s.reads()
	r.follows("how-to/wait-in-ci.md") // no commands; only its script is written
	shipped := time.Now()
	script := exec.CommandContext(s.t.Context(), "sh", "release.sh", "shop:"+version)
	var said screen
	script.Dir, script.Env, script.Stdout, script.Stderr = r.dir, r.env, &said, &said
	if err := script.Start(); err != nil {
		s.t.Fatal(err)
	}
	x := s.until("the version waits for the end of the pause", func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && c.Reason == string(v1alpha1.ReasonPaused) &&
			strings.Contains(c.Message, "the release of shop:"+version+" begins when it is Auto again")
	})
	if all := x.Status.Conditions; meta.IsStatusConditionTrue(all, v1alpha1.ConditionStalled) || !meta.IsStatusConditionTrue(all, v1alpha1.ConditionReconciling) {
		s.t.Errorf("a pause is said to be a fault: %s", describe(x))
	}
	why := "Paused: by " + onCall
	for _, look := range []string{"status checkout", "why checkout"} {
		s.shows(0, look, "checkout  shop:"+version+" over 1.0.0", "‖ Paused", why, "because: sale until midnight", "LAST       release ",
			"NEXT       nothing until it is resumed: kubectl stagger resume checkout")
	}
	s.shows(0, "why checkout", "to let its release begin: kubectl stagger resume checkout -n "+s.ns)
	s.shows(0, "status", "‖ Paused", "shop:"+version+" over 1.0.0", why)
	s.shows(3, "status checkout --exit-code")
	s.shows(4, "watch checkout --timeout 1s", "the release of shop:"+version+" has not begun",
		"it waits until it is resumed: kubectl stagger resume checkout -n "+s.ns)
	if out, err := try(s.t.Context(), "", "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=2s"); err == nil {
		s.t.Errorf("kubectl rollout status: %s", out)
	}
	s.meets("1.0.0", 2*perSecond, time.Now())
	s.neverAgain(version, shipped)
	s.people(true, "checkout: resumed", "resume", "checkout")
	s.ended(number, v1alpha1.StatePromoted)
	if err := script.Wait(); err != nil || !strings.Contains(said.String(), "shop:"+version+" is promoted") {
		s.t.Errorf("the script ends with %v, and says\n%s", err, said.String())
	}
}

// A Service is adopted, a release of it undone, the next one handed over by a person, and the Service let go, with no word but the plugin's.
func TestPeopleAdoptUndoAndHandOver(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(patient("1h"))
	s.under("gateway", s.ns+".example.com")
	s.before = s.snapshot()
	s.op = startOperator(t, s.ns)
	s.people(true, "VirtualService "+s.ns+"/checkout", "adopt", "checkout", "--policy", s.ns, "--dry-run")
	s.people(false, "--yes", "adopt", "checkout", "--policy", s.ns)
	s.people(true, "released by policy "+s.ns, "adopt", "checkout", "--policy", s.ns, "--yes")
	s.until("the operator has taken charge", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	s.before, s.began = s.snapshot(), time.Now()

	s.push("1.1.0")
	s.live("30%")
	s.people(false, "the operator refused: the release follows ShiftPolicy "+s.ns+" as it is now already", "replan", "checkout", "--wait")
	s.judgedBy(patient("5s"))
	s.people(true, "the release goes on by ShiftPolicy "+s.ns, "replan", "checkout", "--wait")
	s.live("50%")
	s.people(true, "take release 1 back", "undo", "checkout", "--reason", "not today", "--wait", "--timeout", "3m")
	s.ended(1, v1alpha1.StateAborted)
	waitFor(t, "the Deployment asks for what serves, and is at rest", func() (bool, string) {
		got := s.deployment()
		return got == "shop:1.0.0 paused=", got
	})

	s.judgedBy(patient("1h"))
	s.push("1.2.0")
	s.live("30%")
	s.people(false, "say why with --reason", "promote", "checkout", "--full")
	s.people(true, "promoted by command ("+me(t)+"): the old one is down", "promote", "checkout", "--full", "--reason", "the old one is down", "--wait", "--timeout", "3m")
	s.ended(2, v1alpha1.StatePromoted)
	s.restored()
	s.people(true, `"number": 2`, "history", "checkout", "-o", "json")
	s.people(true, "CLEARED IN", "plan", "checkout")
	s.people(true, "PROMOTED", "simulate", "checkout", "--runs", "5")
	s.people(true, "operator", "version")

	s.people(true, "let go", "let-go", "checkout", "--yes")
	waitFor(t, "the Service is let go", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "trafficshifts,services,deployments", "-o", "jsonpath={.items[*].kind} {.items[*].metadata.labels}")
		return !strings.Contains(out, "TrafficShift") && !strings.Contains(out, "stagger.dev"), out
	})
	s.losesNothing()
}

// patient is a policy whose steps are held that long.
func patient(hold string) string {
	return fmt.Sprintf(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%%", hold: %[1]s}, {weight: "50%%", hold: 1h}, {weight: "100%%", hold: 1h}], objectives: [{name: availability, indicator: Requests, target: "95%%"}]}`, hold)
}

// What a cluster would refuse, and what no schema can see, is said before anything is applied.
func TestManifestsAreCheckedByTheCluster(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	at := filepath.Join(t.TempDir(), "all.yaml")
	const all = `
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: lint-sound}
spec: {steps: [{weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}
---
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: lint-weight}
spec: {steps: [{weight: "101%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}
---
apiVersion: v1
kind: Service
metadata: {name: a, annotations: {stagger.dev/policy: lint-sound}}
spec: {selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, annotations: {stagger.dev/policy: lint-none}}
spec: {selector: {app: b}, ports: [{port: 80}], kind: c}
---
apiVersion: example.com/v1
kind: Unknown
metadata: {name: c}
`
	if err := os.WriteFile(at, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := plugin(t, ns, "lint", "-f", at)
	for _, want := range []string{"ShiftPolicy lint-sound\n", "ShiftPolicy lint-weight:\n", "101%", "Service a\n", "Service b:\n", "no ShiftPolicy is named lint-none", "the cluster does not know Unknown", "3 of 5 objects"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said: %v, %s", want, err, out)
		}
	}
	if err == nil {
		t.Error("lint is content")
	}
	if out := kubectl(t, "-n", ns, "get", "services", "-o", "name"); out != "" {
		t.Errorf("lint has written %s", out)
	}
}
