package release_test

import (
	"testing"

	"github.com/google/cel-go/cel"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Who opens a gate needs the verb approve on it, asked of the API server's own rights; nothing else does.
func TestAGateIsOpenedByWhoHasTheVerb(t *testing.T) {
	p := policyOf(t, "ValidatingAdmissionPolicy stagger-author")
	asks := p.question(t, p.expressions()...)
	may := rights{"ci/load-test": true}
	for name, c := range map[string]struct {
		user, was, is string
		want          bool
	}{
		"who has the verb":               {"ci", "", "approve 7 t2 load-test it held", true},
		"who has not":                    {"bob", "", "approve 7 t2 load-test", false},
		"who has it for another gate":    {"ci", "", "approve 7 t2 second-person", false},
		"of no gate":                     {"bob", "", "approve 7 t2", true}, // the operator answers what is wrong with it
		"who leaves a command as it is":  {"bob", "approve 7 t2 load-test", "approve 7 t2 load-test", true},
		"who names the gate once more":   {"bob", "", "approve 7 t2 load-test load-test", false},
		"an abort needs no such right":   {"bob", "", "abort 7 t2 load-test", true},
		"an abort takes the place of it": {"bob", "approve 7 t1 load-test", "abort 7 t2", true},
	} {
		t.Run(name, func(t *testing.T) {
			old := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
			old.Annotations = map[string]string{v1alpha1.CommandAnnotation: c.was}
			old.Status.Release = &v1alpha1.Release{Number: 7}
			now := old.DeepCopy()
			now.Annotations[v1alpha1.CommandAnnotation] = c.is
			allowed := true
			for _, answer := range asks(t, written{old: old, now: now, resource: v1alpha1.GroupVersion.WithResource("trafficshifts"), kind: "TrafficShift", user: c.user, rights: may}) {
				allowed = allowed && answer == any(true)
			}
			if allowed != c.want {
				t.Errorf("allowed: %t", allowed)
			}
		})
	}
}

// Who changes the template of a held Deployment is named in that very write, whatever he writes himself, and by no other.
func TestTheAuthorOfATemplateIsNamedByTheAPIServer(t *testing.T) {
	p := policyOf(t, "MutatingAdmissionPolicy stagger-hold")
	of := p.question(t, expression{"by", "variables.changedBy", cel.AnyType}, expression{"may", "variables.mayLetGo", cel.AnyType}, expression{"rests", "variables.rests", cel.AnyType})
	matches := p.question(t, p.matches()...)
	for name, c := range map[string]struct {
		user     string
		was, is  string // the annotation
		template bool   // it is changed
		by       any
		rests    bool
		passes   bool // the policy does not look, or lets the operator do it
	}{
		"a new template":              {user: "ann", template: true, by: "ann"},
		"in another's name":           {user: "ann", is: "bob", template: true, by: "ann"},
		"after another's":             {user: "ann", was: "bob", is: "bob", template: true, by: "ann"},
		"the name alone":              {user: "ann", was: "ann", is: "bob", by: "ann", rests: true},
		"the name taken away":         {user: "ann", was: "ann", by: "ann", rests: true},
		"a name where there is none":  {user: "ann", is: "bob", by: "", rests: true},
		"taken away by the operator":  {user: operatorName, was: "ann", passes: true},
		"a template that is put back": {user: operatorName, was: "ann", is: "ann", template: true, by: operatorName},
		"nothing of the kind":         {user: "ann", was: "ann", is: "ann", passes: true},
	} {
		t.Run(name, func(t *testing.T) {
			old := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{v1alpha1.HeldLabel: "true"}}}
			old.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: "web:1"}}
			now := old.DeepCopy()
			if c.was != "" {
				old.Annotations = map[string]string{v1alpha1.ChangedByAnnotation: c.was}
			}
			if c.is != "" {
				now.Annotations = map[string]string{v1alpha1.ChangedByAnnotation: c.is}
			}
			if c.template {
				now.Spec.Template.Spec.Containers[0].Image = "web:2"
			}
			w := written{old: old, now: now, resource: appsv1.SchemeGroupVersion.WithResource("deployments"), kind: "Deployment", user: c.user}
			looks := matches(t, w)[0] == any(true)
			answers := of(t, w)
			if passes := !looks || answers[1] == any(true); passes != c.passes {
				t.Fatalf("it passes by: %t", passes)
			}
			if !c.passes && (answers[0] != c.by || answers[2] != any(c.rests)) {
				t.Errorf("named is %q, at rest %v", answers[0], answers[2])
			}
		})
	}
}
