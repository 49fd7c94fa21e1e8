package release_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
)

var shuffles = flag.Uint64("shuffles", 60, "how many random orders of events are played")

// happenings are what a shuffle picks from: lines of the scenario language.
var happenings = []string{
	"wait 5s", "wait 10s", "wait 30s", "wait 1m", "wait 2m", "wait 5s", "wait 30s", "wait 1m",
	"push v1", "push v2", "push v2", "push v3", "push v2 in the instant of the handover", "push v3 in the instant of the handover",
	"replicas 0", "replicas 3", "replicas 4", "replicas 4", "replicas 6", "replicas 6 in the instant of the handover",
	"counts good", "counts good", "counts good", "counts bad", "counts suspicious", "counts alone", "counts shared", "counts unproven", "counts none",
	"proxies are read", "proxies are read", "proxies brake", "proxies brake", "proxies alarm", "proxies fail", "proxies unread", "proxies show the weight", "gateways told",
	"evidence stale Stale", "evidence stale PrometheusUnreachable", "evidence fresh", "evidence fresh", "evidence fresh",
	"pause", "resume", "resume", "let go", "manage", "manage",
	"command abort 1 aN", "command abort 2 aN", "command retry 1 rN", "command retry 2 rN", "command promote 1 pN", "command promote 1 pN why not",
	"command promote 2 pN why not", "command nonsense", "command undo 1 uN", "command undo 2 uN",
	"command promote-full 1 fN why not", "command promote-full 2 fN why not", "command replan 1 nN", "command replan 2 nN", "fail 1 put template back",
	"routes 0%", "routes 1%", "routes 60%", "revert selector", "unpause deployment", "pause deployment",
	"delete canary service", "delete set v1", "delete deployment", "delete service", "delete deployment and leave its sets", "delete canary service and leave its set", "point canary service at v1", "problem waypoint", "problem passes", "problem passes",
	"destination rule", "destination rule for app a", "destination rule of istio-system", "destination rule of istio-system allowed", "no destination rule of istio-system", "no destination rule of shop",
	"policy missing", "policy 1%/30s 25%/30s 100%/30s", "policy 50%/30s 100%/1m", "policy 100%/30s",
	"pace by proof", "pace by proof", "budget of 100 failed requests", "traffic 0 per second", "traffic 100 per second", "traffic 3 per second", "past unknown", "past known",
	"undetermined Abort after 2m", "shared breach Abort after 2m",
	"pods of v2 crash", "pods of v2 unready", "pods of v2 quota", "pods of v2 heal", "pods of v2 fail", "pods of v1 fail", "pods of v1 heal",
	"kill", "kill", "lose status", "kill after save", "kill after abort service", "kill after abort routes", "kill after hand over set",
	"kill after narrow service", "kill after restore routes", "kill after raise", "kill after lower",
	"fail 2 save", "fail 1 abort service", "fail 1 abort routes", "fail 2 raise", "fail 1 narrow service", "fail 1 widen service",
	"fail 1 hand over set", "fail 1 restore routes", "fail 1 remove set", "fail 1 pause", "fail 1 make set", "fail 1 scale set",
}

// worlds are what a shuffle begins with.
var worlds = []string{"wait 5s", "hold mode Always", "second route", "no routes", "destination rule", "destination rule for app a", "empty set of v2", "pause deployment", "pace by proof"}

// calms are how long nothing happens between two events: in a hurry much goes wrong at once, in calm releases come far.
var calms = []string{"wait 0s", "wait 15s", "wait 1m", "wait 2m"}

// TestWhateverHappensInWhateverOrder plays events in random order. At every write and after every pass the promises to users hold;
// when everything is well again and the Service is let go, everything is as its owner wrote it.
func TestWhateverHappensInWhateverOrder(t *testing.T) {
	t.Parallel()
	for seed := range *shuffles {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			playShuffled(t, newWorld(), rand.New(rand.NewPCG(seed, 1)), calms[seed%uint64(len(calms))], worlds, happenings)
		})
	}
}

func playShuffled(t *testing.T, w *world, r *rand.Rand, calm string, worlds, happenings []string) {
	t.Helper()
	script := []string{worlds[r.IntN(len(worlds))], "wait 5s", "push v2", "wait 30s"}
	for i := range 40 {
		line := happenings[r.IntN(len(happenings))]
		script = append(script, strings.ReplaceAll(line, "N", strconv.Itoa(i)), calm)
	}
	for _, line := range script {
		w.out.printf("> %s", line)
		if w.policy() == nil && (line == "undetermined Abort after 2m" || line == "shared breach Abort after 2m") {
			continue
		}
		if err := w.play(t, line); err != nil {
			t.Fatal(err)
		}
	}
	w.heal()
	for _, line := range []string{"pods of v1 heal", "pods of v2 heal", "pods of v3 heal", "let go", "wait 3m"} {
		w.out.printf("> %s", line)
		if err := w.play(t, line); err != nil {
			t.Fatal(err)
		}
	}
	if !w.forgotten() { // only the canary's pods serve: they stay until nobody is to be served
		w.playAll(t, []string{"replicas 0", "wait 2m"})
	}
	w.untouched(t)
}

// heal makes everything well that is not a person's will.
func (w *world) heal() {
	clear(w.faults)
	w.death = death{made: w.death.made}
	w.stale, w.counts, w.proxies = "", "good", "are read"
	w.controllers.Let("smoke", inmemory.Succeeds)
	w.passes()
}

// untouched fails when anything but the Deployment's template, replicas and its pause for a template that waits is different from
// what its owner wrote.
func (w *world) untouched(t *testing.T) {
	t.Helper()
	narrowed, marked := w.narrowed()
	d := w.deployment()
	switch {
	case !w.forgotten():
		w.watch.fail(t, w, "the TrafficShift is not let go")
	case w.previewService() != nil || w.unended() > 0 || w.signed() != "":
		w.watch.fail(t, w, "a preview Service, a Job or an author is left behind")
	case w.canaryService() != nil || w.copied() || w.watch.share(w) > 0 || marked || narrowed != "" || w.watch.ours(w) ||
		slices.ContainsFunc(w.routes(), func(r route) bool { return r.marked || r.made }):
		w.watch.fail(t, w, "something is left behind")
	case d != nil && (d.Labels[v1alpha1.HeldLabel] != "" || d.Spec.Paused && !w.waits() && !w.watch.pausedBefore):
		w.watch.fail(t, w, "the Deployment is not as its owner had it")
	}
}
