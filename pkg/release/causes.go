package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// whenBreach takes the release back, unless one pod of the canary is known to be all that is wrong with it.
func whenBreach(o Observation, _ time.Time) (Decision, bool) {
	v := o.Evidence.Verdict
	if !o.running() || v.State != evidence.Breach || o.excused() {
		return Decision{}, false
	}
	return abort(o, v1alpha1.Reason(v.Reason), v1alpha1.RefuseTemplate, blame(v))
}

// blame tells the numbers of a breach: the objective that says most against the canary.
func blame(v evidence.Verdict) string {
	worst := evidence.ObjectiveVerdict{}
	for _, o := range v.Objectives {
		if o.Against >= worst.Against {
			worst = o
		}
	}
	s, c := worst.Release.Stable, worst.Release.Canary
	return fmt.Sprintf("%s: %.0f of %.0f requests to the canary were bad, %.0f of %.0f to the stable; evidence %.0f, the limit is 100",
		worst.Name, c.Bad, c.Requests, s.Bad, s.Requests, v.Against)
}

func whenCanaryFailing(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Workload.Crashing == "" {
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonCanaryCrashing, v1alpha1.RefuseTemplate, o.Workload.Crashing)
}

// whenGone ends a release that has nothing left to go back or on to.
func whenGone(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	w, p := o.Workload, o.Wanted.Problem
	var message string
	switch {
	case p != nil && p.Gone:
		message = p.Message
	case w.Deployment != "" && !w.Stable.There():
		message = "the stable ReplicaSet was deleted"
	case w.Deployment != "" && w.Replicas == 0:
		message = "Deployment " + w.Deployment + " was scaled to 0"
	default:
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonWorkloadGone, v1alpha1.RefuseNothing, message)
}

func whenTemplateIsStableAgain(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Workload.Deployment == "" && !o.External || o.Workload.Waits || o.Workload.Template == o.canary() {
		return Decision{}, false
	}
	message := "the Deployment's template is the stable one again"
	if o.External {
		message = "revision " + o.Workload.Template + " is wanted again"
	}
	return abort(o, v1alpha1.ReasonReverted, v1alpha1.RefuseNothing, message)
}

func whenNewerTemplate(o Observation, _ time.Time) (Decision, bool) {
	switch {
	case !o.running():
		return Decision{}, false
	case o.Workload.Rogue != "":
		return abort(o, v1alpha1.ReasonSuperseded, v1alpha1.RefuseNothing,
			"Deployment "+o.Workload.Deployment+" was unpaused and began to roll out by itself: ReplicaSet "+o.Workload.Rogue)
	case o.Workload.Template != "" && o.Workload.Template != o.canary():
		what := "a newer template"
		if o.External {
			what = "revision " + o.Workload.Template
		}
		return abort(o, v1alpha1.ReasonSuperseded, v1alpha1.RefuseNothing, what+" arrived; it is released next")
	}
	return Decision{}, false
}
