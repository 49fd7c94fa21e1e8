package release_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// staged are what a shuffle with checks and gates picks from beside the rest, and what its worlds begin with.
var (
	staged = []string{
		"check smoke fails", "check smoke hangs", "check smoke is stuck", "check smoke succeeds", "check smoke succeeds", "no cronjob of smoke", "cronjob of smoke", "cronjob of smoke",
		"cronjob of smoke with pods behind the service", "delete jobs", "delete preview service", "point preview service at the stable",
		"step 1 has checks smoke", "step 1 has gates go:AnotherPerson", "step 1 has gates go", "step 1 has gates go slow",
		"ann pushes v2", "bob pushes v2", "ann pushes v3", "ann pushes v1", "user ann commands approve 1 gN go", "user bob commands approve 1 gN go", "user bob commands approve 1 gN slow",
		"user ann commands approve 2 gN go", "user bob commands approve 2 gN go", "command approve 1 gN go", "user eve commands approve 1 gN none", "user eve commands promote-full 1 gN it burns",
		"kill after run check", "kill after make preview service", "kill after forget author", "fail 1 run check", "fail 1 make preview service", "fail 1 remove preview service", "fail 1 stop checks", "fail 1 forget author",
	}
	stagedWorlds = []string{"step 1 has checks smoke", "step 1 has checks smoke", "step 1 has gates go:AnotherPerson", "step 2 has gates go", "step 2 has checks smoke"}
)

// TestChecksAndGatesInWhateverOrder plays events in random order where the policy has checks and gates.
func TestChecksAndGatesInWhateverOrder(t *testing.T) {
	t.Parallel()
	for seed := range *shuffles / 3 {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.cronJob("smoke", "check")
			all := slices.Concat(staged, staged, happenings)
			playShuffled(t, w, rand.New(rand.NewPCG(seed, 2)), calms[seed%uint64(len(calms))], stagedWorlds, all)
		})
	}
}

// stageEvents are the words of the scenario language about checks and gates.
func stageEvents() []event {
	return []event{
		{"step N has checks NAMES", func(_ *testing.T, w *world, a []string) error {
			return w.editStep(a[0], func(s *v1alpha1.Step) {
				s.Checks = nil
				for _, name := range strings.Fields(a[1]) {
					s.Checks = append(s.Checks, v1alpha1.CheckName(name))
				}
			})
		}},
		{"step N has gates NAMES", func(_ *testing.T, w *world, a []string) error {
			return w.editStep(a[0], func(s *v1alpha1.Step) {
				s.Gates = nil
				for _, name := range strings.Fields(a[1]) {
					name, by, _ := strings.Cut(name, ":")
					s.Gates = append(s.Gates, v1alpha1.Gate{Name: name, By: v1alpha1.GateBy(by)})
				}
			})
		}},
		{"cronjob of NAME", text(func(w *world, s string) { w.cronJob(s, "check") })},
		{"cronjob of NAME with pods behind the service", text(func(w *world, s string) { w.cronJob(s, web) })},
		{"no cronjob of NAME", text(func(w *world, s string) {
			w.store.Remove(inmemory.Find[*batchv1.CronJob](w.store, namespace, web+"-"+s))
		})},
		{"check NAME OUTCOME", func(_ *testing.T, w *world, a []string) error {
			o := inmemory.Outcome(a[1])
			switch o {
			case "succeeds":
				o = inmemory.Succeeds
			case inmemory.Fails, inmemory.Hangs, inmemory.Stuck:
			default:
				return fmt.Errorf("a check succeeds, fails, hangs or is stuck, not %q", a[1])
			}
			w.controllers.Let(a[0], o)
			return nil
		}},
		{"delete jobs", do(func(w *world) {
			for _, j := range inmemory.List[*batchv1.Job](w.store) {
				w.store.Remove(j)
			}
		})},
		{"delete preview service", do(func(w *world) { w.store.Remove(w.previewService()) })},
		{"point preview service at the stable", do(func(w *world) {
			if p := w.previewService(); p != nil {
				edit(w, p, func(p *corev1.Service) { p.Spec.Selector[workload.HashLabel] = w.record().Stable })
			}
		})},
		{"USER pushes TEMPLATE", func(_ *testing.T, w *world, a []string) error {
			w.pusher = a[0]
			w.push(a[1])
			w.pusher = ""
			return nil
		}},
	}
}

func (w *world) editStep(number string, change func(*v1alpha1.Step)) error {
	n, err := strconv.Atoi(number)
	if p := w.policy(); err == nil && p != nil && n <= len(p.Spec.Steps) {
		w.editPolicy(func(p *v1alpha1.ShiftPolicySpec) { change(&p.Steps[n-1]) })
	}
	return err
}

// cronJob makes the CronJob of a check, whose pods are of an app.
func (w *world) cronJob(check, app string) {
	suspended := true
	w.store.Put(&batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: web + "-" + check},
		Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", Suspend: &suspended, JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
				Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "check", Image: "curl"}}}},
		}}},
	})
}

func (w *world) previewService() *corev1.Service {
	return inmemory.Find[*corev1.Service](w.store, namespace, web+"-preview")
}

// unended counts the Jobs that still run.
func (w *world) unended() int {
	n := 0
	for _, j := range inmemory.List[*batchv1.Job](w.store) {
		if state, _, _ := workload.EndOf(j); state == v1alpha1.CheckRunning {
			n++
		}
	}
	return n
}

// signed is who the Deployment says wrote its template.
func (w *world) signed() string {
	if d := w.deployment(); d != nil {
		return d.Annotations[v1alpha1.ChangedByAnnotation]
	}
	return ""
}

// sign is the admission policy of the manifests: the user who changes the template of a held Deployment is written on it. Where nobody is named,
// the cluster has none that does so.
func (w *world) sign(was, is map[string]string, changed bool) map[string]string {
	name := was[v1alpha1.ChangedByAnnotation]
	if changed {
		name = w.pusher
	}
	out := map[string]string{}
	for k, v := range is {
		if k != v1alpha1.ChangedByAnnotation {
			out[k] = v
		}
	}
	if name != "" {
		out[v1alpha1.ChangedByAnnotation] = name
	}
	return out
}

// staged fails where a version meets users before its checks have succeeded and its gates are open: invariant 15.
func (x *watch) staged(t *testing.T, w *world, was, is *v1alpha1.Release) {
	t.Helper()
	for _, j := range inmemory.List[*batchv1.Job](w.store) {
		if state, _, _ := workload.EndOf(j); state == v1alpha1.CheckSucceeded {
			w.succeeded[string(j.UID)+j.Annotations[v1alpha1.RevisionAnnotation]] = true
		}
	}
	if is == nil || is.Outcome != nil || was == nil || was.Number != is.Number || is.Step <= was.Step {
		return
	}
	for _, step := range is.Plan.Steps[was.Step:is.Step] {
		for _, name := range step.Checks {
			if c := is.Check(name); c == nil || c.State != v1alpha1.CheckSucceeded || !w.succeeded[c.JobUID+is.Revision] {
				x.fail(t, w, "step %d is entered before check %s has succeeded: %v", is.Step, name, c)
			}
		}
		for _, g := range step.Gates {
			by := map[string]bool{}
			for _, a := range is.Approvals {
				if a.Gate == g.Name && a.By != "" && (g.By != v1alpha1.GateByAnotherPerson || a.By != is.Author) {
					by[a.By] = true
				}
			}
			if needs := 1 + btoi(g.By == v1alpha1.GateByAnotherPerson && is.Author == ""); len(by) < needs {
				x.fail(t, w, "step %d is entered while gate %s is closed: %v of %d have opened it", is.Step, g.Name, by, needs)
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
