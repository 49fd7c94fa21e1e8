package release

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// timesExcused is how often one pod of a canary may be excused before the release is aborted like any other.
const timesExcused = 5

// Suspected returns the index of the objective whose bad requests are asked about pod by pod: that of an abort, while it is not known that one pod is to
// blame; of a running release the one that most speaks against, once it is suspicious or bad requests alarm, and while a pod is excused.
func Suspected(r *v1alpha1.Release, v evidence.Verdict) (objective int, ok bool) {
	switch {
	case !r.Running():
		return 0, false
	case r.Outcome != nil:
		return suspectedOfAbort(r)
	case r.Excused.Open():
		objective = indexOf(r, r.Excused.Objective)
		return objective, objective >= 0
	}
	most := -1.0
	for _, o := range v.Objectives {
		if at := indexOf(r, o.Name); at >= 0 && o.Against > most && (v.Suspicious || o.Alarm) {
			objective, most = at, o.Against
		}
	}
	return objective, most >= 0
}

func suspectedOfAbort(r *v1alpha1.Release) (objective int, ok bool) {
	if reason := r.Outcome.Reason; reason != v1alpha1.ReasonCanaryWorseThanStable && reason != v1alpha1.ReasonCanaryBreachesSLO {
		return 0, false
	}
	most := -1.0
	for _, o := range r.Objectives {
		against, err := strconv.ParseFloat(o.Against, 64)
		if at := indexOf(r, o.Name); err == nil && at >= 0 && against > most {
			objective, most = at, against
		}
	}
	return objective, most >= 0
}

// indexOf is where an objective is in the plan; -1: nowhere.
func indexOf(r *v1alpha1.Release, objective string) int {
	return slices.IndexFunc(r.Plan.Objectives, func(p v1alpha1.Objective) bool { return p.Name == objective })
}

// byPod is what the canary's pods report, with the nodes that they run on.
func (o Observation) byPod() evidence.ByPod {
	p := o.Evidence.Pods
	p.Pods = slices.Clone(p.Pods)
	for i := range p.Pods {
		p.Pods[i].Node = cmp.Or(o.Workload.Nodes[p.Pods[i].Pod], p.Pods[i].Node)
	}
	return p
}

// outlier is the pod or node without which the canary is as good as the stable.
func (o Observation) outlier() (evidence.Outlier, bool) {
	if !o.Evidence.Pods.Known {
		return evidence.Outlier{}, false
	}
	return evidence.ConfigOf(o.Release.Plan, o.Release.Baseline).Outlier(o.byPod())
}

// excuseIsOver says why no pod is excused any more; empty while one is. Where nobody can tell the pods apart any more, the counts alone judge.
func (o Observation) excuseIsOver() string {
	switch p := o.Evidence.Pods; {
	case !p.Known:
		return ""
	case len(p.Pods) == 0:
		return "nobody can tell any more what each pod of the canary answers"
	case evidence.ConfigOf(o.Release.Plan, o.Release.Baseline).Sound(o.byPod()):
		return fmt.Sprintf("all pods of the canary have been as good as the stable for %s", evidence.PodSpan)
	}
	return ""
}

// excused says whether a breach is not the version's: one pod alone is to blame, or was a while ago, and the others do well. While a pod is excused
// and nobody can be asked, it stays so.
func (o Observation) excused() bool {
	p, e := o.Evidence.Pods, o.Release.Excused
	switch {
	case !e.Open():
		_, one := o.outlier()
		return one && (e == nil || e.Times < timesExcused)
	case !p.Known || !o.Evidence.Fresh:
		return true
	}
	return len(p.Pods) > 0 && !evidence.ConfigOf(o.Release.Plan, o.Release.Baseline).Blamed(o.byPod())
}

// whenOnePodBreaches excuses one pod, or those on one node, for a breach. The evidence begins anew: what speaks against the version from now on is
// looked at in the same way.
func whenOnePodBreaches(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Evidence.Verdict.State != evidence.Breach || o.Release.Excused.Open() {
		return Decision{}, false
	}
	one, found := o.outlier()
	if !found {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	e := v1alpha1.Excused{Objective: r.Plan.Objectives[o.Evidence.Pods.Objective].Name, Pod: one.Pod, Node: one.Node, Since: *stamp(now), Times: 1}
	if r.Excused != nil {
		e.Times += r.Excused.Times
	}
	r.Excused = &e
	return Decision{Release: r, Refused: o.Refused, Actions: []Action{{Verb: Save}}, Reason: v1alpha1.ReasonPodOutlier, Message: told(one) + remedy(one), After: time.Second}, true
}

// whenExcused raises nothing while one pod fails and the version is not to blame, and for as long as its failures are among the counts.
func whenExcused(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || !o.Release.Excused.Open() {
		return Decision{}, false
	}
	one, found := o.outlier()
	if over := o.excuseIsOver(); over != "" && !found {
		r := o.Release.DeepCopy()
		endExcuse(r, now)
		return Decision{Release: r, Refused: o.Refused, Actions: []Action{{Verb: Save}}, Reason: v1alpha1.ReasonHolding, Message: over + "; the hold begins anew",
			After: time.Second}, true
	}
	e := o.Release.Excused
	d := wait(o, v1alpha1.ReasonPodOutlier, fmt.Sprintf("%s made the canary's counts bad, not the version: nothing is raised until all pods have been as good as the stable for %s",
		named(e.Pod, e.Node), evidence.PodSpan))
	if found {
		d.Message = told(one) + remedy(one)
	}
	limit := o.Release.Plan.Undetermined
	if limit.Action == v1alpha1.ActionAbort && o.Evidence.Fresh && now.Sub(e.Since.Time) >= limit.After.Duration() {
		return abort(o, v1alpha1.ReasonUndetermined, v1alpha1.RefuseNothing, d.Message)
	}
	return withoutSharedBreach(o, d), true
}

// endExcuse notes that no pod is excused any more.
func endExcuse(r *v1alpha1.Release, now time.Time) {
	if r.Excused.Open() {
		r.Excused.Until = stamp(now)
	}
}

// named names a pod, or all pods on a node.
func named(pod, node string) string {
	if pod == "" {
		return "the pods on node " + node
	}
	return "pod " + pod
}

// told says what one pod, or those on a node, did.
func told(x evidence.Outlier) string {
	who, without := named(x.Pod, x.Node), "it"
	fails := "fails"
	if x.Pods > 1 {
		who, without, fails = fmt.Sprintf("%d of %d pods, those on node %s,", x.Pods, x.Of, x.Node), "them", "fail"
	} else if x.Pod != "" {
		who = fmt.Sprintf("one of %d pods, %s,", x.Of, x.Pod)
	}
	return fmt.Sprintf("%s %s %.0f of %.0f requests; without %s the canary is as good as the stable", who, fails, x.Counts.Bad, x.Counts.Requests, without)
}

// remedy says what to do about it.
func remedy(x evidence.Outlier) string {
	switch {
	case x.Pods > 1:
		return "; look at the node, or delete the pods"
	case x.Node != "":
		return "; delete the pod, or look at node " + x.Node
	}
	return "; delete the pod, or look at its node"
}

// blamePod makes one pod, or node, the reason of an abort when the others did no worse than the stable. Nothing else changes by it: the traffic is
// gone from all of them, and the template waits for a retry.
func blamePod(r *v1alpha1.Release, o Observation) {
	if _, ok := Suspected(r, evidence.Verdict{}); !ok {
		return
	}
	one, ok := o.outlier()
	if !ok {
		return
	}
	r.Outcome.Reason, r.Outcome.Pod = v1alpha1.ReasonPodOutlier, one.Pod
	r.Outcome.Message = truncate(fmt.Sprintf("%s; %s: look at the node before the version, then retry", r.Outcome.Message, told(one)), mostMessage)
}
