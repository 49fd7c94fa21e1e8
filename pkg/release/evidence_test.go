package release_test

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// evidence is what the scripted counts say of a release.
func (w *world) evidence(o release.Observation) (e release.Evidence) {
	e = release.Evidence{Share: -1}
	if key := stepKey(o.Release); key != w.memory.step {
		w.memory.step, w.memory.covered = key, 0
	}
	defer func() {
		if _, suspected := release.Suspected(o.Release, e.Verdict); suspected {
			e.Pods = w.ofPods
		}
	}()
	e.Counted, e.Gaps = w.counted.Until.Time, w.counted.Gaps
	if !o.Running() || o.Release.Outcome != nil {
		if r := o.Release; r != nil && len(r.Weights) > 0 {
			e.AllIn = r.Counted.End != nil && !e.Counted.Before(r.Counted.End.Time)
			e.Met = &evidence.Verdict{Exposed: w.known, Objectives: []evidence.ObjectiveVerdict{{Name: r.Plan.Objectives[0].Name, Release: evidence.Arms{Canary: w.known}}}}
		}
		return e
	}
	e.Fresh, e.Reason, e.Message, e.Seen = w.stale == "", v1alpha1.ReasonCurrent, "counted up to now", w.memory.seen
	if !e.Fresh {
		e.Reason, e.Message = v1alpha1.Reason(w.stale), "the newest counts are old"
	}
	r := o.Release
	if !w.pastUnknown {
		e.Baseline = &v1alpha1.Baseline{RequestsPerSecond: fmt.Sprint(w.rate)}
		if w.phi != "" {
			e.Baseline.History = "24h"
			e.Baseline.Objectives = []v1alpha1.BaselineObjective{{Name: o.Release.Plan.Objectives[0].Name, Phi: w.phi}}
		}
	}
	if r.Step == 0 {
		return e
	}
	if e.Fresh {
		e.Rate = w.rate
	}
	e.ClientErrors = w.clientErrors
	e.Verdict = w.verdict(r)
	want := r.Weight.Millionths()
	live := o.Routes.Lowest == want && o.Routes.Highest == want && r.StepStartedAt != nil && w.store.Now.Sub(r.StepStartedAt.Time) >= w.bounds.Push
	if e.Fresh && e.Seen && w.counts != "none" && live {
		e.Agreement, e.Share = release.AgreementYes, want
	}
	if w.drift != 0 && live {
		e.Agreement, e.Share = release.AgreementNo, w.drift
	}
	return e
}

// direct is what the scripted proxies say of a release.
func (w *world) direct(o release.Observation) release.Direct {
	d := release.Direct{Told: w.told, Read: w.proxies != "" && w.proxies != "unread"}
	seconds := &release.Seconds{Objective: "availability", Of: 1, Arms: evidence.Arms{
		Stable: evidence.Counts{Requests: 50}, Canary: evidence.Counts{Requests: 48, Bad: 24},
	}}
	switch {
	case w.proxies == "unread":
		d.Trouble = "aborts take up to 45s: proxies of web cannot be read: connection refused"
	case !o.Running() || o.Release.Step == 0:
	case w.proxies == "brake":
		d.Brake, d.Alarm = seconds, true
	case w.proxies == "alarm":
		d.Alarm = true
	case w.proxies == "fail":
		d.Breach, d.Alarm = seconds, true
		d.Breach.Canary.Bad, d.Breach.Of = d.Breach.Canary.Requests, 5
	case w.proxies == "show the weight" && o.Routes.Lowest == o.Release.Weight.Millionths() && w.store.Now.After(o.Release.StepStartedAt.Time):
		d.Agreement = release.AgreementYes
	}
	return d
}

// verdict is what the scripted counts say of the present step.
func (w *world) verdict(r *v1alpha1.Release) evidence.Verdict {
	v := evidence.Verdict{State: evidence.Undetermined, Reason: evidence.NotCleared, Covered: w.memory.covered, Missing: 100}
	alone := r.Weight.Millionths() == v1alpha1.Whole
	switch {
	case w.counts == "bad" && w.memory.covered >= 2*tick:
		v.State, v.Reason, v.Against, v.Suspicious = evidence.Breach, evidence.CanaryWorseThanStable, 250, true
		v.Objectives = []evidence.ObjectiveVerdict{{Name: "availability", State: evidence.Breach, Against: 250,
			Release: evidence.Arms{Stable: evidence.Counts{Requests: 9000, Bad: 9}, Canary: evidence.Counts{Requests: 100, Bad: 30}}}}
	case w.counts == "bad", w.counts == "suspicious":
		v.Reason, v.Suspicious, v.Against = evidence.Suspicious, true, 20
		v.Objectives = []evidence.ObjectiveVerdict{{Name: "availability", State: evidence.Undetermined, Against: 20}}
	case w.counts == "alone" && alone && w.memory.covered >= 2*tick:
		v.Reason, v.AloneBreach, v.Suspicious = evidence.NoConcurrentControl, true, true
	case w.counts == "shared":
		v.Reason, v.Shared = evidence.SharedBreach, true
	case w.counts == "none":
		v.Reason = evidence.NoTraffic
	case w.counts != "unproven" && w.memory.covered >= proofTime:
		v.State, v.Reason, v.Cleared, v.Missing = evidence.Healthy, evidence.Cleared, true, 0
		q := release.Ask(r)
		v.NextWeight = q.NextWeight
		if q.Pace != nil {
			v.NextWeight = min(q.NextWeight, 5*q.Pace.Weight)
		}
	}
	return v
}

// stepKey tells one stay at a weight from the next.
func stepKey(r *v1alpha1.Release) string {
	if r == nil {
		return ""
	}
	return fmt.Sprint(r.Number, r.Moves, r.Excused.Turns())
}

// advance lets time pass: the counts go on, pods start and end.
func (w *world) advance(by time.Duration) {
	w.store.Now = w.store.Now.Add(by)
	r := w.record()
	w.count()
	if r != nil && !r.State.Ended() && r.Outcome == nil && w.stale == "" {
		w.memory.seen = true
		if r.Step > 0 && r.SettledAt != nil && w.counts != "none" {
			w.memory.covered += by
		}
	}
	w.controllers.Run(w.store)
}

// count counts the requests up to now. Those of more than an hour ago, which nobody has asked about, are gone.
func (w *world) count() {
	if r := w.record(); r == nil || len(r.Weights) == 0 {
		w.counted.Gaps, w.counted.Until = nil, ptr.To(metav1.NewMicroTime(w.store.Now))
	}
	if w.stale != "" {
		return
	}
	if kept := w.store.Now.Add(-time.Hour); kept.After(w.counted.Until.Time) {
		w.counted.Miss(w.counted.Until.Time, kept)
	}
	w.counted.Until, w.known = ptr.To(metav1.NewMicroTime(w.store.Now)), w.met
}

// metFacts are what the record says of the requests that met the canary, where a scenario is about them.
func (w *world) metFacts(r *v1alpha1.Release) string {
	if past := w.shift().Status.History; len(past) > 0 && past[0].Number != r.Number {
		return fmt.Sprintf("release %d ", past[0].Number) + w.metOf(past[0].Exposed, past[0].Failed, past[0].Counted, past[0].Counted.Final)
	}
	return w.metOf(r.Exposed, r.Failed, r.Counted, r.Outcome == nil || r.Settled())
}

func (w *world) metOf(requests, failed int64, c v1alpha1.Counted, known bool) string {
	out := fmt.Sprintf("met %d, %d failed", requests, failed)
	if !known {
		out += ", more is counted"
	}
	for _, g := range c.Gaps {
		out += fmt.Sprintf(", not counted from %s to %s", w.sinceBegin(g.From.Time), w.sinceBegin(g.To.Time))
	}
	return out
}
