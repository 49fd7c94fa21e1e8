package release_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
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

func (x *watch) begin(version string) { x.judged = map[string]bool{version: true} }

// native is told of pods that the Deployment starts by itself.
func (x *watch) native(w *world, started *appsv1.ReplicaSet) {
	of, d := version(&started.Spec.Template), w.deployment()
	x.anew = x.anew || slices.ContainsFunc(w.owned(), func(s set) bool { return s.name != started.Name && s.version == of && s.replicas > 0 })
	if w.managed() && workload.Replicas(d) > 0 && d.Labels[v1alpha1.HeldLabel] == "true" {
		x.rogue = true
	}
	x.judged[of] = true
}

// cause says whether the facts ask for an abort, so that the next write has to take traffic away.
func cause(o release.Observation) bool {
	r, p := o.Release, o.Wanted.Problem
	return o.Running() && !o.Aborting() && !o.Workload.HandedOver && (o.Evidence.Verdict.State == evidence.Breach && !o.Excused() || o.Direct.Breach != nil || o.Workload.Crashing != "" ||
		o.Commanded("abort") || o.Commanded("undo") || o.Canary.Aborted && o.Canary.Number == r.Number ||
		o.Workload.Template != "" && o.Workload.Template != r.Revision || !o.Wanted.Managed || p != nil && p.Gone ||
		o.Workload.Deployment != "" && (o.Workload.Replicas == 0 || !o.Workload.Stable.There()))
}

// decided checks a decision before anything is written.
func (x *watch) decided(t *testing.T, w *world, o release.Observation, d release.Decision) {
	t.Helper()
	x.follow(t, w, o, d)
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
	if braked := o.Running() && !aborts && o.Direct.Brake != nil && o.Release.Step > 0 && o.Release.Brakes < release.MostBrakes && !o.Workload.HandedOver; braked &&
		o.Routes.Highest >= o.Release.Weight.Millionths() && o.Release.Weight.Millionths() > o.FirstShare() && (len(d.Levers) == 0 || d.Levers[0].Who.Share > o.FirstShare()) {
		x.fail(t, w, "the proxies ask for a brake, and rule %q writes %v first", d.Rule, d.Writes())
	}
	if aborts && slices.ContainsFunc(d.Writes(), release.Action.Raises) {
		x.fail(t, w, "an abort raises: %v", d.Writes())
	}
	if aborts && !o.Aborting() && !o.Evidence.Fresh {
		switch d.Release.Outcome.Reason {
		case v1alpha1.ReasonUndetermined, v1alpha1.ReasonSharedBreach:
			x.fail(t, w, "aborted as %s without fresh counts", d.Release.Outcome.Reason)
		}
	}
	if a := d.Answer; a != nil && (d.Release != nil || o.Release != nil) {
		c := o.Wanted.Command
		known := d.Release != nil && len(d.Release.Commands) <= release.MostCommands && slices.ContainsFunc(d.Release.Commands, func(x v1alpha1.RecordedCommand) bool {
			return x.Token == c.Token && x.Verb == c.Name() && x.Reason == c.Why && (x.Result == v1alpha1.CommandAccepted || !a.Accepted)
		})
		if !known {
			x.fail(t, w, "%s is answered and not recorded", c.Name())
		}
	}
	ended := d.Release != nil && d.Release.State.Ended()
	if d.Refused != o.Refused && !ended && !(o.Commanded("retry") && d.Refused == "") && !(d.Rule == "start" && d.Refused == "") {
		x.fail(t, w, "rule %q changes the refused template from %q to %q", d.Rule, o.Refused, d.Refused)
	}
}

// follow keeps account of what was cleared, and fails when a step is taken without.
func (x *watch) follow(t *testing.T, w *world, o release.Observation, d release.Decision) {
	t.Helper()
	r := d.Release
	if r == nil {
		return
	}
	if id := fmt.Sprint(r.Number, r.StartedAt); id != x.release {
		x.release, x.proven, x.pulled = id, 0, false
	}
	x.recorded(t, w, r)
	x.staged(t, w, o.Release, r)
	share := r.Weight.Millionths()
	switch {
	case !o.Running():
		return
	case r.Step < o.Release.Step || r.StepsBack > o.Release.StepsBack || r.Brakes > o.Release.Brakes:
		x.proven = share
		return
	case share <= o.Release.Weight.Millionths() || o.Commanded("promote-full"):
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
	case o.Release.Step > 0 && !o.Evidence.Verdict.Cleared && !o.Leaving() && (cost == 0 || cost > release.Budget(r)):
		x.fail(t, w, "leaves %s of step %d without clearance, for a cost of %.1f", o.Release.Weight, o.Release.Step, cost)
	case o.Release.Step > 0 && release.ByProof(r) && share > 5*o.Release.Weight.Millionths() && share != stop && cost > release.Budget(r):
		x.fail(t, w, "raises from %s to %s at once", o.Release.Weight, r.Weight)
	}
	x.proven = share
}

// recorded checks what the record says of the weights that were written.
func (x *watch) recorded(t *testing.T, w *world, r *v1alpha1.Release) {
	t.Helper()
	n := len(r.Weights)
	switch {
	case n != min(int(r.Moves), release.MostWeights):
		x.fail(t, w, "%d weights are recorded of %d moves", n, r.Moves)
	case r.Outcome == nil && r.Step > 0 && (r.Weights[n-1].Weight != r.Weight || r.Weights[n-1].Step != r.Step):
		x.fail(t, w, "the last weight is recorded as %v where %s of step %d is wanted", r.Weights[n-1], r.Weight, r.Step)
	case !slices.IsSortedFunc(r.Weights, func(a, b v1alpha1.WrittenWeight) int { return a.At.Compare(b.At.Time) }):
		x.fail(t, w, "the weights are not recorded in their order: %v", r.Weights)
	}
}

// writes checks a write before it is made.
func (x *watch) writes(t *testing.T, w *world, o release.Observation, d release.Decision, a release.Action) {
	t.Helper()
	x.lit = x.reached(w)
	switch a.Verb {
	case release.Raise:
		x.raises(t, w, o, d, a.Who.Share)
		if w.record().Weight.Millionths() != a.Who.Share {
			x.fail(t, w, "raises to %d before the record says so", a.Who.Share)
		}
	case release.GiveSet:
		x.raises(t, w, o, d, v1alpha1.Whole)
		x.proves(t, w, o)
		if narrowed, _ := w.narrowed(); narrowed != o.Release.Revision {
			x.fail(t, w, "hands over before callers past the routes have moved")
		}
	case release.AbortService, release.AbortRoutes:
		if c := w.canaryService(); c != nil && c.Spec.Selector[workload.HashLabel] == d.Release.Revision {
			x.downAt = w.store.Now
		}
	case release.Narrow:
		if narrowed, _ := w.narrowed(); o.Release != nil && a.Hash == o.Release.Revision && narrowed != a.Hash {
			x.raises(t, w, o, d, v1alpha1.Whole)
			x.proves(t, w, o)
		}
	case release.Widen:
		narrowed, _ := w.narrowed()
		gone := w.deployment() == nil || w.service() == nil || !slices.ContainsFunc(w.owned(), func(s set) bool { return s.hash == narrowed })
		if !gone && !o.Workload.HandedOver && o.Release != nil && w.serving(o.Release.Revision) > 0 {
			x.fail(t, w, "the Service is widened while pods of the canary can be endpoints")
		}
	case release.PutBack:
		if d := w.deployment(); d != nil && workload.Hash(&d.Spec.Template) != w.record().Revision {
			x.fail(t, w, "puts a template back over %s, which nobody has undone", version(&d.Spec.Template))
		}
	case release.RemoveSet:
		if x.share(w) > 0 || w.store.Now.Sub(x.downAt) < 30*time.Second && x.pulled {
			x.fail(t, w, "the canary's pods go before they are drained: %s", w.store.Now.Sub(x.downAt))
		}
	case release.RemoveService:
		if x.share(w) > 0 || slices.ContainsFunc(w.routes(), func(r route) bool { return r.marked }) || w.store.Now.Sub(x.freedAt) < w.bounds.Push {
			x.fail(t, w, "the canary Service goes before the proxies know better")
		}
	}
}

func (x *watch) share(w *world) int64 {
	var most int64
	for _, r := range w.routes() {
		most = max(most, r.share)
	}
	return most
}

// raises are the rules for any write that can give the canary more traffic than it has.
func (x *watch) raises(t *testing.T, w *world, o release.Observation, d release.Decision, share int64) {
	t.Helper()
	r, said := d.Release, o.Leaving()
	switch {
	case r != nil && r.Outcome != nil && !o.Workload.HandedOver:
		x.fail(t, w, "raises in an abort")
	case x.pulled:
		x.fail(t, w, "raises after a lever was pulled")
	case o.Wanted.Paused || o.Wanted.Problem != nil:
		x.fail(t, w, "raises while paused or with a problem: %v", o.Wanted)
	case o.Workload.Crashing != "" || o.Suspicious() || o.Evidence.Verdict.State == evidence.Breach:
		x.fail(t, w, "raises while pods fail or the canary is suspected")
	case !said && (!o.Evidence.Fresh || !o.Evidence.Seen && o.Release.Step > 0):
		x.fail(t, w, "raises without fresh counts of this process")
	case share > x.proven:
		x.fail(t, w, "raises to %d where %d is proven", share, x.proven)
	case o.External:
	case !release.Enough(o.Workload.Canary.Available, o.Size(share)):
		x.fail(t, w, "raises to %d with %d pods", share, o.Workload.Canary.Available)
	case !o.StableReady() && !o.Overridden():
		x.fail(t, w, "raises while the stable is not ready")
	case !x.armed(w, o):
		x.fail(t, w, "raises before the canary's Service and rule are there")
	}
	if release.ContestedNow(o.Release, w.store.Now).Routes > release.Contestable {
		x.fail(t, w, "raises contested routes")
	}
}

// proves are the rules for the handover.
func (x *watch) proves(t *testing.T, w *world, o release.Observation) {
	t.Helper()
	switch {
	case int(o.Release.Step) != len(o.Release.Plan.Steps) || x.share(w) != v1alpha1.Whole:
		x.fail(t, w, "hands over before the last step")
	case o.Commanded("promote-full"):
	case !o.Evidence.Verdict.Cleared || !o.Evidence.Fresh || !o.Evidence.Seen || o.Release.SettledAt == nil:
		x.fail(t, w, "hands over without evidence")
	}
}

// written checks the world after a write.
func (x *watch) written(t *testing.T, w *world, a release.Action) {
	t.Helper()
	switch a.Verb {
	case release.AbortService, release.AbortRoutes:
		x.pulled = true
	case release.Unhold:
		if d := w.deployment(); d != nil {
			x.pausedBefore = d.Spec.Paused
		}
	case release.RestoreRoutes, release.Widen, release.Lower:
		x.freedAt = w.store.Now
	}
	if a.Verb != release.GiveSet && x.lit && !x.reached(w) { // a revert in the instant of the handover can scale the judged pods away
		narrowed, _ := w.narrowed()
		x.fail(t, w, "%s makes the Service select %s, which has no pods", a, narrowed)
	}
	x.served(t, w)
	x.owned(t, w)
}

// reached says whether the Service selects pods, if there are any.
func (x *watch) reached(w *world) bool {
	n, _ := w.narrowed()
	return n == "" || w.deployment() == nil || w.serving(n) > 0 || !slices.ContainsFunc(w.owned(), func(s set) bool { return s.pods > 0 })
}

// served checks that only templates that were judged serve as the Deployment's.
func (x *watch) served(t *testing.T, w *world) {
	t.Helper()
	for _, s := range w.owned() {
		if s.pods > 0 && !x.judged[s.version] && !x.rogue && !w.forgotten() {
			x.fail(t, w, "the Deployment serves %s, which nobody has judged", s.version)
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
	narrowed, marked := w.narrowed()
	if !x.rogue && !x.reached(w) {
		x.fail(t, w, "the Service selects %s, which has no pods", narrowed)
	}
	r := w.record()
	if r != nil && !r.State.Ended() && !w.forgotten() && x.share(w) > r.Weight.Millionths() && !w.failed {
		x.fail(t, w, "the routes give the canary more than %s", r.Weight)
	}
	if r != nil && !r.State.Ended() && r.Outcome == nil && narrowed == r.Revision && x.ours(w) && x.share(w) < v1alpha1.Whole {
		x.fail(t, w, "the Service selects the canary while routes are lower")
	}
	if s, found := w.ours(); found && s.serves == 0 && !w.failed && x.share(w) > 0 && !x.aborted(w) {
		x.fail(t, w, "callers are sent to a canary of which no pod can answer")
	}
	if w.forgotten() || r == nil || !r.State.Ended() || w.failed {
		return
	}
	if w.previewService() != nil || w.unended() > 0 {
		x.fail(t, w, "release %d is over, and its preview Service or Jobs of checks are left", r.Number)
	}
	if w.canaryService() != nil || w.copied() || x.share(w) > 0 || slices.ContainsFunc(w.routes(), func(r route) bool { return r.marked || r.made }) ||
		marked || narrowed != "" || x.ours(w) {
		x.fail(t, w, "release %d is over and this is left: %s", r.Number, w.facts())
	}
	if w.signed() != "" && !w.waits() && len(w.owned()) == 1 {
		x.fail(t, w, "the Deployment still says who wrote a template that does not wait")
	}
	d := w.deployment()
	if d != nil && d.Spec.Paused && !w.waits() && d.Labels[v1alpha1.PausedBeforeLabel] == "" && w.mode == release.HoldOnChange && !w.problem() && w.service() != nil {
		x.fail(t, w, "the Deployment is left paused for no reason")
	}
}

// aborted says whether the canary's Service leads to the stable.
func (x *watch) aborted(w *world) bool {
	c := w.canaryService()
	return c == nil || c.Annotations[v1alpha1.AbortedAnnotation] != ""
}

// armed says whether the canary's Service and rule are there.
func (x *watch) armed(w *world, o release.Observation) bool {
	c := w.canaryService()
	users, copies := w.rules()
	return c != nil && c.Spec.Selector[workload.HashLabel] == o.Release.Revision && users == copies
}

// ours says whether the release's ReplicaSet is there and not handed over.
func (x *watch) ours(w *world) bool {
	_, found := w.ours()
	return found
}

func (x *watch) fail(t *testing.T, w *world, format string, args ...any) {
	t.Helper()
	t.Errorf("%s: "+format, append([]any{w.since()}, args...)...)
	t.Fatalf("%s\n%s", w.named(w.facts()), w.out.tail())
}
