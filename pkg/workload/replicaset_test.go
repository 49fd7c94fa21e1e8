package workload

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/patch"
)

func TestTheReleaseReplicaSetIsTheDeploymentsButForItsOwner(t *testing.T) {
	d := edit(checkout(), waits)
	rs := ReleaseSet(d, canaryHash, mark7, canaryService(), 2)
	golden(t, "release-replicaset.yaml", rs)

	if !SameTemplate(&rs.Spec.Template, &d.Spec.Template) {
		t.Error("the Deployment controller would not know its own template")
	}
	for what, s := range map[string]*metav1.LabelSelector{"Deployment": d.Spec.Selector, "ReplicaSet": rs.Spec.Selector} {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatal(err)
		}
		if !selector.Matches(labels.Set(rs.Labels)) || !selector.Matches(labels.Set(rs.Spec.Template.Labels)) {
			t.Errorf("the selector of the %s does not match the labels %v", what, rs.Labels)
		}
	}
	if d := diff(edit(checkout(), waits), d); d != "" {
		t.Errorf("the Deployment changed (-want +got):\n%s", d)
	}
	rs.Labels["x"] = "y"
	if _, shared := rs.Spec.Template.Labels["x"]; shared {
		t.Error("the labels of the ReplicaSet and of its template are one map")
	}
}

func TestTheReleaseReplicaSetCopesWithADeploymentThatHasNoSelector(t *testing.T) {
	d := edit(checkout(), func(d *appsv1.Deployment) { d.Spec.Selector = nil })
	if got := ReleaseSet(d, canaryHash, mark7, canaryService(), 2).Spec.Selector.MatchLabels; cmp.Diff(map[string]string{HashLabel: canaryHash}, got) != "" {
		t.Errorf("selector = %v, want the hash alone", got)
	}
}

func TestTheNameOfAReplicaSetIsAlwaysAllowed(t *testing.T) {
	cases := map[string]struct{ deployment, want string }{
		"short":                   {"checkout", "checkout-" + canaryHash},
		"as long as fits":         {strings.Repeat("a", 242), strings.Repeat("a", 242) + "-" + canaryHash},
		"too long":                {strings.Repeat("a", 253), strings.Repeat("a", 242) + "-" + canaryHash},
		"cut at a dot and a dash": {strings.Repeat("a", 240) + ".-b-c", strings.Repeat("a", 240) + "-" + canaryHash},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := SetName(c.deployment, canaryHash)
			if got != c.want {
				t.Errorf("SetName = %q, want %q", got, c.want)
			}
			if faults := validation.IsDNS1123Subdomain(got); len(faults) > 0 {
				t.Errorf("SetName = %q: %v", got, faults)
			}
		})
	}
}

func TestANameThatIsTakenIsAProblemUnlessItIsOursOrAnEmptyTwin(t *testing.T) {
	want := ReleaseSet(edit(checkout(), waits), canaryHash, mark7, canaryService(), 2)
	cases := map[string]struct {
		there *appsv1.ReplicaSet
		clash bool
	}{
		"it is the very one":                 {edit(want, func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = ptr.To[int32](5) }), false},
		"a release that is left over":        {edit(want, func(rs *appsv1.ReplicaSet) { rs.OwnerReferences[0].UID = "an earlier canary Service" }), false},
		"an empty one of an earlier release": {ownedSet("1.5.0", canaryHash, 0), false},
		"the Deployment's with pods":         {ownedSet("1.5.0", canaryHash, 1), true},
		"an empty one of another template":   {ownedSet("1.3.0", canaryHash, 0), true},
		"ours, and of another template":      {releaseSet(checkout()), true},
		"an orphan":                          {edit(want, func(rs *appsv1.ReplicaSet) { rs.OwnerReferences = nil }), true},
		"another name":                       {ownedSet("1.3.0", "other", 1), false},
		"another namespace":                  {edit(ownedSet("1.3.0", canaryHash, 1), func(rs *appsv1.ReplicaSet) { rs.Namespace = "bank" }), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := Clash(want, []*appsv1.ReplicaSet{stableSet(), c.there})
			if (p != nil) != c.clash {
				t.Fatalf("Clash = %v, want one: %t", p, c.clash)
			}
			if p != nil && (p.Reason != NameTaken || !strings.Contains(p.Message, want.Name)) {
				t.Errorf("Clash = %+v, want NameTaken and the name %s", p, want.Name)
			}
		})
	}
}

func TestAnEmptyTwinIsTheOldestEmptyReplicaSetOfTheTemplateThatTheDeploymentOwns(t *testing.T) {
	younger := edit(ownedSet("1.5.0", "younger", 0), func(rs *appsv1.ReplicaSet) { rs.CreationTimestamp = metav1.NewTime(noon) })
	ending := edit(ownedSet("1.5.0", "ending", 0), func(rs *appsv1.ReplicaSet) { rs.Status.Replicas = 1 })
	cases := map[string]struct {
		sets []*appsv1.ReplicaSet
		want string
	}{
		"none":                      {[]*appsv1.ReplicaSet{stableSet(), ownedSet("1.3.0", "other", 0)}, ""},
		"one":                       {[]*appsv1.ReplicaSet{stableSet(), ownedSet("1.5.0", "older", 0)}, "checkout-older"},
		"two":                       {[]*appsv1.ReplicaSet{younger, ownedSet("1.5.0", "older", 0)}, "checkout-older"},
		"the release's own":         {[]*appsv1.ReplicaSet{edit(releaseSet(edit(checkout(), waits, replicas(0))))}, ""},
		"one that still has a pod":  {[]*appsv1.ReplicaSet{ending}, ""},
		"one that has pods coming":  {[]*appsv1.ReplicaSet{ownedSet("1.5.0", "full", 1)}, ""},
		"one whose size is not set": {[]*appsv1.ReplicaSet{edit(younger, func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = nil })}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sought := template("1.5.0")
			got := ""
			if twin := EmptyTwin(checkout(), c.sets, &sought); twin != nil {
				got = twin.Name
			}
			if got != c.want {
				t.Errorf("EmptyTwin = %q, want %q", got, c.want)
			}
		})
	}
}

func TestAHandoverLeavesWhatTheDeploymentControllerWouldHaveMade(t *testing.T) {
	d := edit(checkout(), waits, pause)
	rs := edit(releaseSet(d), func(rs *appsv1.ReplicaSet) {
		rs.OwnerReferences = append(rs.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other"})
	})
	p, err := Handover(rs, d)
	if err != nil {
		t.Fatal(err)
	}
	if p[0] != patch.Version(rs.ResourceVersion) {
		t.Errorf("first operation = %v, want the version that was read", p[0])
	}
	got := mustApply(t, rs, p)
	want := edit(rs, func(rs *appsv1.ReplicaSet) {
		rs.Annotations = map[string]string{desiredAnnotation: "4", maxAnnotation: "6"}
		rs.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other"},
			{APIVersion: "apps/v1", Kind: "Deployment", Name: "checkout", UID: "d-uid", Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)},
		}
	})
	if d := diff(want, got); d != "" {
		t.Errorf("after the handover (-want +got):\n%s", d)
	}
	if again, err := Handover(got, d); err != nil || len(again) > 0 {
		t.Errorf("a second handover = %v, %v; want nothing", again, err)
	}
}

func TestAHandoverIsRefusedWhenTheDeploymentControllerWouldNotTakeTheReplicaSetAsItIs(t *testing.T) {
	deleted := ptr.To(metav1.NewTime(noon))
	cases := map[string]struct {
		rs   func(*appsv1.ReplicaSet)
		d    func(*appsv1.Deployment)
		want error
	}{
		"a push in that instant":               {nil, func(d *appsv1.Deployment) { d.Spec.Template = template("1.6.0") }, ErrTemplateMoved},
		"the HPA wants more":                   {nil, replicas(5), ErrNotSaturated},
		"the HPA wants fewer":                  {nil, replicas(3), ErrNotSaturated},
		"a pod is not available":               {func(rs *appsv1.ReplicaSet) { rs.Status.AvailableReplicas = 3 }, nil, ErrNotSaturated},
		"its status is older than its spec":    {func(rs *appsv1.ReplicaSet) { rs.Generation = 4 }, nil, ErrNotSaturated},
		"an admission changed its template":    {func(rs *appsv1.ReplicaSet) { rs.Spec.Template.Spec.Hostname = "x" }, nil, ErrTemplateMoved},
		"its labels do not match the selector": {func(rs *appsv1.ReplicaSet) { delete(rs.Labels, "tier") }, nil, ErrNotOurs},
		"it has no owner":                      {func(rs *appsv1.ReplicaSet) { rs.OwnerReferences = nil }, nil, ErrNotOurs},
		"it is another's":                      {func(rs *appsv1.ReplicaSet) { rs.OwnerReferences[0].Kind = "Deployment" }, nil, ErrNotOurs},
		"it bears no mark":                     {func(rs *appsv1.ReplicaSet) { rs.Annotations = nil }, nil, ErrNotOurs},
		"it is being deleted":                  {func(rs *appsv1.ReplicaSet) { rs.DeletionTimestamp = deleted }, nil, ErrNotOurs},
		"the Deployment is being deleted":      {nil, func(d *appsv1.Deployment) { d.DeletionTimestamp = deleted }, ErrNotOurs},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := edit(checkout(), waits)
			rs := releaseSet(d)
			if c.rs != nil {
				c.rs(rs)
			}
			if c.d != nil {
				c.d(d)
			}
			if p, err := Handover(rs, d); !errors.Is(err, c.want) || len(p) > 0 {
				t.Errorf("Handover = %v, %v; want %v", p, err, c.want)
			}
		})
	}
	broken := edit(checkout(), func(d *appsv1.Deployment) { d.Spec.Selector.MatchExpressions[0].Operator = "Like" })
	if p, err := Handover(releaseSet(checkout()), broken); err == nil {
		t.Errorf("Handover to a Deployment with an invalid selector = %v, want an error", p)
	}
}

func TestScalingRestsOnTheSizeThatWasRead(t *testing.T) {
	rs := stableSet()
	if d := diff(edit(rs, func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = ptr.To[int32](0) }), mustApply(t, rs, Scale(rs, 0))); d != "" {
		t.Errorf("after scaling (-want +got):\n%s", d)
	}
	if after, err := apply(t, ownedSet("1.4.2", stableHash, 9), Scale(rs, 0)); err == nil {
		t.Errorf("replicas = %d, want a conflict with whoever scaled meanwhile", *after.Spec.Replicas)
	}
	if again := Scale(rs, 4); len(again) > 0 {
		t.Errorf("Scale to what it is = %v, want nothing", again)
	}
	unset := edit(rs, func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = nil })
	if got := mustApply(t, unset, Scale(unset, 3)); *got.Spec.Replicas != 3 {
		t.Errorf("replicas = %d, want 3", *got.Spec.Replicas)
	}
}
