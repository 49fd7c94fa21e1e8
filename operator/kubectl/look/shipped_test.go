package look_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// asking is the Deployment that asks for an image, written some generations after another.
func asking(generation int64, image string) *appsv1.Deployment {
	d := &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", Generation: generation, CreationTimestamp: *clitest.Ago(time.Hour)}}
	d.Spec.Paused = true
	d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-set", Time: clitest.Ago(5 * time.Second)}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: image}}
	return d
}

// saw is what an operator tells that has seen the Deployment.
func saw(generation int64, revision, image string, waits bool) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) {
		s.Status.Deployment = v1alpha1.ObservedDeployment{Name: "checkout", Generation: generation, Revision: revision, Images: []string{image}, Waits: waits}
	}
}

// begins is the release of a version that begins.
func begins(number int64, revision, image string) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) {
		if r := s.Status.Release; r != nil && r.Outcome != nil {
			s.Status.History = []v1alpha1.PastRelease{{Number: r.Number, Revision: r.Revision, Outcome: v1alpha1.StateAborted, Reason: r.Outcome.Reason}}
		}
		fresh := clitest.Shift("shop", "checkout")
		s.Status.Release, s.Status.Conditions, s.Status.ObservedAt = fresh.Status.Release, fresh.Status.Conditions, fresh.Status.ObservedAt
		s.Status.Release.Number, s.Status.Release.Revision, s.Status.Release.Images = number, revision, []string{image}
	}
}

// superseded ends a release because of a newer template.
func superseded(s *v1alpha1.TrafficShift) {
	clitest.Aborted(s)
	s.Status.Release.Outcome.Reason, s.Status.Release.Outcome.Message = v1alpha1.ReasonSuperseded, "a newer template arrived"
	clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonWaiting)
}

// A watch begins where a version was just shipped, and plays what the operator and others do then.
func TestAWatchFollowsWhatWasShipped(t *testing.T) {
	const old, running, next, later = "checkout:1.4.2", "checkout:1.5.0", "checkout:1.6.0", "checkout:1.7.0"
	now := "59d8f6b7c4" // the running release's revision
	shift := func(with ...func(*v1alpha1.TrafficShift)) *v1alpha1.TrafficShift {
		return clitest.As(clitest.Shift("shop", "checkout"), with...)
	}
	atRest := func(s *v1alpha1.TrafficShift) {
		s.Status.Release = nil
		clitest.Ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
	}
	type changes = []func(*v1alpha1.TrafficShift)
	cases := map[string]struct {
		shift *v1alpha1.TrafficShift
		// asks is the Deployment when the watch begins, pushed what it is afterwards; nil where it may not be read.
		asks, pushed *appsv1.Deployment
		then         changes
		words        []string
		code         int
	}{
		"the release that runs":                    {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{clitest.Promoted}},
		"the release that runs is aborted":         {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{clitest.Aborted}, code: cli.ExitAborted},
		"a version that supersedes":                {shift: shift(saw(13, now, running, true)), asks: asking(14, next), then: changes{saw(14, "next", next, true), superseded, begins(8, "next", next), clitest.Promoted}},
		"a version that supersedes is aborted":     {shift: shift(saw(13, now, running, true)), asks: asking(14, next), then: changes{superseded, saw(14, "next", next, true), begins(8, "next", next), clitest.Aborted}, code: cli.ExitAborted},
		"a version that supersedes one taken back": {shift: shift(saw(14, "next", next, true), clitest.TakeBack), asks: asking(14, next), then: changes{clitest.Aborted, begins(8, "next", next), clitest.Promoted}, code: cli.ExitOK},
		"a version that the operator has not seen": {shift: shift(clitest.Promoted, saw(13, now, running, false)), asks: asking(14, next), then: changes{saw(14, "next", next, true), begins(8, "next", next), clitest.Aborted}, code: cli.ExitAborted},
		"a version after an abort":                 {shift: shift(clitest.Aborted, saw(13, now, running, true)), asks: asking(14, next), then: changes{saw(14, "next", next, true), begins(8, "next", next), clitest.Promoted}},
		"the first version":                        {shift: shift(atRest, saw(12, "none", old, false)), asks: asking(13, running), then: changes{saw(13, now, running, true), begins(1, now, running), clitest.Promoted}},
		"a version that is superseded":             {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{superseded}, code: cli.ExitSuperseded},
		"a version that is superseded, and the other waits": {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{func(s *v1alpha1.TrafficShift) {
			superseded(s)
			saw(14, "next", next, true)(s)
		}}, code: cli.ExitSuperseded},
		"a version that is taken back, and another waits": {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{func(s *v1alpha1.TrafficShift) {
			clitest.Aborted(s)
			clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonWaiting)
			saw(14, "next", next, true)(s)
		}}, code: cli.ExitAborted},
		"a version that is promoted, and another waits": {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{func(s *v1alpha1.TrafficShift) {
			clitest.Promoted(s)
			clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonPaused)
			saw(14, "next", next, true)(s)
		}}},
		"a version that is superseded, and missed":     {shift: shift(saw(13, now, running, true)), asks: asking(13, running), then: changes{superseded, saw(14, "next", next, true), begins(8, "next", next)}, code: cli.ExitSuperseded},
		"a version that is superseded before it began": {shift: shift(saw(13, now, running, true)), asks: asking(14, next), pushed: asking(15, later), then: changes{saw(15, "later", later, true)}, code: cli.ExitSuperseded},
		"nothing waits":                     {shift: shift(clitest.Promoted, saw(13, now, running, false)), asks: asking(13, running)},
		"it was taken back before":          {shift: shift(clitest.Aborted, saw(13, now, running, true)), asks: asking(13, running), code: cli.ExitAborted},
		"a Deployment that may not be read": {shift: shift(saw(13, now, running, true)), then: changes{clitest.Promoted}},
		"an image that comes later": {shift: shift(clitest.Promoted, saw(13, now, running, false)), asks: asking(13, running), pushed: asking(14, next), words: []string{"--image", next},
			then: changes{saw(14, "next", next, true), begins(8, "next", next), clitest.Promoted}},
		"an image that never comes": {shift: shift(clitest.Promoted, saw(13, now, running, false)), asks: asking(13, running), words: []string{"--image", later, "--timeout", "50ms"}, code: cli.ExitTimeout},
		"a version that waits for the end of a pause": {shift: shift(atRest, clitest.Controlled(v1alpha1.ControlPaused), saw(13, now, running, true), func(s *v1alpha1.TrafficShift) {
			clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonPaused)
		}), asks: asking(13, running), then: changes{clitest.Controlled(v1alpha1.ControlAuto), begins(1, now, running), clitest.Promoted}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, c.shift)
			if c.asks != nil {
				s.Deployments[clitest.Key] = c.asks
			}
			s.OnWatch = func() {
				if c.pushed != nil {
					s.Deployments[clitest.Key] = c.pushed
				}
				for _, change := range c.then {
					s.Change(clitest.Key, change)
				}
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), append([]string{"watch", "checkout"}, c.words...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d; output\n%s\ntalk\n%s", code, c.code, out, talk)
			}
		})
	}
}
