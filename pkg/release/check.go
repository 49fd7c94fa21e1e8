package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// mostJobs is how many Jobs a check gets: one, and one in the place of one that somebody deleted.
const mostJobs = 2

// Check is what is there of a check of the plan. The zero value says that nothing is, least of all a success.
type Check struct {
	// CronJob is the name of the CronJob that says what to do, There whether it is there.
	CronJob string
	There   bool
	// Problem says in a sentence why it cannot be run as it is; empty where it can.
	Problem string
	// Job is the name of its Job in the release, UID that Job's; empty where it is not there. Other says that it was made for another version.
	Job, UID string
	Other    bool
	// State says how the Job stands, Message what it says of a failure, and Ended when it ended.
	State   v1alpha1.CheckState
	Message string
	Ended   time.Time
	// Limit is how long the Job may run, by itself.
	Limit time.Duration
}

// Preview is the Service by which checks and people meet a canary before users do. What is sent there counts for nothing.
type Preview struct {
	// Exists: it is there and ours. Selects is the pod-template-hash that it selects.
	Exists  bool
	Selects string
}

// stage is a step of the plan, and its number from 1.
type stage struct {
	number int32
	v1alpha1.Step
}

// entering are the steps that the next move enters, whose checks and gates come before it; none while it stays on the way to one.
func (o Observation) entering() []stage {
	next, ok := o.next()
	if !ok {
		return nil
	}
	return o.upTo(next.step)
}

// upTo are the steps of the plan beyond the present one, up to one.
func (o Observation) upTo(step int32) []stage {
	var all []stage
	for i := o.Release.Step; i < step; i++ {
		all = append(all, stage{i + 1, o.Release.Plan.Steps[i]})
	}
	return all
}

// whenCheckNotPassed runs the checks of the steps that are entered next, one after the other, and takes a version back that fails one.
func whenCheckNotPassed(o Observation, now time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	for _, step := range o.entering() {
		for _, name := range step.Checks {
			if c := o.Release.Check(name); c != nil && c.State == v1alpha1.CheckSucceeded {
				continue
			}
			return o.check(name, step.number, now), true
		}
	}
	return Decision{}, false
}

// check goes on with a check that has not succeeded yet.
func (o Observation) check(name v1alpha1.CheckName, step int32, now time.Time) Decision {
	is, was := o.Checks[name], o.Release.Check(name)
	switch {
	case is.UID != "" && is.Other:
		d := wait(o, v1alpha1.ReasonChecking, fmt.Sprintf("Job %s is of another version: it goes before check %s is run", is.Job, name))
		d.Actions, d.After = []Action{{Verb: StopChecks}}, time.Second
		return withoutSharedBreach(o, d)
	case is.UID != "":
		return o.watch(name, step, now)
	case !is.There:
		return withoutSharedBreach(o, wait(o, v1alpha1.ReasonCheckGone, fmt.Sprintf("CronJob %s is gone, which says what check %s is: apply it again", is.CronJob, name)))
	case is.Problem != "":
		return withoutSharedBreach(o, wait(o, v1alpha1.ReasonCheckGone, is.Problem))
	case was != nil && was.Jobs >= mostJobs:
		return withoutSharedBreach(o, wait(o, v1alpha1.ReasonCheckGone, fmt.Sprintf("Job %s of check %s was deleted %d times before it had ended: "+
			"find out who deletes it, abort the release and retry it", was.Job, name, was.Jobs)))
	}
	d := wait(o, v1alpha1.ReasonChecking, fmt.Sprintf("check %s begins: Job %s", name, is.Job))
	if o.Preview.Selects != o.canary() {
		d.Actions = []Action{{Verb: MakePreview}}
	}
	d.Actions = append(d.Actions, Action{Verb: RunCheck, Check: name})
	d.After = time.Second
	return withoutSharedBreach(o, d)
}

// watch takes into the record how the Job of a check stands.
func (o Observation) watch(name v1alpha1.CheckName, step int32, now time.Time) Decision {
	is, r := o.Checks[name], o.Release.DeepCopy()
	c := r.Check(name)
	if c == nil {
		r.Checks = append(r.Checks, v1alpha1.CheckStatus{Name: name, Step: step})
		c = &r.Checks[len(r.Checks)-1]
	}
	if c.JobUID != is.UID {
		c.State, c.Job, c.JobUID, c.StartedAt = v1alpha1.CheckRunning, is.Job, is.UID, stamp(now)
		c.Jobs++
	}
	r.SharedBreachSince = nil
	switch is.State {
	case v1alpha1.CheckSucceeded:
		c.State, c.FinishedAt = is.State, stamp(is.Ended)
		return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonChecking, Message: fmt.Sprintf("check %s has succeeded", name), After: time.Millisecond}
	case v1alpha1.CheckFailed:
		c.State, c.FinishedAt, c.Message = is.State, stamp(is.Ended), truncate(is.Message, mostWhy)
		o.Release = r
		d, _ := abort(o, v1alpha1.ReasonCheckFailed, v1alpha1.RefuseTemplate, fmt.Sprintf("check %s failed: %s; see: kubectl logs job/%s", name, is.Message, is.Job))
		return d
	}
	left := c.StartedAt.Add(is.Limit + r.Plan.Workload.ReadyWithin.Duration()).Sub(now)
	if left <= 0 { // whoever runs Jobs does not, or it was suspended: that is no fault of the version
		c.State, c.FinishedAt, c.Message = v1alpha1.CheckFailed, stamp(now), "it has not ended in time"
		o.Release = r
		d, _ := abort(o, v1alpha1.ReasonCheckFailed, v1alpha1.RefuseNothing, fmt.Sprintf("Job %s of check %s has not ended %s after it was made, though it may run for %s; see: kubectl describe job/%s",
			is.Job, name, now.Sub(c.StartedAt.Time).Round(time.Second), is.Limit, is.Job))
		return d
	}
	return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonChecking, After: left,
		Message: fmt.Sprintf("check %s runs, for %s at most: kubectl logs -f job/%s", name, is.Limit, is.Job)}
}
