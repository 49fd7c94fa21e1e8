package cluster_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

func TestTheMiddleOfARelease(t *testing.T) {
	p := inTheMiddle("shop")
	o := cluster.Observe(p.objects(), settings(), noon).Facts
	hash := p.shift.Status.Release.Revision
	type seen struct {
		Problem         *release.Problem
		Stable, Canary  release.Set
		Service         release.Service
		CanaryService   release.Canary
		Lowest, Highest int64
		Marked, Open    bool
	}
	want := seen{
		Stable:        release.Set{Name: "web-old", Hash: "old", Replicas: 4, Available: 4, Pods: 1, Pod: "web-old-1"},
		Canary:        release.Set{Name: "web-" + hash, Hash: hash, Replicas: 1, Available: 1, Pods: 1, Pod: "web-" + hash + "-1"},
		Service:       release.Service{Exists: true, Narrowed: "old", Marked: true, Siblings: []string{"metrics"}, Confirmed: []string{"metrics"}},
		CanaryService: release.Canary{Service: "web-canary", Exists: true, Selects: hash, Number: 3, RulesDue: true},
		Lowest:        250_000, Highest: 250_000, Marked: true, Open: true,
	}
	got := seen{o.Wanted.Problem, o.Workload.Stable, o.Workload.Canary, o.Service, o.Canary, o.Routes.Lowest, o.Routes.Highest, o.Routes.Marked, o.Routes.AbortOpen}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
}

// A marked object without a route to the Service says nothing about the share, wherever it stands in the list.
func TestFactsDoNotDependOnTheOrderOfAList(t *testing.T) {
	p := inTheMiddle("shop")
	left := p.object("VirtualService", "a-left-over", map[string]any{"hosts": []any{"other"}, "http": []any{}})
	left.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "shop/web 3"})
	p.routes = append(p.routes, p.split("z", 300_000), left, p.split("b", 250_000))
	p.rules = append(p.rules, p.rule("younger", "web.shop"))
	r := rand.New(rand.NewPCG(1, 1))
	want := cluster.Observe(p.objects(), settings(), noon).Facts
	if want.Routes.Lowest != 250_000 || want.Routes.Highest != 300_000 {
		t.Errorf("the routes give the canary %d to %d", want.Routes.Lowest, want.Routes.Highest)
	}
	for range 50 {
		if d := cmp.Diff(want, cluster.Observe(shuffled(p.objects(), r), settings(), noon).Facts, cmp.AllowUnexported(release.Command{})); d != "" {
			t.Fatalf("facts in another order (-first +now):\n%s", d)
		}
	}
}

// A Deployment that is held has to be let go also when the Service does not lead to it any more.
func TestAHeldDeploymentIsNotLostSightOf(t *testing.T) {
	cases := map[string]func(*place){
		"the Service is gone":              func(p *place) { p.service = nil },
		"the Service selects nothing":      func(p *place) { p.service.Spec.Selector = nil },
		"the Service selects other pods":   func(p *place) { p.service.Spec.Selector = map[string]string{"app": "other"} },
		"the Service is bound to waypoint": func(p *place) { p.service.Labels["istio.io/use-waypoint"] = "edge" },
		"the record is lost too":           func(p *place) { p.service, p.shift.Status.Release = nil, nil },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			p := inTheMiddle("shop")
			change(p)
			v := cluster.Observe(p.objects(), settings(), noon)
			if v.Deployment == nil || !v.Facts.Workload.Held || v.Facts.Workload.Deployment != "web" || v.Facts.Wanted.Problem == nil {
				t.Errorf("the Deployment is %v, the facts of it %+v, the problem %v", v.Deployment, v.Facts.Workload, v.Facts.Wanted.Problem)
			}
		})
	}
	p := inTheMiddle("shop")
	p.service, p.shift.Status.Release = nil, nil
	rival := inTheMiddle("shop")
	rival.shift.Name, rival.shift.UID = "other", "other"
	o := p.objects()
	o.Rivals = []cluster.Rival{{Shift: rival.shift}}
	if v := cluster.Observe(o, settings(), noon); v.Deployment != nil {
		t.Errorf("takes Deployment %s, whose release another TrafficShift runs", v.Deployment.Name)
	}
	delete(p.deploy.Labels, v1alpha1.HeldLabel)
	if v := cluster.Observe(p.objects(), settings(), noon); v.Deployment != nil {
		t.Errorf("takes Deployment %s, which nobody holds", v.Deployment.Name)
	}
}

// A Service that nobody has confirmed is in the way, in the middle of a release too.
func TestSiblingServicesAreConfirmedFirst(t *testing.T) {
	p := inTheMiddle("shop")
	p.service.Annotations = nil
	problem := cluster.Observe(p.objects(), settings(), noon).Facts.Wanted.Problem
	if problem == nil || problem.Reason != v1alpha1.ReasonSiblingServices || !strings.Contains(problem.Message, "stagger.dev/siblings: metrics on Service web") {
		t.Errorf("problem %+v", problem)
	}
}

// Who makes a VirtualService in the middle of a release has taken no weight from the canary; who writes the routes of one later has.
func TestWhoMakesARouteIsNotSaidToHaveChangedIt(t *testing.T) {
	const routes, others = `{"f:spec":{"f:http":{}}}`, `{"f:metadata":{"f:labels":{}}}`
	cases := map[string]struct {
		made    time.Time
		written time.Time // zero where nobody tells
		fields  string
		want    bool
	}{
		"made just now":                          {noon, noon, routes, true},
		"made and never written":                 {noon.Add(-time.Hour), noon.Add(-time.Hour), routes, true},
		"written later":                          {noon.Add(-time.Minute), noon, routes, false},
		"made just now, and nobody tells":        {noon, time.Time{}, "", true},
		"made just now, and labelled by others":  {noon, noon, others, true},
		"made before the weight, nobody tells":   {noon.Add(-time.Hour), time.Time{}, "", false},
		"made before the weight, others labeled": {noon.Add(-time.Hour), noon, others, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := inTheMiddle("shop")
			p.shift.Status.Release.StepStartedAt, p.shift.Status.Release.SettledAt = ptr.To(metav1.NewTime(noon.Add(-time.Minute))), ptr.To(metav1.NewTime(noon))
			added := p.object("VirtualService", "added", map[string]any{"hosts": []any{"web"}, "http": []any{map[string]any{
				"route": []any{map[string]any{"destination": map[string]any{"host": "web"}}}}}})
			added.SetCreationTimestamp(metav1.NewTime(c.made))
			if c.fields != "" {
				added.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: ptr.To(metav1.NewTime(c.written)), FieldsV1: metav1.NewFieldsV1(c.fields)}})
			}
			p.routes = append(p.routes, added)
			f := cluster.Observe(p.objects(), settings(), noon).Facts.Routes.Foreign
			if f == nil || f.Route != "VirtualService added" || f.Made != c.want {
				t.Errorf("the edit is %+v, want one that made it: %t", f, c.want)
			}
		})
	}
}
