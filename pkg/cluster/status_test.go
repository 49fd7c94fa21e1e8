package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/manifests/crd"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/bounds"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// The status says since when a release waits for the reason it gives: it begins anew with another reason, and ends with the wait.
func TestTheStatusSaysSinceWhenItWaits(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "1%"}
	over := shift.Status.Release.DeepCopy()
	over.State = v1alpha1.StatePromoted
	for i, c := range []struct {
		at     time.Duration
		reason v1alpha1.Reason
		rec    *v1alpha1.Release
		want   time.Duration
	}{
		{0, v1alpha1.ReasonHolding, nil, 0},
		{time.Minute, v1alpha1.ReasonHolding, nil, 0},
		{2 * time.Minute, v1alpha1.ReasonPrometheusUnreachable, nil, 2 * time.Minute},
		{3 * time.Minute, v1alpha1.ReasonPrometheusUnreachable, nil, 2 * time.Minute},
		{4 * time.Minute, v1alpha1.ReasonHolding, nil, 4 * time.Minute},
		{5 * time.Minute, v1alpha1.ReasonPromoted, over, -1},
	} {
		v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began.Add(c.at))
		shift.Status = cluster.StatusOf(v, release.Decision{Reason: c.reason, Release: c.rec}, c.rec)
		since := shift.Status.ReasonSince
		if (since == nil) != (c.want < 0) || since != nil && !since.Time.Equal(began.Add(c.want)) {
			t.Errorf("row %d: since %v, want %s", i, since, c.want)
		}
	}
}

// The record that first speaks of an abort says when it was decided and, where counts decided it, up to when they were; later ones keep it.
func TestTheStatusSaysWhenAnAbortWasDecided(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for reason, byCounts := range map[v1alpha1.Reason]bool{
		v1alpha1.ReasonCanaryBreachesSLO: true, v1alpha1.ReasonCanaryWorseThanStable: true, v1alpha1.ReasonCommanded: false, v1alpha1.ReasonCanaryCrashing: false,
	} {
		shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "1%"}
		for pass := range 2 {
			v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began.Add(time.Duration(pass)*time.Minute))
			v.Counted = began.Add(-1500 * time.Millisecond)
			rec := shift.Status.Release.DeepCopy()
			if rec.State = v1alpha1.StateAborting; rec.Outcome == nil {
				rec.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: reason}
			}
			shift.Status = cluster.StatusOf(v, release.Decision{Reason: reason, Release: rec}, rec)
			o := shift.Status.Release.Outcome
			if o.DecidedAt == nil || !o.DecidedAt.Time.Equal(began) {
				t.Errorf("%s, pass %d: decided at %v", reason, pass, o.DecidedAt)
			}
			if (o.CountedUntil != nil) != byCounts || byCounts && !o.CountedUntil.Time.Equal(began.Add(-1500*time.Millisecond)) {
				t.Errorf("%s, pass %d: by counts until %v", reason, pass, o.CountedUntil)
			}
		}
	}
}

// What met the canary is counted on after an abort, and corrects record and history until all is in. What the verdict was based on stays.
func TestTheRecordIsCorrectedUntilAllIsCounted(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	rec := &v1alpha1.Release{
		Number: 7, State: v1alpha1.StateRestoring, Step: 1, Weight: "0%", Revision: "v2", Exposed: 119, Failed: 36,
		Outcome:    &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryBreachesSLO},
		Weights:    []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: metav1.NewTime(began.Add(-time.Minute))}},
		Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Breach", Against: "162.8"}},
	}
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = rec
	pass := func(after time.Duration, next *v1alpha1.Release, e release.Evidence) {
		v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began.Add(after))
		v.Weigh(e)
		shift.Status = cluster.StatusOf(v, release.Decision{Reason: v1alpha1.ReasonAborted, Release: next}, next)
	}
	met := func(requests, bad float64, until time.Duration, allIn bool) release.Evidence {
		c := evidence.Counts{Requests: requests, Bad: bad}
		return release.Evidence{Counted: began.Add(until), AllIn: allIn, Met: &evidence.Verdict{
			Exposed: c, Objectives: []evidence.ObjectiveVerdict{{Name: "availability", Release: evidence.Arms{Canary: c}}}}}
	}
	over := rec.DeepCopy()
	over.State = v1alpha1.StateAborted
	pass(0, over, met(300, 80, -10*time.Second, false))
	if r := shift.Status.Release; r.Settled() || len(shift.Status.History) != 1 || shift.Status.History[0].Exposed != 300 || r.Counted.End == nil {
		t.Fatalf("at the end of the release: %+v, history %+v", r.Counted, shift.Status.History)
	}
	pass(20*time.Second, nil, met(535, 162, 15*time.Second, true))
	r, p := shift.Status.Release, shift.Status.History[0]
	if !r.Settled() || r.Exposed != 535 || r.Failed != 162 || p.Exposed != 535 || p.Failed != 162 || !p.Counted.Final {
		t.Errorf("when all is in: %d, %d, history %+v", r.Exposed, r.Failed, p)
	}
	if o := r.Objectives[0]; o.Canary.Requests != 535 || o.Against != "162.8" || o.Verdict != "Breach" {
		t.Errorf("the objective is %+v", o)
	}
	pass(30*time.Second, nil, met(600, 162, 25*time.Second, true))
	if shift.Status.Release.Exposed != 535 {
		t.Error("what is final has changed")
	}
}

// A promoted canary meets its last request as one when the proxies follow the routes that were put back. What it answers from then on, while
// the rest is tidied up, are requests of the stable.
func TestACanaryIsCountedUntilItIsTheStable(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		state  v1alpha1.ReleaseState
		routes release.Routes
		end    time.Duration // 0: none
	}{
		"its pods are handed over":    {v1alpha1.StateHandover, release.Routes{}, 0},
		"the routes lead to it":       {v1alpha1.StateRestoring, release.Routes{Marked: true}, 0},
		"the route that we made does": {v1alpha1.StateRestoring, release.Routes{OneMade: true}, 0},
		"they are put back":           {v1alpha1.StateRestoring, release.Routes{}, 10 * time.Second},
		"it is the stable":            {v1alpha1.StatePromoted, release.Routes{}, time.Nanosecond},
	} {
		r := &v1alpha1.Release{
			Number: 7, State: c.state, Outcome: &v1alpha1.Outcome{Result: v1alpha1.StatePromoted},
			Weights: []v1alpha1.WrittenWeight{{Weight: "100%", Step: 1, At: metav1.NewTime(began)}},
		}
		release.Settle(r, release.Observation{
			Routes: c.routes, Workload: release.Workload{Lingering: "web-1"}, Bounds: release.Bounds{Push: 10 * time.Second},
		}, began)
		if end := r.Counted.End; (end == nil) != (c.end == 0) || end != nil && !end.Time.Equal(began.Add(c.end.Truncate(time.Second))) {
			t.Errorf("%s: the last request as a canary at %v", name, end)
		}
	}
}

// Nobody waits for ever: after an hour, or when another release follows, what is missing is a gap.
func TestWhatIsNotCountedInTheEndIsAGap(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	until, end := metav1.NewMicroTime(began), metav1.NewMicroTime(began.Add(time.Minute))
	for name, c := range map[string]struct {
		after time.Duration
		next  *v1alpha1.Release
		final bool
	}{
		"in the hour after":   {time.Hour, nil, false},
		"an hour later":       {62 * time.Minute, nil, true},
		"another one follows": {2 * time.Minute, &v1alpha1.Release{Number: 8, State: v1alpha1.StatePreparing}, true},
	} {
		t.Run(name, func(t *testing.T) {
			shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
			counted := v1alpha1.Counted{Until: &until, End: &end}
			shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateAborted, Counted: counted, Weights: []v1alpha1.WrittenWeight{{Weight: "1%"}},
				Outcome: &v1alpha1.Outcome{Result: v1alpha1.StateAborted}}
			shift.Status.History = []v1alpha1.PastRelease{{Number: 7, Counted: counted}}
			v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began.Add(c.after))
			got := cluster.StatusOf(v, release.Decision{Release: c.next}, c.next).History[0].Counted
			if got.Final != c.final || c.final != (len(got.Gaps) == 1 && got.Gaps[0].From.Equal(&until) && got.Gaps[0].To.Equal(&end)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A Deployment may have more containers, and images with longer names, than a status may name: they are named as far as it may, and what was read
// is not cut for that.
func TestAStatusKeepsToItsLimits(t *testing.T) {
	schema, err := crd.SchemaOf(crd.TrafficShifts)
	if err != nil {
		t.Fatal(err)
	}
	s := settings()
	s.Limits = bounds.New[v1alpha1.TrafficShiftStatus](ptr.To(schema.Properties["status"]))
	p := inTheMiddle("shop")
	long := "registry/" + strings.Repeat("x", 1016)
	for _, template := range []*corev1.PodTemplateSpec{&p.deploy.Spec.Template, &p.stable.Spec.Template} {
		for len(template.Spec.Containers) < 33 {
			template.Spec.Containers = append(template.Spec.Containers, corev1.Container{Name: fmt.Sprint("c", len(template.Spec.Containers)), Image: long})
		}
	}
	v := cluster.Observe(p.objects(), s, noon)
	status := cluster.StatusOf(v, release.Decision{}, nil)
	if got := status.Deployment.Images; len(got) != 32 || got[1] != long[:1024] {
		t.Errorf("%d images, one of %d bytes", len(got), len(got[1]))
	}
	if got := v.Facts.Workload.Images; len(got) != 33 || got[1] != long || p.deploy.Spec.Template.Spec.Containers[1].Image != long {
		t.Errorf("what was read has %d images, one of %d bytes", len(got), len(got[1]))
	}
}

// A release that another one follows is given what is counted of it by then, whatever of that was written.
func TestWhatIsCountedIsInTheRecordWhenTheNextReleaseBegins(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	until, end := metav1.NewMicroTime(began), metav1.NewMicroTime(began.Add(time.Minute))
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateAborted, Counted: v1alpha1.Counted{Until: &until, End: &end},
		Exposed: 100, Weights: []v1alpha1.WrittenWeight{{Weight: "1%"}}, Outcome: &v1alpha1.Outcome{Result: v1alpha1.StateAborted}}
	shift.Status.History = []v1alpha1.PastRelease{{Number: 7, Exposed: 100}}
	v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began.Add(2*time.Minute))
	met := evidence.Counts{Requests: 300, Bad: 80}
	v.Weigh(release.Evidence{Counted: began.Add(40 * time.Second), Met: &evidence.Verdict{Exposed: met,
		Objectives: []evidence.ObjectiveVerdict{{Name: "availability", Release: evidence.Arms{Canary: met}}}}})
	next := &v1alpha1.Release{Number: 8, State: v1alpha1.StatePreparing}
	got := cluster.StatusOf(v, release.Decision{Release: next}, next).History[0]
	if gaps := got.Counted.Gaps; got.Exposed != 300 || got.Failed != 80 || len(gaps) != 1 || !gaps[0].From.Time.Equal(began.Add(40*time.Second)) || !gaps[0].To.Equal(&end) {
		t.Errorf("%d met, %d failed, %+v", got.Exposed, got.Failed, got.Counted)
	}
}
