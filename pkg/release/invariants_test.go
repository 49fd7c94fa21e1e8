package release

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// watch looks over a world and fails the test when a promise to users is broken.
type watch struct {
	release string          // the release it speaks of
	proven  int64           // the largest share of it that was cleared, in millionths
	pulled  bool            // its abort has written something
	freedAt time.Time       // when routes or Service were last changed
	downAt  time.Time       // when the canary last lost its routes
	judged  map[string]bool // templates that may serve
	rogue   bool            // people let a template roll out by themselves
	anew    bool            // pods of a template were started that has pods
	lit     bool            // before a write the Service selected pods

	pausedBefore bool // the Deployment was paused when it was first held
}

func (x *watch) begin(w *world) { x.judged = map[string]bool{w.dep.template: true} }

// native is told of pods that the Deployment starts by itself.
func (x *watch) native(w *world, started *podSet) {
	x.anew = x.anew || slices.ContainsFunc(w.owned(), func(s *podSet) bool { return s != started && s.template == started.template && s.replicas > 0 })
	if w.managed && w.dep.replicas > 0 && w.dep.held {
		x.rogue = true
	}
	x.judged[w.dep.template] = true
}

// cause says whether the facts ask for an abort, so that the next write has to take traffic away.
func cause(o Observation) bool {
	r, p := o.Release, o.Wanted.Problem
	return o.running() && !o.aborting() && !o.Workload.HandedOver && (o.Evidence.Verdict.State == evidence.Breach || o.Workload.Crashing != "" ||
		o.commanded(abortNow) || o.commanded(undo) || o.Canary.Aborted && o.Canary.Number == r.Number ||
		o.Workload.Template != "" && o.Workload.Template != r.Revision || !o.Wanted.Managed || p != nil && p.Gone ||
		o.Workload.Deployment != "" && (o.Workload.Replicas == 0 || !o.Workload.Stable.There()))
}

// decided checks a decision before anything is written.
func (x *watch) decided(t *testing.T, w *world, o Observation, d Decision) {
	t.Helper()
	x.follow(t, w, o, d)
	if wrong := misplaced(o, d); wrong != "" {
		x.fail(t, w, "%s", wrong)
	}
	aborts := d.Release != nil && d.Release.Outcome != nil && d.Release.Outcome.Result == v1alpha1.StateAborted
	if cause(o) {
		if !aborts {
			x.fail(t, w, "the facts ask for an abort and rule %q does something else", d.Rule)
		}
		reached := o.Routes.Highest > 0 && o.Canary.Exists && !o.Canary.Aborted
		if reached && len(d.Levers) == 0 {
			x.fail(t, w, "the first write of an abort has to be a lever, not %v", d.Writes())
		}
	}
	if aborts && slices.ContainsFunc(d.Writes(), Action.Raises) {
		x.fail(t, w, "an abort raises: %v", d.Writes())
	}
	if aborts && !o.aborting() && !o.Evidence.Fresh {
		switch d.Release.Outcome.Reason {
		case v1alpha1.ReasonUndetermined, v1alpha1.ReasonSharedBreach:
			x.fail(t, w, "aborted as %s without fresh counts", d.Release.Outcome.Reason)
		}
	}
	if a := d.Answer; a != nil && a.Accepted && d.Release != nil {
		c := o.Wanted.Command
		if n := len(d.Release.Commands); n == 0 || n > mostCommands || d.Release.Commands[n-1].Verb != string(c.verb) || d.Release.Commands[n-1].Reason != c.Why {
			x.fail(t, w, "%s is carried out and not recorded: %v", c.verb, d.Release.Commands)
		}
	}
	ended := d.Release != nil && d.Release.State.Ended()
	if d.Refused != o.Refused && !ended && !(o.commanded(retry) && d.Refused == "") && !(d.Rule == "start" && d.Refused == "") {
		x.fail(t, w, "rule %q changes the refused template from %q to %q", d.Rule, o.Refused, d.Refused)
	}
}

// follow keeps account of what was cleared, and fails when a step is taken without.
func (x *watch) follow(t *testing.T, w *world, o Observation, d Decision) {
	t.Helper()
	r := d.Release
	if r == nil {
		return
	}
	if id := fmt.Sprint(r.Number, r.StartedAt); id != x.release {
		x.release, x.proven, x.pulled = id, 0, false
	}
	x.recorded(t, w, r)
	share := r.Weight.Millionths()
	switch {
	case !o.running():
		return
	case r.Step < o.Release.Step || r.StepsBack > o.Release.StepsBack:
		x.proven = share
		return
	case share <= o.Release.Weight.Millionths() || o.commanded(promoteFull):
		x.proven = max(x.proven, share)
		return
	}
	stop := r.Plan.Steps[r.Step-1].Weight.Millionths()
	switch cost := r.Weight.Fraction() * o.Evidence.Rate * 45; {
	case r.Step > o.Release.Step+1:
		x.fail(t, w, "steps %d to %d at once", o.Release.Step, r.Step)
	case share > stop || r.Step > o.Release.Step && o.Release.Step > 0 && o.Release.Weight != r.Plan.Steps[o.Release.Step-1].Weight:
		x.fail(t, w, "passes a step of the plan: from %s to %s", o.Release.Weight, r.Weight)
	case r.Baseline == nil:
		x.fail(t, w, "raises without knowing the stable's past")
	case o.Release.Step > 0 && !o.Evidence.Verdict.Cleared && !o.leaving() && (cost == 0 || cost > budget(r)):
		x.fail(t, w, "leaves %s of step %d without clearance, for a cost of %.1f", o.Release.Weight, o.Release.Step, cost)
	case o.Release.Step > 0 && byProof(r) && share > 5*o.Release.Weight.Millionths() && share != stop && cost > budget(r):
		x.fail(t, w, "raises from %s to %s at once", o.Release.Weight, r.Weight)
	}
	x.proven = share
}

// recorded checks what the record says of the weights that were written.
func (x *watch) recorded(t *testing.T, w *world, r *v1alpha1.Release) {
	t.Helper()
	n := len(r.Weights)
	switch {
	case n != min(int(r.Moves), mostWeights):
		x.fail(t, w, "%d weights are recorded of %d moves", n, r.Moves)
	case r.Outcome == nil && r.Step > 0 && (r.Weights[n-1].Weight != r.Weight || r.Weights[n-1].Step != r.Step):
		x.fail(t, w, "the last weight is recorded as %v where %s of step %d is wanted", r.Weights[n-1], r.Weight, r.Step)
	case !slices.IsSortedFunc(r.Weights, func(a, b v1alpha1.WrittenWeight) int { return a.At.Compare(b.At.Time) }):
		x.fail(t, w, "the weights are not recorded in their order: %v", r.Weights)
	}
}

// writes checks a write before it is made.
func (x *watch) writes(t *testing.T, w *world, o Observation, d Decision, a Action) {
	t.Helper()
	x.lit = x.reached(w)
	switch a.Verb {
	case Raise:
		x.raises(t, w, o, d, a.Share)
		if w.status.release.Weight.Millionths() != a.Share {
			x.fail(t, w, "raises to %d before the record says so", a.Share)
		}
	case GiveSet:
		x.raises(t, w, o, d, v1alpha1.Whole)
		x.proves(t, w, o)
		if w.service.narrowed != o.Release.Revision {
			x.fail(t, w, "hands over before callers past the routes have moved")
		}
	case AbortService, AbortRoutes:
		if w.canary.selects == d.Release.Revision {
			x.downAt = w.now
		}
	case Narrow:
		if o.Release != nil && a.Hash == o.Release.Revision && w.service.narrowed != a.Hash {
			x.raises(t, w, o, d, v1alpha1.Whole)
			x.proves(t, w, o)
		}
	case Widen:
		gone := !w.dep.exists || !w.service.exists || w.set(w.service.narrowed, "deployment") == nil
		if !gone && !o.Workload.HandedOver && o.Release != nil && w.serving(o.Release.Revision) > 0 {
			x.fail(t, w, "the Service is widened while pods of the canary can be endpoints")
		}
	case PutBack:
		if w.dep.template != w.status.release.Revision {
			x.fail(t, w, "puts a template back over %s, which nobody has undone", w.dep.template)
		}
	case RemoveSet:
		if x.share(w) > 0 || w.now.Sub(x.downAt) < 30*time.Second && x.pulled {
			x.fail(t, w, "the canary's pods go before they are drained: %s", w.now.Sub(x.downAt))
		}
	case RemoveService:
		if x.share(w) > 0 || slices.ContainsFunc(w.routes, func(r *route) bool { return r.marked }) || w.now.Sub(x.freedAt) < w.bounds.Push {
			x.fail(t, w, "the canary Service goes before the proxies know better")
		}
	}
}

func (x *watch) share(w *world) int64 {
	var most int64
	for _, r := range w.routes {
		most = max(most, r.share)
	}
	return most
}

// raises are the rules for any write that can give the canary more traffic than it has.
func (x *watch) raises(t *testing.T, w *world, o Observation, d Decision, share int64) {
	t.Helper()
	r, said := d.Release, o.leaving()
	switch {
	case r != nil && r.Outcome != nil && !o.Workload.HandedOver:
		x.fail(t, w, "raises in an abort")
	case x.pulled:
		x.fail(t, w, "raises after a lever was pulled")
	case o.Wanted.Paused || o.Wanted.Problem != nil:
		x.fail(t, w, "raises while paused or with a problem: %v", o.Wanted)
	case o.Workload.Crashing != "" || o.Evidence.Verdict.Suspicious || o.Evidence.Verdict.State == evidence.Breach:
		x.fail(t, w, "raises while pods fail or the canary is suspected")
	case !said && (!o.Evidence.Fresh || !o.Evidence.Seen && o.Release.Step > 0):
		x.fail(t, w, "raises without fresh counts of this process")
	case share > x.proven:
		x.fail(t, w, "raises to %d where %d is proven", share, x.proven)
	case o.External:
	case o.Workload.Canary.Available < o.size(share):
		x.fail(t, w, "raises to %d with %d pods", share, o.Workload.Canary.Available)
	case o.Workload.Stable.Available < o.Workload.Stable.Replicas:
		x.fail(t, w, "raises while the stable is not ready")
	case !w.canary.exists || w.canary.selects != o.Release.Revision || w.rule && !w.copied:
		x.fail(t, w, "raises before the canary's Service and rule are there")
	}
	if contested(o.Release, w.now).Routes > contestable {
		x.fail(t, w, "raises contested routes")
	}
}

// proves are the rules for the handover.
func (x *watch) proves(t *testing.T, w *world, o Observation) {
	t.Helper()
	switch {
	case int(o.Release.Step) != len(o.Release.Plan.Steps) || x.share(w) != v1alpha1.Whole:
		x.fail(t, w, "hands over before the last step")
	case o.commanded(promoteFull):
	case !o.Evidence.Verdict.Cleared || !o.Evidence.Fresh || !o.Evidence.Seen || o.Release.SettledAt == nil:
		x.fail(t, w, "hands over without evidence")
	}
}

// written checks the world after a write.
func (x *watch) written(t *testing.T, w *world, o Observation, d Decision, a Action) {
	t.Helper()
	switch a.Verb {
	case AbortService, AbortRoutes:
		x.pulled = true
	case Unhold:
		x.pausedBefore = w.dep.paused
	case RestoreRoutes, Widen, Lower:
		x.freedAt = w.now
	}
	if a.Verb != GiveSet && x.lit && !x.reached(w) { // a revert in the instant of the handover can scale the judged pods away
		x.fail(t, w, "%s makes the Service select %s, which has no pods", a, w.service.narrowed)
	}
	x.served(t, w)
}

// reached says whether the Service selects pods, if there are any.
func (x *watch) reached(w *world) bool {
	n := w.service.narrowed
	return n == "" || !w.dep.exists || w.serving(n) > 0 || !slices.ContainsFunc(w.owned(), func(s *podSet) bool { return len(s.pods) > 0 })
}

// served checks that only templates that were judged serve as the Deployment's.
func (x *watch) served(t *testing.T, w *world) {
	t.Helper()
	for _, s := range w.owned() {
		if len(s.pods) > 0 && !x.judged[s.template] && !x.rogue && !w.forgotten {
			x.fail(t, w, "the Deployment serves %s, which nobody has judged", s.template)
		}
	}
}

// atRest checks a world in which a pass found nothing to do.
func (x *watch) atRest(t *testing.T, w *world) {
	t.Helper()
	x.served(t, w)
	if x.anew && !x.rogue {
		x.fail(t, w, "pods that were judged are started anew")
	}
	if !x.rogue && !x.reached(w) {
		x.fail(t, w, "the Service selects %s, which has no pods", w.service.narrowed)
	}
	r := w.status.release
	if r != nil && !r.State.Ended() && !w.forgotten && x.share(w) > r.Weight.Millionths() && !w.failed {
		x.fail(t, w, "the routes give the canary more than %s", r.Weight)
	}
	if r != nil && !r.State.Ended() && r.Outcome == nil && w.service.narrowed == r.Revision && w.set(r.Revision, "release") != nil && x.share(w) < v1alpha1.Whole {
		x.fail(t, w, "the Service selects the canary while routes are lower")
	}
	if w.forgotten || r == nil || !r.State.Ended() || w.failed {
		return
	}
	if w.canary.exists || w.copied || x.share(w) > 0 || slices.ContainsFunc(w.routes, func(r *route) bool { return r.marked || r.made }) ||
		w.service.marked || w.service.narrowed != "" || slices.ContainsFunc(w.sets, func(s *podSet) bool { return s.owner == "release" }) {
		x.fail(t, w, "release %d is over and this is left: %s", r.Number, w.facts())
	}
	if w.dep.exists && w.dep.paused && !w.waits() && !w.dep.pausedBefore && w.dep.mode == HoldOnChange && w.problem == nil && w.service.exists {
		x.fail(t, w, "the Deployment is left paused for no reason")
	}
}

func (x *watch) fail(t *testing.T, w *world, format string, args ...any) {
	t.Helper()
	t.Errorf("%s: "+format, append([]any{w.since()}, args...)...)
	t.Fatalf("%s\n%s", w.facts(), w.out.tail())
}
