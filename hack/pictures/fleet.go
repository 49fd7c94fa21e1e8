package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
	"github.com/stagger-dev/stagger/pkg/simulate"
)

// fleet are the Services that are there.
type fleet struct {
	managed []*service
	others  []corev1.Service
}

// service is one under management.
type service struct {
	shift   v1alpha1.TrafficShift
	traffic simulate.Traffic
	sets    []*appsv1.ReplicaSet
	seen    []*simulate.Moment // by scrape; nil: as at the scrape before
}

// Of checkout in shop, the Service of the release board, the mesh tells, too.
const (
	shown     = "checkout"
	shownRate = 180 // requests a second
)

func readPolicies(folder string) (map[string]v1alpha1.ShiftPolicySpec, error) {
	all := map[string]v1alpha1.ShiftPolicySpec{}
	for _, name := range []string{"standard", "cautious", "fast"} {
		text, err := os.ReadFile(filepath.Join(folder, name+".yaml"))
		if err != nil {
			return nil, fmt.Errorf("reading a policy: %w", err)
		}
		var p v1alpha1.ShiftPolicy
		if err := yaml.UnmarshalStrict(text, &p); err != nil {
			return nil, fmt.Errorf("reading the policy %s: %w", name, err)
		}
		all[name] = p.Spec
	}
	return all, nil
}

// fleet makes the Services, and releases them through the day.
func (d *day) fleet() (*fleet, error) {
	f := &fleet{}
	for _, n := range []struct {
		namespace, policy, names string
		unmanaged                int
	}{
		{"shop", "standard", "basket prices stock " + shown, 1},
		{"payments", "cautious", "ledger cards refunds", 2},
		{"search", "fast", "query index suggest ranking", 0},
		{"media", "standard", "thumbs upload", 4},
	} {
		for _, name := range strings.Fields(n.names) {
			s := d.service(n.namespace, n.policy, name)
			f.managed = append(f.managed, s)
			if err := d.releases(s); err != nil {
				return nil, fmt.Errorf("releasing %s: %w", name, err)
			}
		}
		for i := range n.unmanaged {
			f.others = append(f.others, corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: fmt.Sprint("old-", i)}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "old"}},
			})
		}
	}
	f.managed = append(f.managed, d.waiting("media", "standard", "catalog", v1alpha1.ReasonPaused, 27*time.Hour),
		d.waiting("payments", "cautious", "invoices", v1alpha1.ReasonSiblingServices, 150*time.Minute))
	return f, nil
}

// service makes one at rest, with the counters of its namespace and policy.
func (d *day) service(namespace, policy, name string) *service {
	s := &service{seen: make([]*simulate.Moment, ticks)}
	s.traffic = simulate.Traffic{Rate: 150 + 600*d.dice.Float64(), Drift: 0.2, Stable: []float64{0.0004, 0.003}[:len(d.policies[policy].Objectives)]}
	if name == shown {
		s.traffic = simulate.Traffic{Rate: shownRate, Stable: s.traffic.Stable[:1]}
	}
	s.shift.Namespace, s.shift.Name, s.shift.Spec.PolicyRef.Name, s.shift.Spec.Service.Name = namespace, name, policy, name
	s.shift.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReasonUpToDate)}}
	d.scrape = 0
	for _, metric := range []string{metrics.NamespaceReleases, metrics.NamespaceCanaryRequests} {
		for _, value := range d.table[metric].Labels[1].Values {
			d.happened(metric, 0, namespace, value)
		}
	}
	d.happened(metrics.ReleasesStarted, 0, policy)
	return s
}

// waiting makes one with a template that has waited for so long.
func (d *day) waiting(namespace, policy, name string, reason v1alpha1.Reason, since time.Duration) *service {
	s, at := d.service(namespace, policy, name), metav1.NewTime(end.Add(-since))
	s.seen[max(0, scrapeOf(at.Time))] = &simulate.Moment{Status: v1alpha1.TrafficShiftStatus{ReasonSince: &at, Conditions: []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: string(reason)},
		{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: string(reason)},
	}}}
	return s
}

// releases lets a Service release again and again: one version of six is bad. That of the shown one is bad at half of the traffic, and is being taken
// back now.
func (d *day) releases(s *service) error {
	setup := simulate.Setup{Plan: d.policies[s.shift.Spec.PolicyRef.Name], Traffic: s.traffic, Mesh: simulate.Mesh{Lag: 2*time.Second + time.Duration(d.dice.IntN(2500))*time.Millisecond}}
	if s.shift.Name == shown {
		setup.Plan.Objectives = setup.Plan.Objectives[:1] // the legends of Perses have one line
		setup.Plan.Workload.Drain, setup.Seed, setup.Canary = "2m", 1, simulate.Canary{Bad: 0.02, FromWeight: 0.5}
		aborted, err := simulate.Run(setup)
		if err != nil {
			return err
		}
		setup.Begin = end.Add(-aborted.Took - 20*time.Second).Truncate(tick)
		return d.release(s, setup)
	}
	for setup.Begin = timeOf(d.dice.IntN(360)); setup.Begin.Before(end); setup.Begin = setup.Begin.Add(time.Duration(90+d.dice.IntN(300)) * time.Minute) {
		setup.Seed, setup.Canary = d.dice.Uint64(), simulate.Canary{}
		if d.dice.IntN(6) == 0 {
			setup.Canary = simulate.Canary{Bad: 0.03, FromWeight: []float64{0, 0.05, 0.25}[d.dice.IntN(3)]}
		}
		if setup.Begin.After(outage[0].Add(-2*time.Hour)) && setup.Begin.Before(outage[1]) {
			setup.Begin = outage[1].Add(time.Duration(d.dice.IntN(40)) * time.Minute) // what the source's outage does to releases is not simulated
		}
		if err := d.release(s, setup); err != nil {
			return err
		}
	}
	return nil
}

// release plays one release, and tells of it up to the present.
func (d *day) release(s *service, setup simulate.Setup) error {
	var before v1alpha1.TrafficShiftStatus
	setup.Follow = func(m simulate.Moment) {
		if d.scrape = scrapeOf(m.At); d.scrape >= ticks {
			return
		}
		m.Status.Release.Policy = s.shift.Spec.PolicyRef.Name
		metrics.Changes(s.shift.Namespace, before, m.Status, "", m.At, d.happened)
		before = m.Status
		s.seen[d.scrape] = &m
		if s.shift.Name == shown {
			d.requests(m.Stable, m.Canary)
		}
	}
	_, err := simulate.Run(setup)
	return err
}

// move takes the Services to where they are at a scrape, and returns their TrafficShifts; scrapes come in their order.
func (f *fleet) move(scrape int) []v1alpha1.TrafficShift {
	all := make([]v1alpha1.TrafficShift, 0, len(f.managed))
	for _, s := range f.managed {
		if is := s.seen[scrape]; is != nil {
			s.shift.Status, s.sets = is.Status, is.Sets
		}
		all = append(all, s.shift)
	}
	return all
}
