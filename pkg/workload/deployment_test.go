package workload

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

func TestADeploymentThatWasHeldIsLetGoAsItsOwnerHadIt(t *testing.T) {
	unlabelled := func(d *appsv1.Deployment) { d.Labels = nil }
	cases := map[string]struct {
		user      *appsv1.Deployment
		meanwhile func(*appsv1.Deployment)
		want      *appsv1.Deployment
	}{
		"nothing happened":                     {checkout(), nil, checkout()},
		"it had no labels":                     {edit(checkout(), unlabelled), nil, edit(checkout(), unlabelled)},
		"it was paused by us":                  {checkout(), pause, checkout()},
		"it was paused by its owner":           {edit(checkout(), pause), nil, edit(checkout(), pause)},
		"its owner's pause was lifted at rest": {edit(checkout(), pause), func(d *appsv1.Deployment) { d.Spec.Paused = false }, edit(checkout(), pause)},
		"a label was added meanwhile": {
			edit(checkout(), unlabelled), func(d *appsv1.Deployment) { d.Labels["new"] = "1" },
			edit(checkout(), func(d *appsv1.Deployment) { d.Labels = map[string]string{"new": "1"} }),
		},
		"a template waits, so it stays paused": {
			checkout(), func(d *appsv1.Deployment) { waits(d); pause(d) }, edit(checkout(), waits, pause),
		},
		"it was paused for a change that waits, which is ours to release": {
			edit(checkout(), pause, waits), func(d *appsv1.Deployment) { d.Spec.Template = template("1.4.2") }, checkout(),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := mustApply(t, c.user, Hold(c.user, stableSet()))
			if d.Labels[v1alpha1.HeldLabel] != "true" {
				t.Fatalf("labels = %v, want %s", d.Labels, v1alpha1.HeldLabel)
			}
			if again := Hold(d, stableSet()); len(again) > 0 {
				t.Errorf("Hold of a held Deployment = %v, want nothing", again)
			}
			if c.meanwhile != nil {
				c.meanwhile(d)
			}
			free := mustApply(t, d, Unhold(d, stableSet()))
			if d := diff(c.want, free); d != "" {
				t.Errorf("the Deployment is not as before (-want +got):\n%s", d)
			}
			if again := Unhold(free, stableSet()); len(again) > 0 {
				t.Errorf("Unhold of a free Deployment = %v, want nothing", again)
			}
		})
	}
}

func TestALabelWrittenByAnotherBetweenReadAndWriteIsNotLost(t *testing.T) {
	read := edit(checkout(), func(d *appsv1.Deployment) { d.Labels = nil })
	if after, err := apply(t, checkout(), Hold(read, stableSet())); err == nil {
		t.Errorf("labels = %v, want a conflict: another writer's first label is gone", after.Labels)
	}
}

func TestUnpausingNeverReleasesWhatNobodyJudged(t *testing.T) {
	none := func() *appsv1.ReplicaSet { return nil }
	cases := map[string]struct {
		d       *appsv1.Deployment
		running func() *appsv1.ReplicaSet
		err     error
		changes bool
	}{
		"not paused":                              {checkout(), stableSet, nil, false},
		"the running template":                    {edit(checkout(), pause), stableSet, nil, true},
		"a template waits":                        {edit(checkout(), pause, waits), stableSet, ErrTemplateWaits, false},
		"it is not known what runs":               {edit(checkout(), pause), none, ErrTemplateWaits, false},
		"at 0 replicas nothing is at risk":        {edit(checkout(), pause, waits, replicas(0)), none, nil, true},
		"at 0 replicas with pods still there":     {edit(checkout(), pause, waits, replicas(0)), stableSet, ErrTemplateWaits, false},
		"replicas not set are one, not none":      {edit(checkout(), pause, waits, func(d *appsv1.Deployment) { d.Spec.Replicas = nil }), none, ErrTemplateWaits, false},
		"the template of the release just judged": {edit(checkout(), pause, waits), func() *appsv1.ReplicaSet { return ownedSet("1.5.0", canaryHash, 4) }, nil, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Unpause(c.d, c.running())
			if !errors.Is(err, c.err) {
				t.Fatalf("error = %v, want %v", err, c.err)
			}
			if (len(p) > 0) != c.changes {
				t.Fatalf("patch = %v, want one: %t", p, c.changes)
			}
			if !c.changes {
				return
			}
			if p[0] != patch.Version(c.d.ResourceVersion) {
				t.Errorf("first operation = %v, want the version that was read", p[0])
			}
			if d := diff(edit(c.d, func(d *appsv1.Deployment) { d.Spec.Paused = false }), mustApply(t, c.d, p)); d != "" {
				t.Errorf("after unpausing (-want +got):\n%s", d)
			}
		})
	}
}

func TestPauseHoldsBackWhateverElseHasChanged(t *testing.T) {
	moved := edit(checkout(), waits, replicas(9), func(d *appsv1.Deployment) { d.ResourceVersion = "999" })
	if d := diff(edit(moved, pause), mustApply(t, moved, Pause(checkout()))); d != "" {
		t.Errorf("after pausing (-want +got):\n%s", d)
	}
	if again := Pause(edit(checkout(), pause)); len(again) > 0 {
		t.Errorf("Pause of a paused Deployment = %v, want nothing", again)
	}
}

func TestTheTemplateThatRunsIsPutBackWithFieldsNobodyKnows(t *testing.T) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(stableSet())
	if err != nil {
		t.Fatal(err)
	}
	stable := &unstructured.Unstructured{Object: object}
	if err := unstructured.SetNestedField(stable.Object, "yes", "spec", "template", "spec", "fieldOfTomorrow"); err != nil {
		t.Fatal(err)
	}
	d := edit(checkout(), waits, pause)
	p, err := PutBack(d, stable)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(edit(checkout(), pause), mustApply(t, d, p)); d != "" {
		t.Errorf("after it (-want +got):\n%s", d)
	}
	if text := fmt.Sprint(p); !strings.Contains(text, "fieldOfTomorrow") || strings.Contains(text, stableHash) {
		t.Errorf("patch = %s, want the template as it is stored, without the hash of its pods", text)
	}
	if p, err := PutBack(d, &unstructured.Unstructured{}); err == nil {
		t.Errorf("patch of a ReplicaSet without a template = %v, want an error", p)
	}
}

func TestAProbeChangesTheTemplateAndAsksToUnpause(t *testing.T) {
	annotated := func(d *appsv1.Deployment) { d.Spec.Template.Annotations = map[string]string{"a": "b"} }
	cases := map[string]*appsv1.Deployment{
		"at rest":                     edit(checkout(), held),
		"paused":                      edit(checkout(), held, pause),
		"not held yet":                checkout(),
		"a template with annotations": edit(checkout(), held, annotated),
		"no labels":                   edit(checkout(), func(d *appsv1.Deployment) { d.Labels = nil }),
	}
	for name, d := range cases {
		t.Run(name, func(t *testing.T) {
			asked := mustApply(t, d, Probe(d))
			if SameTemplate(&asked.Spec.Template, &d.Spec.Template) || asked.Spec.Paused || asked.Labels[v1alpha1.HeldLabel] != "true" {
				t.Errorf("the probe asks for %+v, want another template, not paused, held", asked)
			}
			if Guarded(asked) {
				t.Error("what was asked for counts as guarded, want only an answer that came back paused")
			}
			if !Guarded(edit(asked, pause)) {
				t.Error("a probe that came back paused does not count as guarded")
			}
		})
	}
	if Guarded(edit(checkout(), pause)) {
		t.Error("a paused answer without the label counts as guarded")
	}
}

func TestMaxReplicasIsWhatTheDeploymentControllerWrites(t *testing.T) {
	surge := func(s *intstr.IntOrString) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) { d.Spec.Strategy.RollingUpdate.MaxSurge = s }
	}
	cases := map[string]struct {
		change func(*appsv1.Deployment)
		want   int32
		fails  bool
	}{
		"a percentage, rounded up":   {surge(ptr.To(intstr.FromString("30%"))), 6, false},
		"a number":                   {surge(ptr.To(intstr.FromInt32(3))), 7, false},
		"no surge":                   {surge(ptr.To(intstr.FromInt32(0))), 4, false},
		"the API's default":          {surge(nil), 5, false},
		"the API's default strategy": {func(d *appsv1.Deployment) { d.Spec.Strategy.RollingUpdate = nil }, 5, false},
		"recreate": {func(d *appsv1.Deployment) {
			d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}, 4, false},
		"replicas not set":               {func(d *appsv1.Deployment) { d.Spec.Replicas = nil }, 2, false},
		"something that is not a number": {surge(ptr.To(intstr.FromString("many"))), 0, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := maxReplicas(edit(checkout(), c.change))
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("maxReplicas = %d, %v; want %d, an error: %t", got, err, c.want, c.fails)
			}
		})
	}
}
