package evidence

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

// measured is a bench whose metrics are gathered.
func measured(t *testing.T) (*bench, *prometheus.Registry) {
	b := newBench(t)
	set := metrics.New(metrics.Settings{Build: []string{"v", "r", "g"}})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(set)
	var err error
	if b.loop, err = New(Settings{Sources: []Source{ledgerOf(b.store)}, Clock: b.clock, Metrics: set}); err != nil {
		t.Fatal(err)
	}
	return b, registry
}

// series compares all series of some metrics: a line for each, with the values of its labels in the order of the labels' names.
func series(t *testing.T, registry *prometheus.Registry, want []string, names ...string) {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range all {
		if !slices.Contains(names, f.GetName()) {
			continue
		}
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			got = append(got, fmt.Sprintf("%s = %.3g", line, m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestEverySourceTellsHowItKeepsUp(t *testing.T) {
	b, registry := measured(t)
	series(t, registry, nil, table.EvidenceSourceUp)
	b.follow(target(), step(1, 0.05, noon))
	b.clock.SetTime(noon.Add(20*time.Second + 100*time.Millisecond))
	b.tick()
	series(t, registry, []string{"stagger_evidence_source_up default = 1"}, table.EvidenceSourceUp)
	b.store.fail = func(time.Time) error { return closed }
	b.clock.SetTime(noon.Add(26 * time.Second))
	b.tick()
	series(t, registry, []string{"stagger_evidence_age_seconds default = 11", "stagger_evidence_source_up default = 0"}, table.EvidenceAge, table.EvidenceSourceUp)
}

// After a restart a release may wait long for somebody to follow it: nothing is aborted by its evidence until then.
func TestAReleaseThatNobodyFollowsYetMakesTheEvidenceOld(t *testing.T) {
	b, registry := measured(t)
	other := types.NamespacedName{Namespace: "bank", Name: "ledger"}
	b.loop.Expect(shop, noon.Add(-2*time.Minute))
	b.loop.Expect(other, noon.Add(-time.Minute))
	age := func(want string) {
		t.Helper()
		series(t, registry, []string{"stagger_evidence_age_seconds default = " + want}, table.EvidenceAge)
	}
	age("120")
	b.follow(target(), step(1, 0.05, noon))
	b.loop.Expect(shop, noon.Add(-2*time.Minute)) // it is followed already
	age("60")
	b.loop.Follow(other, Following{}) // it is gone
	b.clock.SetTime(noon.Add(20*time.Second + 100*time.Millisecond))
	b.tick()
	age("5.1")
}

// Slices that prove nothing make evidence no younger.
func TestTheAgeIsThatOfTheLastFreshSlice(t *testing.T) {
	b, registry := measured(t)
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(21 * time.Second))
	b.store.unusable = func(time.Time, counting.Indicator) *counting.Trouble { return &torn.Trouble }
	b.until(noon.Add(5*time.Minute + 31*time.Second))
	series(t, registry, []string{"stagger_evidence_age_seconds default = 311"}, table.EvidenceAge)
	b.store.unusable = nil
	b.until(noon.Add(5*time.Minute + 36*time.Second))
	series(t, registry, []string{"stagger_evidence_age_seconds default = 1"}, table.EvidenceAge)
	b.store.unusable = func(time.Time, counting.Indicator) *counting.Trouble { return &torn.Trouble }
	over := target()
	over.Over = true
	b.follow(over, step(1, 0.05, noon))
	b.until(noon.Add(20*time.Minute + 1*time.Second))
	series(t, registry, []string{"stagger_evidence_age_seconds default = 1"}, table.EvidenceAge)
}

func TestALagIsThatOfTheReportsThatCanBeSeen(t *testing.T) {
	b, registry := measured(t)
	series(t, registry, []string{"stagger_evidence_lag_seconds default = 1"}, table.EvidenceLag)
	b.store.complete = func(counting.Pair) time.Time { return noon.Add(-90 * time.Second) }
	b.follow(target(), step(1, 0.05, noon.Add(-time.Minute)))
	b.clock.SetTime(noon.Add(10 * time.Second))
	b.tick()
	series(t, registry, []string{"stagger_evidence_lag_seconds default = 100"}, table.EvidenceLag)
}

// A source that is gone is known before a release needs it.
func TestASourceIsAskedWhileNothingIsReleased(t *testing.T) {
	b, registry := measured(t)
	b.tick()
	series(t, registry, []string{"stagger_evidence_source_up default = 1"}, table.EvidenceSourceUp)
	b.store.fail = func(time.Time) error { return closed }
	b.clock.SetTime(noon.Add(probeEvery - time.Second))
	b.tick()
	series(t, registry, []string{"stagger_evidence_source_up default = 1"}, table.EvidenceSourceUp)
	b.clock.SetTime(noon.Add(probeEvery))
	b.tick()
	series(t, registry, []string{"stagger_evidence_source_up default = 0"}, table.EvidenceSourceUp)
	b.store.fail = nil
	b.clock.SetTime(noon.Add(2 * probeEvery))
	b.tick()
	series(t, registry, []string{"stagger_evidence_source_up default = 1"}, table.EvidenceSourceUp)
	if b.store.probes != 3 {
		t.Errorf("it was asked %d times, want 3", b.store.probes)
	}
}

func TestSlicesThatProveNothingAreCounted(t *testing.T) {
	b, registry := measured(t)
	series(t, registry, []string{
		"stagger_evidence_void_slices_total NoData default = 0",
		"stagger_evidence_void_slices_total PrometheusUnreachable default = 0",
		"stagger_evidence_void_slices_total Stale default = 0",
	}, table.EvidenceVoidSlices)
	b.follow(target(), step(1, 0.05, noon))
	b.store.change = func(_ time.Time, _ counting.Service, a *counting.ArmAnswer) {
		a.Late = trouble(v1alpha1.ReasonStale, "late")
	}
	b.clock.SetTime(noon.Add(6*time.Second + 100*time.Millisecond))
	b.tick()
	series(t, registry, []string{
		"stagger_evidence_void_slices_total NoData default = 0",
		"stagger_evidence_void_slices_total PrometheusUnreachable default = 0",
		"stagger_evidence_void_slices_total Stale default = 2", // that in which the weight was written, and the next
	}, table.EvidenceVoidSlices)
}
