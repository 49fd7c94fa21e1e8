package release_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKilledAtEveryWrite plays releases once for each write they make, and kills the operator right after that write: its memory
// and what the pass had not yet recorded are gone. The end is the same, the promises to users hold at every write.
func TestKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		script []string
		least  int // writes that the release makes at least, so that the test cannot become empty
	}{
		"promoted": {
			script: []string{"destination rule", "second route", "empty set of v2", "wait 5s", "push v2", "wait for the end 15m"}, least: 25,
		},
		"promoted without a route of the user": {
			script: []string{"no routes", "wait 5s", "push v2", "wait for the end 15m"}, least: 20,
		},
		"promoted after a step back": {
			script: []string{"policy 1%/30s 5%/30s 100%/1m", "push v2", "wait 2m30s", "counts alone", "wait 30s", "counts good", "wait for the end 15m"}, least: 25,
		},
		"aborted by a breach": {
			script: []string{"destination rule", "second route", "wait 5s", "push v2", "wait 1m", "counts bad", "wait for the end 10m"}, least: 15,
		},
		"aborted in the handover": {
			script: []string{"wait 5s", "push v2", "wait 3m30s", "pods of v2 crash", "wait for the end 15m"}, least: 15,
		},
		"reverted": {
			script: []string{"wait 5s", "push v2", "wait 2m", "push v1", "wait for the end 5m"}, least: 15,
		},
		"superseded": {
			script: []string{"wait 5s", "push v2", "wait 2m", "push v3", "wait for the end 15m"}, least: 30,
		},
		"let go": {
			script: []string{"hold mode Always", "wait 5s", "push v2", "wait 2m", "let go", "wait for the end 5m"}, least: 15,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := newWorld()
			whole.playAll(t, c.script)
			if whole.death.made < c.least {
				t.Fatalf("only %d writes were made:\n%s", whole.death.made, whole.out.tail())
			}
			for k := 1; k <= whole.death.made; k++ {
				w := newWorld()
				w.death.writes = k
				w.playAll(t, c.script)
				if diff := cmp.Diff(whole.end(), w.end()); diff != "" {
					t.Errorf("killed after write %d (-whole +killed):\n%s\n%s", k, diff, w.out.tail())
				}
			}
		})
	}
}

// end is what is left of a release for its owner, and how it ended.
func (w *world) end() map[string]string {
	narrowed, marked := w.narrowed()
	e := map[string]string{"service": fmt.Sprint(narrowed, marked)}
	if d := w.deployment(); d != nil {
		e["deployment"] = fmt.Sprint(version(&d.Spec.Template), d.Labels, d.Spec.Paused, *d.Spec.Replicas)
	}
	for _, r := range w.routes() {
		e["route "+r.name] = fmt.Sprintf("%+v", r)
	}
	for _, s := range w.sets() {
		if s.replicas > 0 {
			e["set of "+s.version] = fmt.Sprint(s.owner, s.replicas, s.available)
		}
	}
	if s := w.shift(); s != nil {
		e["refused"] = s.Status.Refused
	}
	if r := w.record(); r != nil {
		e["release"] = fmt.Sprint(r.Number, r.State, r.Outcome.Result)
	}
	return e
}
