package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// observe is what a pass would know of the world.
func (w *world) observe() Observation {
	o := Observation{Release: w.status.release, Refused: w.status.refused, Bounds: w.bounds}
	o.Wanted = Wanted{Managed: w.managed, Paused: w.paused, Policy: "standard", Problem: w.problem}
	if c := w.command; c != "" {
		if parsed := ParseCommand(c, w.by); parsed.Token != w.status.handled {
			o.Wanted.Command = parsed
		}
	}
	o.Service = Service{Exists: w.service.exists, Narrowed: w.service.narrowed, Marked: w.service.marked}
	o.Canary = Canary{Service: "web-canary", Exists: w.canary.exists, Selects: w.canary.selects, Aborted: w.canary.aborted,
		Number: w.canary.number, RuleWanted: w.rule, RuleExists: w.copied}
	if w.arms != nil {
		w.arms.observe(&o)
	} else {
		w.observeWorkload(&o)
	}
	w.observeRoutes(&o)
	o.Wanted.Plan = w.policy
	if w.policy == nil && !o.running() && o.Wanted.Problem == nil {
		o.Wanted.Problem = &Problem{Reason: v1alpha1.ReasonPolicyNotFound, Message: "no ShiftPolicy is named standard"}
	}
	w.observeEvidence(&o)
	return o
}

func (w *world) refuse(o *Observation, p Problem) {
	if o.Wanted.Problem == nil {
		o.Wanted.Problem = &p
	}
}

func (w *world) observeWorkload(o *Observation) {
	known := w.dep.exists // without its Service too: somebody has to let it go
	switch {
	case !w.service.exists:
		w.refuse(o, Problem{Reason: v1alpha1.ReasonServiceNotFound, Message: "Service web does not exist", Gone: true})
	case !w.dep.exists:
		w.refuse(o, Problem{Reason: v1alpha1.ReasonWorkloadUnsupported, Message: "no Deployment is behind Service web", Gone: true})
	}
	d, r := w.dep, o.Release
	if known {
		o.Workload = Workload{Deployment: "web", Replicas: d.replicas, Template: d.template, Images: []string{"web:" + d.template},
			Held: d.held, Paused: d.paused, PausedBefore: d.pausedBefore, Mode: d.mode}
	}
	stable := w.alone(o, known)
	var canary *podSet
	twin := ""
	if o.running() {
		stable = nil
	}
	for _, s := range w.sets {
		owned := s.owner == "deployment"
		switch {
		case s.owner == "release":
			canary = s
		case o.running() && owned && known && s.hash == r.Revision && mayBeHandedOver(r) && d.replicas > 0 && s.replicas > 0:
			canary, o.Workload.HandedOver = s, true
		case o.running() && owned && s.hash == r.Stable:
			stable = s
		case o.running() && owned && s.hash == r.Revision:
			o.Workload.Twin = s.name
		case o.running() && owned && s.replicas > 0:
			o.Workload.Rogue = s.name
		case owned && s.replicas == 0 && s.template == d.template:
			twin = s.name
		}
	}
	o.Workload.Stable, o.Workload.Canary = w.observeSet(stable), w.observeSet(canary)
	if o.running() {
		o.Workload.Canary.Pods, o.Workload.Stable.Pods = w.serving(r.Revision), w.serving(r.Stable)
	}
	switch {
	case known && o.running() && !o.Workload.HandedOver:
		o.Workload.Waits = stable == nil || d.template != stable.template
	case known:
		o.Workload.Waits = stable != nil && d.template != stable.template
	}
	if canary == nil && o.Workload.Waits && o.Workload.Twin == "" {
		o.Workload.Twin = twin
	}
	w.observeHealth(o, canary)
}

// mayBeHandedOver says whether the record allows that the Deployment has the release's ReplicaSet.
func mayBeHandedOver(r *v1alpha1.Release) bool {
	return r.State == v1alpha1.StateHandover || r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted
}

// alone is the one ReplicaSet of the Deployment with pods.
func (w *world) alone(o *Observation, known bool) *podSet {
	var active []*podSet
	for _, s := range w.owned() {
		if s.replicas > 0 {
			active = append(active, s)
		}
	}
	switch {
	case len(active) == 1:
		return active[0]
	case len(active) > 1 && known && !o.running():
		w.refuse(o, Problem{Reason: v1alpha1.ReasonWorkloadUnsupported, Message: "Deployment web is rolling out", Transient: true})
	}
	return nil
}

func (w *world) observeSet(s *podSet) Set {
	if s == nil {
		return Set{}
	}
	return Set{Name: s.name, Hash: s.hash, Replicas: s.replicas, Available: w.available(s), Pods: w.serving(s.hash)}
}

func (w *world) observeHealth(o *Observation, canary *podSet) {
	if canary == nil {
		return
	}
	switch w.broken[canary.hash] {
	case "crash":
		if len(canary.pods) > 0 && w.now.Sub(canary.pods[0]) >= crashes {
			o.Workload.Crashing = "container app of pod " + canary.name + "-1 is in CrashLoopBackOff"
		}
	case "quota":
		o.Workload.Obstacle = "exceeded quota: pods"
	}
}

func (w *world) observeRoutes(o *Observation) {
	users := 0
	for i, r := range w.routes {
		o.Routes.Names = append(o.Routes.Names, r.name)
		if i == 0 || r.share < o.Routes.Lowest {
			o.Routes.Lowest = r.share
		}
		o.Routes.Highest = max(o.Routes.Highest, r.share)
		o.Routes.Marked = o.Routes.Marked || r.marked
		o.Routes.AbortOpen = o.Routes.AbortOpen || r.marked && !r.aborted && o.running()
		o.Routes.OneMade = o.Routes.OneMade || r.made
		users += btoi(!r.made)
	}
	o.Routes.MakeOne = users == 0 && !o.Routes.OneMade
	if o.running() {
		o.Routes.Foreign = w.foreign
	}
}

func (w *world) observeEvidence(o *Observation) {
	e := &o.Evidence
	e.Share = -1
	if key := stepKey(o.Release); key != w.memory.step {
		w.memory.step, w.memory.covered = key, 0
	}
	if _, suspected := Suspected(o.Release); suspected {
		e.Pods = w.ofPods
	}
	if !o.running() || o.Release.Outcome != nil {
		return
	}
	e.Fresh, e.Reason, e.Message, e.Seen = w.stale == "", v1alpha1.ReasonCurrent, "counted up to now", w.memory.seen
	if !e.Fresh {
		e.Reason, e.Message = v1alpha1.Reason(w.stale), "the newest counts are old"
	}
	r := o.Release
	if !w.pastUnknown {
		e.Baseline = &v1alpha1.Baseline{RequestsPerSecond: fmt.Sprint(w.rate)}
	}
	if r.Step == 0 {
		return
	}
	if e.Fresh {
		e.Rate = w.rate
	}
	e.Verdict = w.verdict(r)
	want := r.Weight.Millionths()
	live := o.Routes.Lowest == want && o.Routes.Highest == want && r.StepStartedAt != nil && w.now.Sub(r.StepStartedAt.Time) >= w.bounds.Push
	if e.Fresh && e.Seen && w.counts != "none" && live {
		e.Agreement, e.Share = AgreementYes, want
	}
	if w.drift != 0 && live {
		e.Agreement, e.Share = AgreementNo, w.drift
	}
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
	case w.counts == "alone" && alone && w.memory.covered >= 2*tick:
		v.Reason, v.AloneBreach, v.Suspicious = evidence.NoConcurrentControl, true, true
	case w.counts == "shared":
		v.Reason, v.Shared = evidence.SharedBreach, true
	case w.counts == "none":
		v.Reason = evidence.NoTraffic
	case w.counts != "unproven" && w.memory.covered >= proofTime:
		v.State, v.Reason, v.Cleared, v.Missing = evidence.Healthy, evidence.Cleared, true, 0
		q := Ask(r)
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
	return fmt.Sprint(r.Number, r.Moves)
}

// advance lets time pass: the counts go on, pods start and end.
func (w *world) advance(by time.Duration) {
	w.now = w.now.Add(by)
	r := w.status.release
	running := r != nil && !r.State.Ended() && r.Outcome == nil
	if running && w.stale == "" {
		w.memory.seen = true
		if r.Step > 0 && r.SettledAt != nil && w.counts != "none" {
			w.memory.covered += by
		}
	}
	for hash, until := range w.ending {
		if !w.now.Before(until) {
			delete(w.ending, hash)
		}
	}
	w.controllers()
}
