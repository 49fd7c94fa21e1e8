package workload

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

func TestTheCanaryServiceIsTheUsersForCallersInTheMesh(t *testing.T) {
	svc := edit(service(), narrowedTo(stableHash))
	golden(t, "canary-service.yaml", CanaryService(svc, "checkout-canary", canaryHash, mark7))
	if d := diff(edit(service(), narrowedTo(stableHash)), svc); d != "" {
		t.Errorf("the user's Service changed (-want +got):\n%s", d)
	}
}

func TestACanaryServiceNeedsNothingOfTheUsersButPortsAndSelector(t *testing.T) {
	svc := edit(service(), func(s *corev1.Service) { s.Labels, s.Annotations = nil, nil })
	got := CanaryService(svc, "checkout-canary", canaryHash, mark7)
	if got.Labels[ManagedByLabel] != ManagedBy || got.Annotations[v1alpha1.ReleaseAnnotation] != mark7.String() {
		t.Errorf("labels %v, annotations %v; want our marks", got.Labels, got.Annotations)
	}
}

func TestAServiceIsAfterARelease(t *testing.T) {
	bare := func(s *corev1.Service) { s.Labels = nil }
	edited := func(s *corev1.Service) {
		s.Labels["new"], s.Spec.Selector["zone"] = "1", "a"
		delete(s.Labels, "team")
	}
	stripped := func(s *corev1.Service) { delete(s.Labels, v1alpha1.NarrowedLabel) }
	reverted := func(s *corev1.Service) { delete(s.Spec.Selector, HashLabel) }
	for name, user := range map[string]*corev1.Service{"with labels": service(), "without labels": edit(service(), bare)} {
		for what, meanwhile := range map[string]func(*corev1.Service){
			"as it was before": nil,
			"as it was before, the label stripped meanwhile":    stripped,
			"as it was before, the selector reverted meanwhile": reverted,
			"as its owner changed it meanwhile":                 edited,
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				s := mustApply(t, user, must(Narrow(user, stableHash)))
				want := user.DeepCopy()
				if meanwhile != nil {
					meanwhile(s)
				}
				if what == "as its owner changed it meanwhile" {
					if want.Labels == nil {
						want.Labels = map[string]string{}
					}
					edited(want)
				}
				s = mustApply(t, s, must(MoveNarrowing(s, stableHash, canaryHash)))
				if s.Spec.Selector[HashLabel] != canaryHash || s.Labels[v1alpha1.NarrowedLabel] != canaryHash {
					t.Fatalf("selector %v, labels %v; want both moved to %s", s.Spec.Selector, s.Labels, canaryHash)
				}
				if d := cmp.Diff(want.Spec.Selector, Selector(s)); d != "" {
					t.Errorf("Selector (-want +got):\n%s", d)
				}
				s = mustApply(t, s, Widen(s))
				if d := diff(want, s); d != "" {
					t.Errorf("the Service is not as the user wrote it (-want +got):\n%s", d)
				}
				if again := Widen(s); len(again) > 0 {
					t.Errorf("Widen of a wide Service = %v, want nothing", again)
				}
			})
		}
	}
}

// must passes a patch that cannot be refused on; an error shows as a patch that does not apply.
func must(p patch.Patch, err error) patch.Patch {
	if err != nil {
		return patch.Patch{patch.Test("/", err.Error())}
	}
	return p
}

func FuzzNarrowingAndWideningIsIdentity(f *testing.F) {
	f.Add("app", "checkout", "team", "till", false)
	f.Add("a/b~c", "", "x~1y", "", true)
	f.Fuzz(func(t *testing.T, key, value, label, text string, none bool) {
		if key == HashLabel || label == v1alpha1.NarrowedLabel || !clean(key, value, label, text) {
			t.Skip()
		}
		user := edit(service(), func(s *corev1.Service) {
			s.Spec.Selector = map[string]string{key: value}
			if s.Labels = map[string]string{label: text}; none {
				s.Labels = nil
			}
		})
		s := mustApply(t, user, must(Narrow(user, stableHash)))
		s = mustApply(t, s, must(MoveNarrowing(s, stableHash, canaryHash)))
		s = mustApply(t, s, must(MoveNarrowing(s, canaryHash, stableHash)))
		if d := diff(user, mustApply(t, s, Widen(s))); d != "" {
			t.Errorf("the Service is not as the user wrote it (-want +got):\n%s", d)
		}
	})
}

// clean leaves out what the API server would not take and JSON not carry.
func clean(values ...string) bool {
	for _, v := range values {
		for _, r := range v {
			if r < ' ' || r > '~' {
				return false
			}
		}
	}
	return true
}

func TestNarrowingPutsBackWhatWasReverted(t *testing.T) {
	cases := map[string]func(*corev1.Service){
		"the selector":         func(s *corev1.Service) { delete(s.Spec.Selector, HashLabel) },
		"the label":            func(s *corev1.Service) { delete(s.Labels, v1alpha1.NarrowedLabel) },
		"both":                 func(s *corev1.Service) { delete(s.Spec.Selector, HashLabel); delete(s.Labels, v1alpha1.NarrowedLabel) },
		"another hash in both": narrowedTo("other"),
	}
	want := edit(service(), narrowedTo(stableHash))
	for name, revert := range cases {
		t.Run(name, func(t *testing.T) {
			s := edit(want, revert)
			if d := diff(want, mustApply(t, s, must(Narrow(s, stableHash)))); d != "" {
				t.Errorf("after narrowing again (-want +got):\n%s", d)
			}
		})
	}
	if again := must(Narrow(want, stableHash)); len(again) > 0 {
		t.Errorf("Narrow of a narrowed Service = %v, want nothing", again)
	}
}

func TestASelectorOfTheUsersOwnIsNeverMoved(t *testing.T) {
	pinned := edit(service(), func(s *corev1.Service) { s.Spec.Selector[HashLabel] = "mine" })
	var problem *Problem
	if p, err := Narrow(pinned, stableHash); !errors.As(err, &problem) || problem.Reason != SelectorPinned {
		t.Errorf("Narrow = %v, %v; want SelectorPinned", p, err)
	}
	if p, err := MoveNarrowing(pinned, stableHash, canaryHash); err == nil {
		t.Errorf("MoveNarrowing = %v, want an error", p)
	}
	if p := Widen(pinned); len(p) > 0 {
		t.Errorf("Widen = %v, want nothing", p)
	}
	if d := cmp.Diff(pinned.Spec.Selector, Selector(pinned)); d != "" {
		t.Errorf("Selector (-want +got):\n%s", d)
	}
	empty := edit(service(), func(s *corev1.Service) { s.Spec.Selector = nil })
	if p, err := Narrow(empty, stableHash); !errors.As(err, &problem) || problem.Reason != NoSelector {
		t.Errorf("Narrow of a Service without selector = %v, %v; want NoSelector", p, err)
	}
}

func TestHashesThatAReleaseKnowsAreOursAlsoWithoutTheLabel(t *testing.T) {
	s := edit(service(), func(s *corev1.Service) { s.Spec.Selector[HashLabel] = stableHash })
	if d := diff(service(), mustApply(t, s, Widen(s, canaryHash, stableHash))); d != "" {
		t.Errorf("after widening (-want +got):\n%s", d)
	}
	if d := diff(edit(service(), narrowedTo(canaryHash)), mustApply(t, s, must(Narrow(s, canaryHash, stableHash)))); d != "" {
		t.Errorf("after narrowing (-want +got):\n%s", d)
	}
}

func TestWritesToTheUsersServiceConflictWithWhoeverWroteMeanwhile(t *testing.T) {
	narrow := edit(service(), narrowedTo(stableHash))
	moved := edit(service(), narrowedTo("other"))
	for name, p := range map[string]patch.Patch{
		"widen": Widen(narrow), "move": must(MoveNarrowing(narrow, stableHash, canaryHash)), "narrow": must(Narrow(narrow, canaryHash)),
	} {
		if after, err := apply(t, moved, p); err == nil {
			t.Errorf("%s: selector = %v, want a conflict", name, after.Spec.Selector)
		}
	}
}

func TestTheFirstLeverSendsTheCanarysTrafficToStablePodsAndSaysSo(t *testing.T) {
	pulled := func(s *corev1.Service) {
		s.Spec.Selector[HashLabel] = stableHash
		s.Annotations[v1alpha1.AbortedAnnotation] = "7"
	}
	back := func(s *corev1.Service) { s.Spec.Selector[HashLabel] = canaryHash }
	cases := map[string]struct{ seen, there *corev1.Service }{
		"as it was made":                    {canaryService(), canaryService()},
		"its selector changed meanwhile":    {canaryService(), edit(canaryService(), func(s *corev1.Service) { s.Spec.Selector = nil })},
		"its hash changed meanwhile":        {canaryService(), edit(canaryService(), func(s *corev1.Service) { s.Spec.Selector[HashLabel] = "other" })},
		"pulled, then moved back to canary": {edit(canaryService(), pulled, back), edit(canaryService(), pulled, back)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := mustApply(t, c.there, Abort(c.seen, stableHash, 7))
			if d := diff(edit(canaryService(), pulled), got); d != "" {
				t.Errorf("after the lever (-want +got):\n%s", d)
			}
			if n, found := AbortedNumber(got); n != 7 || !found {
				t.Errorf("AbortedNumber = %d, %t; want 7", n, found)
			}
			if again := Abort(got, stableHash, 7); len(again) > 0 {
				t.Errorf("a second pull = %v, want nothing", again)
			}
		})
	}
	bare := edit(canaryService(), func(s *corev1.Service) { s.Annotations = nil })
	if got := mustApply(t, bare, Abort(bare, stableHash, 7)); got.Annotations[v1alpha1.AbortedAnnotation] != "7" {
		t.Errorf("annotations = %v, want the mark also where there were none", got.Annotations)
	}
}

func TestTheCanarysPodsAreMetFromAllNodes(t *testing.T) {
	svc := service()
	if said := Relaxed(svc); !strings.Contains(said, "spec.internalTrafficPolicy of Service checkout") {
		t.Errorf("says %q", said)
	}
	svc.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyCluster)
	if said := Relaxed(svc); said != "" {
		t.Errorf("of a Service that is met from all nodes it says %q", said)
	}
}
