package cluster

import (
	"fmt"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// preview looks at the Service by which checks meet the canary.
func (v *View) preview(o Objects) {
	svc := o.PreviewService
	if svc == nil {
		return
	}
	if mark, ok := workload.MarkOf(svc); ok && mark.Namespace == v.Shift.Namespace && mark.Shift == v.Shift.Name {
		v.previewService = svc
		v.Facts.Preview = release.Preview{Exists: true, Selects: svc.Spec.Selector[workload.HashLabel]}
		return
	}
	v.previewTaken = fmt.Sprintf("Service %s/%s exists and is not Stagger's: delete or rename it, since the checks of Service %s need the name",
		svc.Namespace, svc.Name, v.Shift.Spec.Service.Name)
}

// checks looks at what the plan's checks need, and at their Jobs. What is missing is in the way of a release before anything is touched.
func (v *View) checks(o Objects) {
	for _, j := range o.Jobs {
		if state, _, _ := workload.EndOf(j); workload.Checks(j, v.Shift.Namespace, v.Shift.Name) && state == v1alpha1.CheckRunning && j.DeletionTimestamp == nil {
			v.Facts.Unended = true
			v.needless = append(v.needless, j)
		}
	}
	plan := v.Facts.Wanted.Plan
	if v.running() {
		plan = &v.Facts.Release.Plan
	}
	if plan == nil || !plan.Checked() {
		return
	}
	if v.Facts.External {
		v.refuseChecks(v1alpha1.ReasonInvalid, fmt.Sprintf("ShiftPolicy %s asks for checks, and between destinations no Service leads to one version past all counts: name a policy without checks", v.Facts.Wanted.Policy))
		return
	}
	v.Facts.Checks = map[v1alpha1.CheckName]release.Check{}
	for _, step := range plan.Steps {
		for _, name := range step.Checks {
			v.Facts.Checks[name] = v.check(o, name)
		}
	}
}

// refuseChecks keeps a release from its start, as long as it has not begun. The workload is held all the same.
func (v *View) refuseChecks(reason v1alpha1.Reason, message string) {
	if !v.running() {
		v.refuseFor(release.Problem{Reason: reason, Message: message, OfPolicy: true})
	}
}

// check is what is there of one check.
func (v *View) check(o Objects, name v1alpha1.CheckName) release.Check {
	service := v.Shift.Spec.Service.Name
	c := release.Check{CronJob: workload.CronJobName(service, name), Job: workload.CheckJobName(service, name, v.mark.Number), Problem: v.previewTaken}
	if cron := named(o.CronJobs, v.Shift.Namespace, c.CronJob); cron != nil {
		c.There = true
		v.crons[name] = cron
		if v.Service != nil && c.Problem == "" {
			c.Problem = workload.Uncheckable(cron, v.Service)
		}
	} else {
		v.refuseChecks(v1alpha1.ReasonInvalid, fmt.Sprintf("ShiftPolicy %s asks for the check %s: make a suspended CronJob %s in namespace %s that does it",
			v.Facts.Wanted.Policy, name, c.CronJob, v.Shift.Namespace))
	}
	switch {
	case v.previewTaken != "":
		v.refuseChecks(v1alpha1.ReasonNameTaken, v.previewTaken)
	case c.Problem != "":
		v.refuseChecks(v1alpha1.ReasonInvalid, c.Problem)
	}
	job := named(o.Jobs, v.Shift.Namespace, c.Job)
	if job == nil || !v.running() || !workload.Checks(job, v.Shift.Namespace, v.Shift.Name) {
		return c
	}
	c.UID, c.Limit = string(job.UID), workload.LimitOf(job)
	c.State, c.Ended, c.Message = workload.EndOf(job)
	if c.Other = job.Annotations[v1alpha1.RevisionAnnotation] != v.Facts.Release.Revision; c.Other && c.State != v1alpha1.CheckRunning {
		v.needless = append(v.needless, job)
	}
	return c
}

// named is the object of a name; nil where there is none.
func named[T interface {
	*S
	Object
}, S any](all []T, namespace, name string) T {
	for _, o := range all {
		if o.GetNamespace() == namespace && o.GetName() == name {
			return o
		}
	}
	return nil
}

// planCheck are the writes for checks.
func (v *View) planCheck(a release.Action) []Write {
	switch a.Verb {
	case release.RemovePreview:
		return removing(v.previewService, false)
	case release.StopChecks:
		var all []Write
		for _, j := range v.needless {
			all = append(all, removing(j, false)...)
		}
		return all
	case release.RunCheck:
		return v.runCheck(a.Check)
	}
	switch {
	case v.previewService != nil:
		return patching(v.previewService, workload.Repoint(v.previewService, v.Facts.Release.Revision), nil)
	case v.Service == nil:
		return []Write{{Err: fmt.Errorf("making the preview Service: Service %s: %w", v.Shift.Spec.Service.Name, errGone)}}
	}
	v.previewService = workload.CanaryService(v.Service, routing.PreviewName(v.Service.Name), v.Facts.Release.Revision, v.mark, Hashes(v.Shift)...)
	return []Write{{Kind: Create, Object: v.previewService}}
}

// runCheck makes the Job of a check.
func (v *View) runCheck(name v1alpha1.CheckName) []Write {
	cron := v.crons[name]
	if cron == nil {
		return []Write{{Err: fmt.Errorf("running check %s: its CronJob: %w", name, errGone)}}
	}
	r, service := v.Facts.Release, v.Shift.Spec.Service.Name
	host := routing.Canonical(routing.PreviewName(service), v.Shift.Namespace, v.settings.Domain)
	return []Write{{Kind: Create, Object: workload.CheckJob(cron, workload.CheckRun{Name: name, Service: service, Mark: v.mark, Host: host, Revision: r.Revision, Images: r.Images})}}
}
