package release_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// transcript is what a scenario shows: a line for every decision that writes or says something new, and one for the facts whenever
// they are others than before.
type transcript struct {
	lines      []string
	tried      string // the last decision, and how its write was denied; empty when it was not
	denied     string
	world      *world // whose templates are named, not their hashes
	last, rest string
	quiet      bool
}

func (p *transcript) printf(format string, args ...any) {
	if !p.quiet {
		p.lines = append(p.lines, p.world.named(fmt.Sprintf(format, args...)))
	}
}

func (p *transcript) decision(w *world, d release.Decision) {
	if p.quiet {
		return
	}
	key := d.Rule + string(d.Reason)
	if p.denied != "" && d.String() == p.tried {
		return // the same is tried again: see failure
	}
	p.tried = d.String()
	if len(d.Writes()) > 0 || key != p.last || d.Answer != nil {
		p.printf("  %7s %s", w.since(), d)
	}
	if d.Answer != nil {
		p.printf("          answer to %s, accepted %t: %s", d.Answer.Token, d.Answer.Accepted, d.Answer.Message)
	}
	p.last = key
}

// failure tells of a write that failed; one that is denied again and again is told once.
func (p *transcript) failure(w *world, f *cluster.Failure) {
	text := fmt.Sprintf("%s fails: %v", f.Write.Action, f.Err)
	if text == p.denied {
		return
	}
	p.denied = ""
	if f.Denied() {
		p.denied = text
	}
	p.printf("  %7s   %s", w.since(), text)
}

// success ends a row of denials.
func (p *transcript) success(w *world, d release.Decision) {
	if p.denied != "" && len(d.Writes()) > 0 {
		p.denied = ""
		p.decision(w, d)
	}
}

func (p *transcript) state(w *world) {
	if p.quiet {
		return
	}
	if facts := w.facts(); facts != p.rest {
		p.printf("        = %s", facts)
		p.rest = facts
	}
}

// tail is the end of it, for failures.
func (p *transcript) tail() string { return strings.Join(p.lines[max(0, len(p.lines)-25):], "\n") }

func (w *world) since() string { return w.sinceBegin(w.store.Now) }

func (w *world) sinceBegin(t time.Time) string { return t.Sub(epoch.Add(startup)).String() }

// event is one line of the scenario language, without its arguments.
type event struct {
	form string
	do   func(t *testing.T, w *world, args []string) error
}

// events are the scenario language: in a form, words in capitals are arguments, the last of which takes the rest of the line.
func events() []event {
	return append(stageEvents(), []event{
		{"wait DURATION", func(t *testing.T, w *world, a []string) error { return w.wait(t, a[0]) }},
		{"wait for the end DURATION", func(t *testing.T, w *world, a []string) error { return w.waitForTheEnd(t, a[0]) }},
		{"repeat TIMES EVENTS", repeatEvents},
		{"policy STEPS", text(func(w *world, s string) { w.setPolicy(strings.Fields(s)...) })},
		{"pace by proof", do(func(w *world) { w.pace(v1alpha1.Pace{Type: v1alpha1.PaceProof}) })},
		{"budget of N failed requests", number(func(w *world, n int64) {
			w.pace(v1alpha1.Pace{Type: v1alpha1.PaceProof, FailedRequests: int32(n)})
		})},
		{"traffic N per second", number(func(w *world, n int64) { w.rate = float64(n) })},
		{"past unknown", do(func(w *world) { w.pastUnknown = true })},
		{"past of dispersion PHI", text(func(w *world, s string) { w.phi = s })},
		{"past known", do(func(w *world) { w.pastUnknown = false })},
		{"policy missing", do(func(w *world) { w.store.Remove(&v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: policy}}) })},
		{"undetermined ACTION after DURATION", func(_ *testing.T, w *world, a []string) error {
			w.editPolicy(func(p *v1alpha1.ShiftPolicySpec) {
				p.Undetermined = v1alpha1.Deadline{Action: v1alpha1.DeadlineAction(a[0]), After: v1alpha1.Duration(a[1])}
			})
			return nil
		}},
		{"shared breach ACTION after DURATION", func(_ *testing.T, w *world, a []string) error {
			w.editPolicy(func(p *v1alpha1.ShiftPolicySpec) {
				p.SharedBreach = v1alpha1.Deadline{Action: v1alpha1.DeadlineAction(a[0]), After: v1alpha1.Duration(a[1])}
			})
			return nil
		}},
		{"external arms REVISION", text((*world).external)},
		{"want revision REVISION", text((*world).wantRevision)},
		{"counts KIND", text(func(w *world, s string) { w.counts = s })},
		{"canary meets N FAILED", func(_ *testing.T, w *world, a []string) error {
			_, err := fmt.Sscan(a[0]+" "+a[1], &w.met.Requests, &w.met.Bad)
			return err
		}},
		{"bad requests of pods N", func(_ *testing.T, w *world, a []string) error { return w.reported(strings.Fields(a[0])) }},
		{"measured share WEIGHT", text(func(w *world, s string) { w.drift = v1alpha1.Percentage(s).Millionths() })},
		{"measured share as wanted", do(func(w *world) { w.drift = 0 })},
		{"canary answers with client errors", do(func(w *world) {
			w.clientErrors = release.ClientErrors{Differ: true, Arms: evidence.Arms{Stable: evidence.Counts{Requests: 9500, Bad: 95}, Canary: evidence.Counts{Requests: 500, Bad: 500}}}
		})},
		{"policy ignores client errors", do(func(w *world) {
			w.editPolicy(func(p *v1alpha1.ShiftPolicySpec) { p.ClientErrors = v1alpha1.ClientErrorsIgnore })
		})},
		{"sibling service NAME", text((*world).sibling)},
		{"confirm siblings NAMES", text((*world).confirm)},
		{"evidence stale REASON", text(func(w *world, s string) { w.stale = s })},
		{"proxies STATE", text(func(w *world, s string) { w.proxies = s })},
		{"gateways told", do(func(w *world) { w.told = true })},
		{"evidence fresh", do(func(w *world) { w.stale = "" })},
		{"manage", do((*world).manage)},
		{"let go", do((*world).letGo)},
		{"pause", do(func(w *world) { w.control(v1alpha1.ControlPaused) })},
		{"resume", do(func(w *world) { w.control(v1alpha1.ControlAuto) })},
		{"command TEXT", text(func(w *world, s string) { w.command(s, "") })},
		{"user USER commands TEXT", func(_ *testing.T, w *world, a []string) error {
			w.command(a[1], strings.Fields(a[1])[2]+" "+a[0])
			return nil
		}},
		{"record", do(func(w *world) {
			for _, c := range w.shift().Status.Release.Commands {
				w.out.printf("          %s %s of %s (%s), %s: %s", c.Token, c.Verb, cmp.Or(c.By, "nobody known"), c.Reason, c.Result, c.Message)
			}
			for _, e := range w.shift().Status.Release.Overridden {
				until := "now"
				if e.Until != nil {
					until = w.sinceBegin(e.Until.Time)
				}
				w.out.printf("          %s by %s, %d times from %s to %s: %s", e.Kind, cmp.Or(e.By, "nobody known"), e.Times, w.sinceBegin(e.From.Time), until, e.Message)
			}
		})},
		{"operator stops", do(func(w *world) { w.stopped = true })},
		{"operator starts", do(func(w *world) { w.stopped = false; w.restart() })},
		{"problem waypoint", do(func(w *world) { w.waypoint("edge") })},
		{"problem passes", do((*world).passes)},
		{"push TEMPLATE", text((*world).push)},
		{"push TEMPLATE in the instant of the handover", text(func(w *world, s string) { w.onGive = func(w *world) { w.push(s) } })},
		{"replicas N", number((*world).resize)},
		{"replicas N in the instant of the handover", number(func(w *world, n int64) { w.onGive = func(w *world) { w.resize(n) } })},
		{"hold mode MODE", text(func(w *world, s string) { w.mode = release.HoldMode(s) })},
		{"strategy TYPE", text(func(w *world, s string) {
			w.editDeployment(func(d *appsv1.Deployment) {
				d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.DeploymentStrategyType(s)}
			})
		})},
		{"mounts CLAIM", text((*world).mount)},
		{"claim NAME MODE", func(_ *testing.T, w *world, a []string) error { w.claim(a[0], a[1]); return nil }},
		{"unpause deployment", do(func(w *world) { w.editDeployment(func(d *appsv1.Deployment) { d.Spec.Paused = false }) })},
		{"pause deployment", do((*world).pauseDeployment)},
		{"delete deployment", do(func(w *world) { w.store.Remove(w.deployment()) })},
		{"delete deployment and leave its sets", do(func(w *world) { w.orphan("deployment"); w.store.Remove(w.deployment()) })},
		{"delete canary service and leave its set", do(func(w *world) {
			w.watch.rogue = true // the Deployment takes the set, by people's doing
			w.orphan("release")
			w.store.Remove(w.canaryService())
		})},
		{"delete service", do(func(w *world) { w.store.Remove(w.service()) })},
		{"delete canary service", do(func(w *world) { w.store.Remove(w.canaryService()) })},
		{"delete set TEMPLATE", text((*world).deleteSet)},
		{"point canary service at TEMPLATE", text((*world).pointCanaryService)},
		{"empty set of TEMPLATE", text(func(w *world, s string) {
			if d := w.deployment(); d != nil {
				d = d.DeepCopy()
				d.Spec.Template = w.template(s)
				w.store.Put(inmemory.SetOf(d, s+"-old"))
			}
		})},
		{"revert selector", do((*world).revertSelector)},
		{"routes WEIGHT", func(_ *testing.T, w *world, a []string) error { return w.editRoutes(a[0]) }},
		{"second route", do(func(w *world) { w.store.Put(virtualService("other", destination(web, 0))) })},
		{"no second route", do(func(w *world) { w.store.Remove(w.store.FindKind("VirtualService", namespace, "other")) })},
		{"no routes", do(func(w *world) { w.store.Remove(w.store.FindKind("VirtualService", namespace, web)) })},
		{"routes of NAMESPACE at WEIGHT", func(_ *testing.T, w *world, a []string) error { w.neighbour(a[0], a[1]); return nil }},
		{"routes of NAMESPACE marked as aborted in NUMBER", func(_ *testing.T, w *world, a []string) error { w.mark(a[0], a[1]); return nil }},
		{"service allows NAMESPACES", text((*world).invite)},
		{"destination rule", do(func(w *world) { w.destinationRule(namespace, "") })},
		{"destination rule for app APP", text(func(w *world, s string) { w.destinationRule(namespace, s) })},
		{"destination rule of NAMESPACE", text(func(w *world, s string) { w.destinationRule(s, "") })},
		{"destination rule of NAMESPACE allowed", text((*world).allowCopy)},
		{"no destination rule of NAMESPACE", text(func(w *world, s string) { w.store.Remove(w.store.FindKind("DestinationRule", s, web)) })},
		{"pods of TEMPLATE FAULT", func(_ *testing.T, w *world, a []string) error { return w.hurt(a[0], a[1]) }},
		{"pods take DURATION to end", func(_ *testing.T, w *world, a []string) (err error) {
			w.controllers.Ending, err = time.ParseDuration(a[0])
			return err
		}},
		{"evict pod of TEMPLATE", func(_ *testing.T, w *world, a []string) error { return w.evict(a[0]) }},
		{"take label LABEL from pod of TEMPLATE", func(_ *testing.T, w *world, a []string) error { return w.relabel(a[0], a[1]) }},
		{"pods of TEMPLATE are given MEMORY", func(_ *testing.T, w *world, a []string) error { return w.give(a[0], a[1]) }},
		{"rollout of Argo Rollouts at WEIGHT", text((*world).rollout)},
		{"service annotated by Argo Rollouts", do((*world).rolloutAnnotates)},
		{"pods of a rollout of Argo Rollouts", do((*world).rolloutPods)},
		{"canary of Flagger at WEIGHT", text((*world).flagger)},
		{"copy of Flagger serves", do((*world).flaggerCopy)},
		{"route of Flagger", do((*world).flaggerRoute)},
		{"given over", do((*world).givenOver)},
		{"lose status", do((*world).loseStatus)},
		{"kill", do((*world).restart)},
		{"kill after VERB", text(func(w *world, s string) { w.death.verb = release.Verb(s) })},
		{"deny VERB", text((*world).denyAll)},
		{"allow all", do(func(w *world) { w.faults, w.deny = map[release.Verb]int{}, nil })},
		{"fail TIMES VERB", func(_ *testing.T, w *world, a []string) error {
			n, err := strconv.Atoi(a[0])
			w.faults[release.Verb(a[1])] = n
			return err
		}},
	}...)
}

// reported lets the pods of a suspected canary report so many bad requests each, of 100; none is that they cannot be asked.
func (w *world) reported(bad []string) error {
	w.ofPods = evidence.ByPod{Known: true, Arms: evidence.Arms{Stable: evidence.Counts{Requests: 9000, Bad: 9}}}
	if slices.Equal(bad, []string{"none"}) {
		return nil
	}
	for i, s := range bad {
		count, node, _ := strings.Cut(s, "@")
		n, err := strconv.ParseFloat(count, 64)
		if err != nil {
			return err
		}
		w.ofPods.Pods = append(w.ofPods.Pods, evidence.PodCounts{Pod: fmt.Sprintf("web-v2-%d", i+1), Node: node, Counts: evidence.Counts{Requests: 100, Bad: n}})
	}
	return nil
}

func do(change func(*world)) func(*testing.T, *world, []string) error {
	return func(_ *testing.T, w *world, _ []string) error { change(w); return nil }
}

func text(change func(*world, string)) func(*testing.T, *world, []string) error {
	return func(_ *testing.T, w *world, a []string) error { change(w, a[0]); return nil }
}

func number(change func(*world, int64)) func(*testing.T, *world, []string) error {
	return func(_ *testing.T, w *world, a []string) error {
		n, err := strconv.ParseInt(a[0], 10, 32)
		change(w, n)
		return err
	}
}

// play carries out one line of a scenario, and lets the operator see it.
func (w *world) play(t *testing.T, line string) error {
	var best []string
	var do func(*testing.T, *world, []string) error
	literals := -1
	for _, e := range events() {
		if args, fixed, ok := match(e.form, line); ok && fixed > literals {
			best, do, literals = args, e.do, fixed
		}
	}
	if do == nil {
		return fmt.Errorf("no event is written %q", line)
	}
	if err := do(t, w, best); err != nil {
		return fmt.Errorf("%q: %w", line, err)
	}
	w.controllers.Run(w.store)
	w.settle(t)
	return nil
}

// match fits a line to a form, and counts the words that are the same.
func match(form, line string) (args []string, fixed int, ok bool) {
	words, given := strings.Fields(form), strings.Fields(line)
	for i, word := range words {
		switch {
		case i >= len(given):
			return nil, 0, false
		case word == strings.ToUpper(word) && i == len(words)-1:
			return append(args, strings.Join(given[i:], " ")), fixed, true
		case word == strings.ToUpper(word):
			args = append(args, given[i])
		case word != given[i]:
			return nil, 0, false
		default:
			fixed++
		}
	}
	return args, fixed, len(words) == len(given)
}

// wait lets time pass, with a pass at each tick.
func (w *world) wait(t *testing.T, length string) error {
	d, err := time.ParseDuration(length)
	for ; d > 0; d -= tick {
		w.advance(min(d, tick))
		w.settle(t)
	}
	return err
}

// calmAtTheEnd is longer than a release that is over keeps the next one waiting.
const calmAtTheEnd = 90 * time.Second

// waitForTheEnd lets time pass until no release runs, nothing of the last is counted any more, and nothing has come after it; at most so long.
func (w *world) waitForTheEnd(t *testing.T, length string) error {
	d, err := time.ParseDuration(length)
	for calm := time.Duration(0); d > 0 && calm < calmAtTheEnd; d -= tick {
		w.advance(min(d, tick))
		w.settle(t)
		calm += tick
		if !w.forgotten() && !w.record().Settled() {
			calm = 0
		}
	}
	return err
}

func repeatEvents(t *testing.T, w *world, a []string) error {
	n, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	for range n {
		for _, line := range strings.Split(a[1], ";") {
			if err := w.play(t, strings.TrimSpace(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// playAll plays lines that are known to be right.
func (w *world) playAll(t *testing.T, script []string) {
	t.Helper()
	for _, line := range script {
		w.out.printf("> %s", line)
		if err := w.play(t, line); err != nil {
			t.Fatal(err)
		}
	}
}
