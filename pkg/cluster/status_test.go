package cluster_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
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
