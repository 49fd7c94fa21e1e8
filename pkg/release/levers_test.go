package release_test

import (
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// TestNoRefusedWriteKeepsALeverFromBeingPulled plays every way in which traffic is taken away, with each write refused in turn and for
// ever: whatever is refused, all other levers are pulled in the same instant.
func TestNoRefusedWriteKeepsALeverFromBeingPulled(t *testing.T) {
	t.Parallel()
	handover := []string{"policy 1%/30s 100%/30s", "wait 5s", "push v2", "wait 1m50s"}
	half := []string{"destination rule", "second route", "policy 50%/1m 100%/1m", "wait 5s", "push v2", "wait 40s"}
	full := []string{"policy 1%/30s 5%/30s 100%/10m", "push v2", "wait 2m30s"}
	cases := map[string]struct {
		script []string
		cause  []string
		most   v1alpha1.Percentage // what the routes may give the canary afterwards
	}{
		"a breach at half":                     {half, []string{"counts bad", "wait 10s"}, "0%"},
		"a breach in the handover":             {handover, []string{"counts bad", "wait 10s"}, "0%"},
		"crashes in the handover":              {handover, []string{"pods of v2 crash", "wait 15s"}, "0%"},
		"a person at half":                     {half, []string{"command abort 1 t"}, "0%"},
		"a person in the handover":             {handover, []string{"command abort 1 t"}, "0%"},
		"an undo in the handover":              {handover, []string{"command undo 1 t"}, "0%"},
		"another push in the handover":         {handover, []string{"push v3"}, "0%"},
		"a revert in the handover":             {handover, []string{"push v1"}, "0%"},
		"a let go in the handover":             {handover, []string{"let go"}, "0%"},
		"a deleted stable":                     {half, []string{"delete set v1"}, "0%"},
		"a deleted Deployment in the handover": {handover, []string{"delete deployment"}, "0%"},
		"a rollout let loose":                  {half, []string{"unpause deployment"}, "0%"},
		"alone at full traffic":                {full, []string{"counts alone", "wait 15s"}, "5%"},
		"a weight raised by others":            {half, []string{"routes 80%"}, "50%"},
	}
	verbs := []release.Verb{release.AbortService, release.AbortRoutes, release.Lower, release.Narrow, release.Widen, release.Save, release.Pause,
		release.ScaleRogue, release.ScaleStable}
	for name, c := range cases {
		for _, verb := range verbs {
			t.Run(fmt.Sprintf("%s, %s refused", name, verb), func(t *testing.T) {
				t.Parallel()
				w := newWorld()
				w.playAll(t, c.script)
				w.faults[verb] = 1 << 30
				w.deny = apierrors.NewForbidden(schema.GroupResource{Resource: "all"}, web, errRefused)
				w.out.printf("> refuse for ever: %s", verb)
				w.playAll(t, c.cause)
				w.leversArePulled(t, verb, c.most.Millionths())
			})
		}
	}
}

// leversArePulled fails where traffic that another lever than the refused one takes away still meets the canary.
func (w *world) leversArePulled(t *testing.T, refused release.Verb, most int64) {
	t.Helper()
	r := w.record()
	byRoutes := refused == release.AbortRoutes || refused == release.Lower ||
		refused == release.Widen && !w.watch.stable(w, r) // without the routes everybody would meet a Service without pods
	if share := w.watch.share(w); share > most && !byRoutes {
		w.watch.fail(t, w, "the routes give the canary %d millionths", share)
	}
	if to, _ := w.narrowed(); r != nil && to == r.Revision && refused != release.Narrow && refused != release.Widen {
		w.watch.fail(t, w, "the Service selects the canary")
	}
	c := w.canaryService()
	aborting := r.Aborting() && w.deployment() != nil && w.watch.stable(w, r)
	if aborting && c != nil && c.Spec.Selector[workload.HashLabel] == r.Revision && refused != release.AbortService {
		w.watch.fail(t, w, "the canary's Service selects the canary")
	}
}

// stable says whether the ReplicaSet is there that an abort goes back to.
func (x *watch) stable(w *world, r *v1alpha1.Release) bool {
	for _, s := range w.owned() {
		if s.hash == r.Stable {
			return true
		}
	}
	return false
}
