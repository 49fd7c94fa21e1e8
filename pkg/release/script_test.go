package release

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// transcript is what a scenario shows: a line for every decision that writes or says something new, and one for the facts whenever
// they are others than before.
type transcript struct {
	lines      []string
	last, rest string
	quiet      bool
}

func (p *transcript) printf(format string, args ...any) {
	if !p.quiet {
		p.lines = append(p.lines, fmt.Sprintf(format, args...))
	}
}

func (p *transcript) decision(w *world, o Observation, d Decision) {
	if p.quiet {
		return
	}
	key := d.Rule + string(d.Reason)
	if len(d.Writes()) > 0 || key != p.last || d.Answer != nil {
		p.printf("  %7s %s", w.since(), d)
	}
	if d.Answer != nil {
		p.printf("          answer to %s, accepted %t: %s", d.Answer.Token, d.Answer.Accepted, d.Answer.Message)
	}
	p.last = key
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

func (w *world) since() string { return w.now.Sub(epoch.Add(startup)).String() }

// event is one line of the scenario language, without its arguments.
type event struct {
	form string
	do   func(t *testing.T, w *world, args []string) error
}

// events are the scenario language: in a form, words in capitals are arguments, the last of which takes the rest of the line.
func events() []event {
	return []event{
		{"wait DURATION", func(t *testing.T, w *world, a []string) error { return w.wait(t, a[0]) }},
		{"repeat TIMES EVENTS", repeatEvents},
		{"policy STEPS", func(_ *testing.T, w *world, a []string) error { w.policy = plan(strings.Fields(a[0])...); return nil }},
		{"pace by proof", set(func(w *world) { w.pace(v1alpha1.Pace{Type: v1alpha1.PaceProof}) })},
		{"budget of N failed requests", number(func(w *world, n int64) {
			w.pace(v1alpha1.Pace{Type: v1alpha1.PaceProof, FailedRequests: int32(n)})
		})},
		{"traffic N per second", number(func(w *world, n int64) { w.rate = float64(n) })},
		{"past unknown", set(func(w *world) { w.pastUnknown = true })},
		{"past known", set(func(w *world) { w.pastUnknown = false })},
		{"policy missing", set(func(w *world) { w.policy = nil })},
		{"undetermined ACTION after DURATION", func(_ *testing.T, w *world, a []string) error {
			w.policy.Undetermined = v1alpha1.Deadline{Action: v1alpha1.DeadlineAction(a[0]), After: v1alpha1.Duration(a[1])}
			return nil
		}},
		{"shared breach ACTION after DURATION", func(_ *testing.T, w *world, a []string) error {
			w.policy.SharedBreach = v1alpha1.Deadline{Action: v1alpha1.DeadlineAction(a[0]), After: v1alpha1.Duration(a[1])}
			return nil
		}},
		{"external arms REVISION", text((*world).externalArms)},
		{"want revision REVISION", text(func(w *world, s string) { w.arms.wanted = s })},
		{"counts KIND", text(func(w *world, s string) { w.counts = s })},
		{"bad requests of pods N", func(_ *testing.T, w *world, a []string) error { return w.reported(strings.Fields(a[0])) }},
		{"measured share WEIGHT", text(func(w *world, s string) { w.drift = v1alpha1.Percentage(s).Millionths() })},
		{"measured share as wanted", set(func(w *world) { w.drift = 0 })},
		{"evidence stale REASON", text(func(w *world, s string) { w.stale = s })},
		{"evidence fresh", set(func(w *world) { w.stale = "" })},
		{"manage", set((*world).manage)},
		{"let go", set(func(w *world) { w.managed = false })},
		{"pause", set(func(w *world) { w.paused = true })},
		{"resume", set(func(w *world) { w.paused = false })},
		{"command TEXT", text(func(w *world, s string) { w.command, w.by = s, "" })},
		{"user USER commands TEXT", func(_ *testing.T, w *world, a []string) error {
			w.command, w.by = a[1], strings.Fields(a[1])[2]+" "+a[0]
			return nil
		}},
		{"problem MESSAGE", text(func(w *world, s string) { w.problem = &Problem{Reason: v1alpha1.ReasonRouteUnsupported, Message: s} })},
		{"problem passes", set(func(w *world) { w.problem = nil })},
		{"push TEMPLATE", text((*world).push)},
		{"push TEMPLATE in the instant of the handover", text(func(w *world, s string) { w.onGive = func(w *world) { w.push(s) } })},
		{"replicas N", number((*world).resize)},
		{"replicas N in the instant of the handover", number(func(w *world, n int64) { w.onGive = func(w *world) { w.resize(n) } })},
		{"hold mode MODE", text(func(w *world, s string) { w.dep.mode = HoldMode(s) })},
		{"unpause deployment", set(func(w *world) { w.dep.paused = false })},
		{"pause deployment", set((*world).pauseDeployment)},
		{"delete deployment", set(func(w *world) { w.dep.exists = false })},
		{"delete service", set(func(w *world) { w.service.exists, w.service.narrowed, w.service.marked = false, "", false })},
		{"delete canary service", set(func(w *world) { w.canary.exists, w.canary.aborted = false, false })},
		{"delete set TEMPLATE", text(func(w *world, s string) { w.remove(w.set(s, "deployment")) })},
		{"point canary service at TEMPLATE", text(func(w *world, s string) { w.canary.selects = s })},
		{"empty set of TEMPLATE", text(func(w *world, s string) {
			w.sets = append(w.sets, &podSet{name: "web-" + s + "-old", hash: s + "-old", template: s, owner: "deployment"})
		})},
		{"revert selector", set(func(w *world) { w.service.narrowed = "" })},
		{"routes WEIGHT", text((*world).editRoutes)},
		{"second route", set(func(w *world) { w.routes = append(w.routes, &route{name: "shop/other"}) })},
		{"no routes", set(func(w *world) { w.routes = nil })},
		{"destination rule", set(func(w *world) { w.rule = true })},
		{"pods of TEMPLATE FAULT", func(_ *testing.T, w *world, a []string) error { return w.hurt(a[0], a[1]) }},
		{"lose status", set(func(w *world) { w.status = status{}; w.restart() })},
		{"kill", set((*world).restart)},
		{"kill after VERB", text(func(w *world, s string) { w.death.verb = Verb(s) })},
		{"fail TIMES VERB", func(_ *testing.T, w *world, a []string) error {
			n, err := strconv.Atoi(a[0])
			w.faults[Verb(a[1])] = n
			return err
		}},
	}
}

// reported lets pods of a canary that is taken back report so many bad requests each, of 100.
func (w *world) reported(bad []string) error {
	for i, s := range bad {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return err
		}
		w.ofPods = append(w.ofPods, evidence.PodCounts{Pod: fmt.Sprintf("web-v2-%d", i+1), Counts: evidence.Counts{Requests: 100, Bad: n}})
	}
	return nil
}

func set(change func(*world)) func(*testing.T, *world, []string) error {
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
	w.controllers()
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

// manage annotates the Service, anew where it was let go.
func (w *world) manage() {
	w.managed, w.forgotten = true, false
	for _, s := range w.owned() {
		w.watch.judged[s.template] = w.watch.judged[s.template] || s.replicas > 0
	}
}

// push changes the Deployment's template. The API server holds it in the same write where it guards the Deployment.
func (w *world) push(template string) {
	if w.dep.held && w.dep.mode == HoldOnChange && template != w.dep.template {
		w.dep.paused = true
	}
	w.dep.template = template
}

// pauseDeployment is its owner's pause, which is there to stay where Stagger does not hold the Deployment.
func (w *world) pauseDeployment() {
	w.dep.paused = true
	w.watch.pausedBefore = w.watch.pausedBefore || !w.dep.held
}

// pace changes how the policy's releases go up, where there is a policy.
func (w *world) pace(p v1alpha1.Pace) {
	if w.policy != nil {
		w.policy.Pace = p
	}
}

func (w *world) resize(n int64) { w.dep.replicas = int32(n) }

// editRoutes is somebody else's write of the canary's weight; 0% takes the canary out.
func (w *world) editRoutes(weight string) {
	for _, r := range w.routes {
		if r.marked {
			r.share = v1alpha1.Percentage(weight).Millionths()
			w.foreign = &Foreign{Route: "VirtualService web", Kind: "edited", Manager: "argocd"}
		}
	}
}

// hurt makes pods of a template crash, stay unready or not start at all; fail takes one of them away, heal makes all well.
func (w *world) hurt(hash, fault string) error {
	delete(w.broken, hash)
	for _, s := range w.sets {
		if s.hash == hash {
			s.sick = int32(btoi(fault == "fail"))
		}
	}
	switch fault {
	case "crash", "unready", "quota":
		w.broken[hash] = fault
	case "heal", "fail":
	default:
		return fmt.Errorf("pods crash, are unready, meet a quota, fail or heal; not %q", fault)
	}
	return nil
}
