package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Times of the modelled cluster.
const (
	tick      = 5 * time.Second
	startup   = 10 * time.Second
	crashes   = 15 * time.Second
	ending    = 5 * time.Second
	proofTime = 30 * time.Second
)

// epoch is when every scenario begins.
var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster as facts: what people want, what the API server holds, what the counts say, and what the operator's process
// has in memory. Templates are their hashes.
type world struct {
	now    time.Time
	bounds Bounds

	managed, paused, forgotten bool
	policy                     *v1alpha1.ShiftPolicySpec
	problem                    *Problem
	command, by                string

	arms    *arms // nil: the workload is ours
	dep     deployment
	sets    []*podSet
	ending  map[string]time.Time // until when pods of a hash that are being collected are there
	broken  map[string]string    // by hash: crash, unready, quota
	service struct {
		exists, marked bool
		narrowed       string
	}
	canary struct {
		exists, aborted bool
		selects         string
		number          int64
	}
	rule, copied bool
	routes       []*route
	foreign      *Foreign

	counts, stale string
	ofPods        []evidence.PodCounts // what the pods of a canary that is taken back report
	rate          float64              // requests per second
	drift         int64                // the measured share, when it is not the wanted one; 0: it is
	pastUnknown   bool
	memory        memory
	status        status

	failed bool         // a write of the last pass was refused
	faults map[Verb]int // how many writes of a verb are going to be refused
	death  death
	onGive func(*world) // what happens in the instant of the handover
	watch  *watch
	out    transcript
}

type deployment struct {
	exists, held, paused, pausedBefore bool
	replicas                           int32
	template                           string
	mode                               HoldMode
}

// podSet is a ReplicaSet; owner is "deployment", "release" or "" when nobody has it any more.
type podSet struct {
	name, hash, owner string
	template          string // hash of the template without the pods' own hash
	replicas, sick    int32
	pods              []time.Time // since when each exists
	desired           int32       // the Deployment's replicas as its controller noted them: what makes it saturated
}

type route struct {
	name            string
	share           int64
	marked, aborted bool
	made            bool
}

// memory is what dies with the process.
type memory struct {
	seen    bool
	covered time.Duration
	step    string
}

// status is what the TrafficShift's status holds.
type status struct {
	release *v1alpha1.Release
	refused string
	handled string
	covered time.Duration
	step    string
}

// death says after which write the operator is killed.
type death struct {
	verb   Verb
	writes int // counts down; 0 is never
	made   int // all writes that were made
}

func newWorld() *world {
	w := &world{
		now: epoch, bounds: Bounds{Push: 10 * time.Second, Settle: time.Minute, Between: 30 * time.Second}, rate: 100, managed: true, policy: plan("1%/1m", "25%/1m", "100%/1m"),
		dep:    deployment{exists: true, replicas: 4, template: "v1", mode: HoldOnChange},
		ending: map[string]time.Time{}, broken: map[string]string{}, faults: map[Verb]int{}, counts: "good", watch: &watch{},
		routes: []*route{{name: "shop/web"}},
	}
	w.service.exists = true
	w.sets = []*podSet{{name: "web-v1", hash: "v1", template: "v1", owner: "deployment", replicas: 4, desired: 4}}
	w.kubelet()
	w.now = w.now.Add(startup)
	w.watch.begin(w)
	return w
}

// plan is a policy of steps, each as "weight/hold".
func plan(steps ...string) *v1alpha1.ShiftPolicySpec {
	p := &v1alpha1.ShiftPolicySpec{
		Objectives:   []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}},
		Undetermined: v1alpha1.Deadline{After: "30m", Action: v1alpha1.ActionHold},
		SharedBreach: v1alpha1.Deadline{After: "10m", Action: v1alpha1.ActionHold},
		Workload:     v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}
	for _, s := range steps {
		weight, hold, _ := strings.Cut(s, "/")
		p.Steps = append(p.Steps, v1alpha1.Step{Weight: v1alpha1.Percentage(weight), Hold: v1alpha1.Duration(hold)})
	}
	return p
}

// set is the first ReplicaSet of a hash and an owner; nil when there is none.
func (w *world) set(hash, owner string) *podSet {
	for _, s := range w.sets {
		if s.hash == hash && s.owner == owner {
			return s
		}
	}
	return nil
}

func (w *world) remove(gone *podSet) {
	if gone == nil {
		return
	}
	w.sets = slices.DeleteFunc(w.sets, func(s *podSet) bool { return s == gone })
	if len(gone.pods) > 0 {
		w.ending[gone.hash] = w.now.Add(ending)
	}
}

// available counts the pods that serve.
func (w *world) available(s *podSet) int32 {
	n := -s.sick
	for _, born := range s.pods {
		if w.now.Sub(born) >= startup && w.broken[s.hash] != "unready" && w.broken[s.hash] != "crash" {
			n++
		}
	}
	return max(0, n)
}

// serving counts the pods of a hash that can be endpoints.
func (w *world) serving(hash string) int32 {
	var n int32
	for _, s := range w.sets {
		if s.hash == hash {
			n += int32(len(s.pods))
		}
	}
	if w.now.Before(w.ending[hash]) {
		n++
	}
	return n
}

// controllers lets garbage collector, Deployment controller and kubelet do what they do at once.
func (w *world) controllers() {
	for _, s := range slices.Clone(w.sets) {
		if s.owner == "release" && !w.canary.exists || s.owner == "deployment" && !w.dep.exists {
			w.remove(s)
		}
	}
	w.kubelet()
	if w.dep.exists {
		if w.dep.paused {
			w.whilePaused()
		} else {
			w.rollOut()
		}
	}
	w.kubelet()
}

func (w *world) owned() []*podSet {
	return slices.DeleteFunc(slices.Clone(w.sets), func(s *podSet) bool { return s.owner != "deployment" })
}

// whilePaused is the Deployment controller with spec.paused: it scales and starts nothing.
func (w *world) whilePaused() {
	var active []*podSet
	current := (*podSet)(nil)
	for _, s := range w.owned() {
		if s.replicas > 0 {
			active = append(active, s)
		}
		if s.template == w.dep.template && current == nil {
			current = s
		}
	}
	saturated := current != nil && current.replicas == w.dep.replicas && current.desired == w.dep.replicas && w.available(current) == w.dep.replicas
	switch {
	case w.dep.replicas == 0 || saturated:
		for _, s := range active {
			if s != current || w.dep.replicas == 0 {
				s.replicas = 0
			}
		}
	case len(active) == 1:
		active[0].replicas, active[0].desired = w.dep.replicas, w.dep.replicas
	case len(active) == 0 && len(w.owned()) > 0:
		latest := cmp.Or(current, w.owned()[len(w.owned())-1])
		latest.replicas, latest.desired = w.dep.replicas, w.dep.replicas
	}
}

// rollOut is the Deployment controller without spec.paused: a native rollout.
func (w *world) rollOut() {
	var current *podSet
	for _, s := range w.owned() {
		if s.template == w.dep.template && current == nil {
			current = s
		}
	}
	if current == nil {
		hash := w.dep.template + "-native"
		current = &podSet{name: "web-" + hash, hash: hash, template: w.dep.template, owner: "deployment"}
		w.sets = append(w.sets, current)
	}
	if current.replicas < w.dep.replicas || w.dep.replicas == 0 {
		w.watch.native(w, current)
	}
	current.replicas, current.desired = w.dep.replicas, w.dep.replicas
	if w.available(current) < w.dep.replicas {
		return
	}
	for _, s := range w.owned() {
		if s != current {
			s.replicas = 0
		}
	}
}

// kubelet makes and ends pods.
func (w *world) kubelet() {
	for _, s := range w.sets {
		for int32(len(s.pods)) < s.replicas && w.broken[s.hash] != "quota" {
			s.pods = append(s.pods, w.now)
		}
		s.pods = s.pods[:min(len(s.pods), int(s.replicas))]
	}
}

// facts is one line that says how things stand.
func (w *world) facts() string {
	var parts []string
	if r := w.status.release; r != nil {
		parts = append(parts, fmt.Sprintf("release %d %s step %d %s", r.Number, r.State, r.Step, r.Weight))
	} else {
		parts = append(parts, "no release")
	}
	for _, r := range w.routes {
		parts = append(parts, "route "+string(v1alpha1.PercentageOf(r.share))+strings.Repeat(" ours", btoi(r.made))+
			strings.Repeat(" marked", btoi(r.marked))+strings.Repeat(" aborted", btoi(r.aborted)))
	}
	if w.service.narrowed != "" || w.service.marked {
		parts = append(parts, "service → "+w.service.narrowed)
	}
	if w.canary.exists {
		parts = append(parts, "canary service → "+w.canary.selects+strings.Repeat(" aborted", btoi(w.canary.aborted)))
	}
	for _, s := range w.sets {
		if s.replicas > 0 || len(s.pods) > 0 || s.owner == "release" {
			parts = append(parts, fmt.Sprintf("%s %d/%d%s", s.hash, w.available(s), s.replicas, strings.Repeat(" ours", btoi(s.owner == "release"))))
		}
	}
	if w.arms != nil {
		parts = append(parts, w.arms.facts())
	}
	if w.dep.exists {
		parts = append(parts, "deployment "+w.dep.template+strings.Repeat(" held", btoi(w.dep.held))+strings.Repeat(" paused", btoi(w.dep.paused)))
	}
	if w.status.refused != "" {
		parts = append(parts, "refused "+w.status.refused)
	}
	if w.forgotten {
		parts = append(parts, "forgotten")
	}
	return strings.Join(parts, " | ")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
