package view_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// resting is a Service at rest, whose Deployment the operator has seen at generation 12.
func resting() *v1alpha1.TrafficShift {
	return with(promoted(), func(s *v1alpha1.TrafficShift) {
		s.Status.Deployment = v1alpha1.ObservedDeployment{Name: "checkout", Generation: 12, Revision: s.Status.Release.Revision, Images: s.Status.Release.Images}
		s.Status.ObservedAt = s.Status.Release.FinishedAt
	})
}

// justOver is a Service whose release ended a moment ago, which is told before the Deployment that the operator has just written is.
func justOver() *v1alpha1.TrafficShift {
	return with(resting(), func(s *v1alpha1.TrafficShift) { s.Status.Release.FinishedAt = ago(time.Second) })
}

// waiting is a Service at rest whose next version waits for the end of a pause.
func waiting() *v1alpha1.TrafficShift {
	s := with(resting(), paused)
	s.Status.Deployment.Generation, s.Status.Deployment.Revision, s.Status.Deployment.Waits = 13, "ghjklmnpqr", true
	s.Status.Deployment.Images = []string{"registry.example/shop/checkout:1.6.0"}
	set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused,
		"control is Paused: the release of registry.example/shop/checkout:1.6.0 begins when it is Auto again", 3*time.Minute)
	return s
}

// after is a Service at rest whose next version the operator has seen 25 s ago.
func after(s *v1alpha1.TrafficShift, change func(*v1alpha1.TrafficShift)) *v1alpha1.TrafficShift {
	s.Status.Conditions, s.Status.ReasonSince = nil, ago(25*time.Second)
	s.Status.Deployment = v1alpha1.ObservedDeployment{Name: "checkout", Generation: 13, Revision: "ghjklmnpqr", Waits: true, Images: []string{"registry.example/shop/checkout:1.6.0"}}
	return with(s, change)
}

// deployment is the one behind the Service, written some time ago.
func deployment(generation int64, image string, held bool, written time.Duration) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", Generation: generation, CreationTimestamp: *ago(time.Hour)}}
	d.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "kubectl-set", Time: ago(written), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:spec":{}}}}`)}, {Manager: "helm", Time: ago(50 * time.Minute)},
		{Manager: "kube-controller-manager", Subresource: "status", Time: ago(time.Second)}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: image}}
	d.Spec.Paused = held
	return d
}

func beside(leader *view.Leader, d *appsv1.Deployment) view.Beside {
	return view.Beside{Leader: leader, Deployments: map[string]*appsv1.Deployment{"shop/checkout": d}}
}

func TestWhatIsKnownBesideAServiceAtRest(t *testing.T) {
	const next = "registry.example/shop/checkout:1.6.0"
	works, silent := &view.Leader{Holder: "stagger-7d9f-x2x", Renewed: now.Add(-3 * time.Second)}, &view.Leader{Holder: "stagger-7d9f-x2x", Renewed: now.Add(-3 * time.Minute)}
	left := &view.Leader{Renewed: now.Add(-3 * time.Minute)}
	same := resting().Status.Deployment.Images[0]
	cases := map[string]struct {
		shift      *v1alpha1.TrafficShift
		beside     view.Beside
		unattended bool
	}{
		"at rest an operator works":            {resting(), beside(works, deployment(12, same, false, time.Hour)), false},
		"at rest no operator works":            {resting(), beside(silent, deployment(12, same, false, time.Hour)), true},
		"at rest the last leader left":         {resting(), beside(left, nil), true},
		"at rest a push is not seen yet":       {resting(), beside(nil, deployment(13, next, true, 5*time.Second)), false},
		"at rest nobody sees a push":           {resting(), beside(nil, deployment(13, next, true, 65*time.Second)), true},
		"at rest nobody sees a push, of all":   {resting(), beside(silent, deployment(13, next, true, 5*time.Second)), true},
		"at rest a push that nobody holds":     {resting(), beside(nil, deployment(13, next, false, 65*time.Second)), true},
		"at rest nobody sees a change":         {resting(), beside(nil, deployment(13, same, false, 65*time.Second)), true},
		"at rest a change is not told yet":     {resting(), beside(nil, deployment(13, same, false, 5*time.Second)), false},
		"at rest the operator wrote itself":    {justOver(), beside(nil, deployment(13, same, false, 65*time.Second)), false},
		"at rest the operator is older":        {promoted(), beside(nil, deployment(13, next, true, time.Hour)), false},
		"a release runs and the Lease is old":  {shifting(), beside(silent, deployment(13, next, true, time.Hour)), false},
		"at rest a version waits for a resume": {waiting(), beside(works, deployment(13, next, true, 3*time.Minute)), false},
		"after an abort a version waits for a resume": {after(aborted(), func(s *v1alpha1.TrafficShift) {
			paused(s)
			set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused, "control is Paused: the release of checkout:1.6.0 begins when it is Auto again", 30*time.Minute)
		}), beside(works, deployment(13, next, true, 20*time.Second)), false},
		"after an abort a version waits": {after(aborted(), func(s *v1alpha1.TrafficShift) {
			set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWaiting, "the last requests that met the version before are being counted", 30*time.Minute)
		}), beside(works, nil), false},
		"after an abort a version is stalled": {after(aborted(), func(s *v1alpha1.TrafficShift) {
			const message = "ShiftPolicy standard does not exist; apply it, or name another one"
			set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPolicyNotFound, message, 30*time.Minute)
			set(s, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPolicyNotFound, message, 30*time.Minute)
		}), beside(works, deployment(13, next, true, 2*time.Minute)), false},
		"after a promotion a version that was taken back is pushed again": {after(promoted(), func(s *v1alpha1.TrafficShift) {
			const message = "this template was taken back; it is tried again when it changes or a retry is commanded"
			s.Status.Refused = s.Status.Deployment.Revision
			set(s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAborted, message, 40*time.Second)
			set(s, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAborted, message, 40*time.Second)
		}), beside(works, nil), false},
		"after an abort a push is not seen yet": {with(aborted(), func(s *v1alpha1.TrafficShift) { s.Status.Deployment = resting().Status.Deployment }),
			beside(nil, deployment(13, next, true, 5*time.Second)), false},
		"at rest a push during a pause is not seen yet": {with(resting(), paused), beside(nil, deployment(13, next, true, 5*time.Second)), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := view.Layout{Width: 100}
			s := c.beside.Release(c.shift, now)
			if s.Unattended != c.unattended {
				t.Errorf("unattended %t, want %t", s.Unattended, c.unattended)
			}
			page := c.beside.ServicePage(c.shift, now, nil, func(view.Verb) string { return "" })
			golden(t, name, s.Text(p)+"\n"+c.beside.Why(c.shift, now).Text(p)+"\n"+
				view.Table(c.beside.Fleet([]v1alpha1.TrafficShift{*c.shift}, now), false, view.Layout{Width: 100, Wide: true})+"\n"+
				page.Release+", "+page.Version+", "+page.State.Word+", "+page.State.Tone+"\n"+factLines(append(page.Facts, page.Notes...)))
		})
	}
}

// TestThatNobodyLooksAfterAServiceIsRed on each screen of a terminal with colours. The state is not red where an operator works.
func TestThatNobodyLooksAfterAServiceIsRed(t *testing.T) {
	const red = "\x1b[31m"
	p, pushed := view.Layout{Width: 100, Color: true}, deployment(13, "registry.example/shop/checkout:1.6.0", true, 65*time.Second)
	works := &view.Leader{Holder: "stagger-7d9f-x2x", Renewed: now.Add(-3 * time.Second)}
	for what, c := range map[string]struct {
		beside view.Beside
		red    bool
	}{"nobody sees a push": {beside(nil, pushed), true}, "an operator works": {beside(works, nil), false}} {
		for screen, text := range map[string]string{
			"status": c.beside.Release(resting(), now).Text(p), "why": c.beside.Why(resting(), now).Text(p),
			"list": view.Table(c.beside.Fleet([]v1alpha1.TrafficShift{*resting()}, now), false, p),
		} {
			for _, words := range []string{"✔ Promoted", "Unattended for "} {
				told := screen != "list" || words != "Unattended for " // a list has the reason in a column of its own
				if got := strings.Contains(text, red+words); got != (c.red && told) {
					t.Errorf("%s, %s: %q is red: %t\n%q", what, screen, words, got, text)
				}
			}
		}
	}
}

// factLines are the facts of a page in lines.
func factLines(facts []view.Fact) string {
	text := ""
	for _, f := range facts {
		text += f.Label + ": " + f.Text + "\n"
	}
	return text
}
