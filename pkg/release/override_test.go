package release_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// mostOverridden is how many entries the API server takes.
const mostOverridden = 16

// happened is how often the entries of a kind say that it happened.
func happened(r *v1alpha1.Release, kind v1alpha1.OverrideKind) (times int32) {
	for _, e := range r.Overridden {
		if e.Kind == kind {
			times += e.Times
		}
	}
	return times
}

// Whatever is set against a release, and by however many, the record stays short and counts all of it.
func TestWhatIsSetAgainstAReleaseIsBounded(t *testing.T) {
	const many = 20
	now := epoch
	at := metav1.NewTime(now)
	o := release.Observation{
		Wanted: release.Wanted{Managed: true},
		Workload: release.Workload{Deployment: web, Replicas: 4, Held: true, Paused: true, Template: "v2", Waits: true,
			Stable: release.Set{Name: "web-v1", Hash: "v1", Replicas: 4, Available: 4, Pods: 4, Serving: 4},
			Canary: release.Set{Name: "web-v2", Hash: "v2", Replicas: 4, Available: 4, Pods: 4, Serving: 4}},
		Canary: release.Canary{Exists: true, Selects: "v2"},
		Release: &v1alpha1.Release{Number: 1, Revision: "v2", Stable: "v1", State: v1alpha1.StateShifting, Step: 1, Weight: "1%", StartedAt: at,
			Plan: *release.PlanOf("1%/1m", "100%/1m")},
	}
	edited, narrowed := release.Routes{Highest: v1alpha1.Whole}, release.Service{Exists: true, Marked: true, Narrowed: "v1"}
	for i := range many {
		now = now.Add(5 * time.Minute)
		by := release.Writer{Manager: fmt.Sprintf("tool-%d", i), At: now}
		o.Routes, o.Service = edited, narrowed
		o.Routes.Foreign = &release.Foreign{Route: "VirtualService web", Kind: "Raised", Writer: by}
		o.Service.Confirmed, o.Service.ConfirmedBy = []string{fmt.Sprintf("web-%d", i)}, by
		d := release.Decide(o, now)
		if d.Rule != "too high" {
			t.Fatalf("weights are put back by another rule: %s", d)
		}
		o.Release = d.Release
		o.Routes, o.Service.Narrowed, o.Service.SelectorBy = release.Routes{Highest: o.Release.Weight.Millionths(), Lowest: o.Release.Weight.Millionths()}, "", by
		if d = release.Decide(o, now); d.Rule != "arm lost" {
			t.Fatalf("a selector is put back by another rule: %s", d)
		}
		o.Release = d.Release
		release.NoteDenial(o.Release, release.Decision{Denied: fmt.Sprintf("raise to %d%%: patch VirtualService shop/web: denied: %s", i, strings.Repeat("no ", 1000))}, now)
	}
	if n := len(o.Release.Overridden); n != mostOverridden {
		t.Errorf("%d entries: %+v", n, o.Release.Overridden)
	}
	for _, kind := range []v1alpha1.OverrideKind{v1alpha1.OverrideRoutes, v1alpha1.OverrideSelector, v1alpha1.OverrideSiblings, v1alpha1.OverrideDenied} {
		if n := happened(o.Release, kind); n != many {
			t.Errorf("%s happened %d times by the record, in truth %d times", kind, n, many)
		}
	}
	for _, e := range o.Release.Overridden {
		if len(e.Message) > 512 {
			t.Errorf("a message of %d bytes", len(e.Message))
		}
	}
}

// A denial, and a confirmation, are noted when they come: the passes that see them still there have nothing to write.
func TestWhatLastsIsNotedOnce(t *testing.T) {
	w := newWorld()
	for _, event := range []string{"sibling service web-grpc", "confirm siblings web-grpc", "wait 5s", "deny make set", "push v2"} {
		if err := w.play(t, event); err != nil {
			t.Fatal(err)
		}
	}
	before := w.shift().Status.Release.Overridden
	if len(before) != 2 {
		t.Fatalf("the record has %+v", before)
	}
	if err := w.play(t, "wait 1m"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, w.shift().Status.Release.Overridden); d != "" {
		t.Errorf("a minute later (-before +after):\n%s", d)
	}
}
