package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// checkJob is the Job of check smoke in a release of the TrafficShift, for a revision.
func checkJob(number, revision string) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-smoke-" + number, UID: "j", Labels: map[string]string{v1alpha1.CheckLabel: "smoke"},
		Annotations: map[string]string{v1alpha1.ReleaseAnnotation: "shop/web " + number, v1alpha1.RevisionAnnotation: revision}}}
}

// While a check runs, the pods' own proxies do not tell its requests from those of users, so none of them is read. Gateways do.
func TestNoRequestOfACheckIsReadFromProxies(t *testing.T) {
	p := inTheMiddle("shop")
	running(p.pods[0], "10.0.0.1")
	running(p.pods[1], "10.0.0.2")
	o := p.objects()
	o.Gateways = []cluster.Gateway{{Pods: []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-ingress", Name: "gw-1"}}}, Whole: true}}
	rec := p.shift.Status.Release
	read := func() (roles []direct.Role) {
		r, _ := cluster.DirectOf(cluster.Observe(o, settings(), noon), rec)
		for _, x := range r.Proxies {
			roles = append(roles, x.Role)
		}
		return roles
	}
	if got := read(); len(got) != 3 {
		t.Fatalf("without a check %v are read", got)
	}
	job := checkJob("3", rec.Revision)
	o.Jobs = []*batchv1.Job{job}
	if got := read(); len(got) != 1 || got[0] != direct.GatewayPod {
		t.Errorf("while a check runs %v are read", got)
	}
	done := job.DeepCopy()
	done.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	o.Jobs = []*batchv1.Job{done}
	if got := read(); len(got) != 3 {
		t.Errorf("after a check %v are read", got)
	}
}

func TestWhatIsThereOfACheck(t *testing.T) {
	const revision = "canary"
	cron := func(namespace, app string) *batchv1.CronJob {
		c := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web-smoke"}}
		c.Spec.JobTemplate.Spec.Template.Labels = map[string]string{"app": app}
		return c
	}
	cases := map[string]struct {
		change func(*cluster.Objects)
		want   release.Check
	}{
		"nothing":       {func(*cluster.Objects) {}, release.Check{}},
		"one elsewhere": {func(o *cluster.Objects) { o.CronJobs = []*batchv1.CronJob{cron("bank", "check")} }, release.Check{}},
		"its CronJob":   {func(o *cluster.Objects) { o.CronJobs = []*batchv1.CronJob{cron("shop", "check")} }, release.Check{There: true}},
		"a Job of nobody's": {func(o *cluster.Objects) {
			o.Jobs = []*batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-smoke-3", UID: "j"}}}
		}, release.Check{}},
		"a Job that was made for an earlier release": {func(o *cluster.Objects) { o.Jobs = []*batchv1.Job{checkJob("2", revision)} }, release.Check{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := inTheMiddle("shop")
			p.shift.Status.Release.Plan.Steps[1].Checks = []v1alpha1.CheckName{"smoke"}
			o := p.objects()
			c.change(&o)
			got := cluster.Observe(o, settings(), noon).Facts.Checks["smoke"]
			c.want.CronJob, c.want.Job = "web-smoke", "web-smoke-3"
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// A name on a Deployment is the author's where the API server puts it there, and nowhere else.
func TestAnAuthorIsWhomTheAPIServerNames(t *testing.T) {
	for name, c := range map[string]struct {
		nameless bool
		held     bool
		want     string
	}{
		"held on change":             {false, true, "ann"},
		"nobody keeps names true":    {true, true, ""},
		"written before it was held": {false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := inTheMiddle("shop")
			o := p.objects()
			d := o.Deployments[0].DeepCopy()
			d.Labels, d.Annotations = map[string]string{}, map[string]string{v1alpha1.ChangedByAnnotation: "ann"}
			if c.held {
				d.Labels[v1alpha1.HeldLabel] = "true"
			}
			o.Deployments[0] = d
			s := settings()
			s.Nameless = c.nameless
			w := cluster.Observe(o, s, noon).Facts.Workload
			if w.Author != c.want || !w.Signed {
				t.Errorf("the author is %q (signed %t), want %q", w.Author, w.Signed, c.want)
			}
		})
	}
	d := inTheMiddle("shop").objects().Deployments[0].DeepCopy()
	d.Labels, d.Annotations = nil, map[string]string{v1alpha1.ChangedByAnnotation: "mallory"}
	if ops := workload.Hold(d, nil); len(ops) < 2 || !strings.Contains(fmt.Sprint(ops), "annotations") {
		t.Errorf("the hold leaves a name that was written before it: %v", ops)
	}
}
