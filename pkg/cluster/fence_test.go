package cluster_test

import (
	"slices"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/release"
)

// leversOf plans every lever of a release in the handover: the Service and half of the traffic are the canary's.
func leversOf(p *place) []cluster.Write {
	p.service.Spec.Selector["pod-template-hash"], p.service.Labels[v1alpha1.NarrowedLabel] = p.shift.Status.Release.Revision, p.shift.Status.Release.Revision
	p.deploy.Spec.Paused = false
	v := cluster.Observe(p.objects(), settings(), noon)
	return cluster.Plan(v, release.Decision{Release: p.shift.Status.Release, Levers: []release.Action{
		{Verb: release.AbortService, Hash: "old"}, {Verb: release.AbortRoutes}, {Verb: release.Lower}, {Verb: release.Narrow, Hash: "old"},
		{Verb: release.ScaleStable, Replicas: 5}, {Verb: release.RemoveSet}, {Verb: release.Pause},
	}})
}

// stored are copies of the objects of a place that levers write, all alike but for what edit does to them.
func stored(p *place, edit func(cluster.Object)) *inmemory.Store {
	s := &inmemory.Store{Now: noon}
	for _, o := range []cluster.Object{p.service.DeepCopy(), p.second.DeepCopy(), p.deploy.DeepCopy(), p.stable.DeepCopy(), p.canary.DeepCopy(), p.routes[0].DeepCopy()} {
		edit(o)
		s.Put(o)
	}
	return s
}

// Who decided and slept until another released the next version finds objects that differ in nothing but the release.
func TestALeverOfAnEarlierReleaseMovesNothingOfTheNext(t *testing.T) {
	p := inTheMiddle("shop")
	next := func(o cluster.Object) {
		if annotations := o.GetAnnotations(); annotations[v1alpha1.ReleaseAnnotation] != "" {
			annotations[v1alpha1.ReleaseAnnotation] = "shop/web 4"
			o.SetAnnotations(annotations)
		}
	}
	writes := leversOf(p)
	var done []string
	for i := range writes {
		if err := stored(p, next).Send(&writes[i], "stagger"); err == nil {
			done = append(done, writes[i].Action.String())
		}
	}
	if want := []string{release.Action{Verb: release.Pause}.String()}; len(writes) != 7 || !slices.Equal(done, want) { // a pause only holds back
		t.Errorf("of %d levers %v were pulled, want %v", len(writes), done, want)
	}
}

// What bears the release's mark may be edited by others as they like.
func TestALeverOnAMarkedObjectOutlastsTheEditsOfOthers(t *testing.T) {
	p := inTheMiddle("shop")
	edited := func(o cluster.Object) { o.SetLabels(map[string]string{"team": "shop"}) }
	for _, w := range leversOf(p)[:3] {
		if err := stored(p, edited).Send(&w, "stagger"); err != nil {
			t.Errorf("%s: %v", w, err)
		}
	}
}
