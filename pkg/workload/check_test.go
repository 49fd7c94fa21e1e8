package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func smoke(changes ...func(*batchv1.CronJob)) *batchv1.CronJob {
	return edit(&batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout-smoke", UID: "c-uid"},
		Spec: batchv1.CronJobSpec{Suspend: ptr.To(true), JobTemplate: batchv1.JobTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"team": "till"}, Annotations: map[string]string{"a": "b"}},
			Spec: batchv1.JobSpec{BackoffLimit: ptr.To[int32](1), Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "checkout-smoke"}},
				Spec: corev1.PodSpec{
					InitContainers: []corev1.Container{{Name: "wait"}},
					Containers:     []corev1.Container{{Name: "curl", Env: []corev1.EnvVar{{Name: "STAGGER_RELEASE", Value: "mine"}}}},
				},
			}},
		}},
	}, changes...)
}

func run7() CheckRun {
	return CheckRun{Name: "smoke", Service: "checkout", Mark: mark7, Host: "checkout-preview.shop.svc.cluster.local", Revision: canaryHash, Images: []string{"shop:2", "proxy:1"}}
}

func TestAJobIsMadeOfTheTeamsCronJob(t *testing.T) {
	of := smoke()
	before := of.DeepCopy()
	j := CheckJob(of, run7())
	if diff := cmp.Diff(before, of); diff != "" {
		t.Errorf("the CronJob was changed:\n%s", diff)
	}
	if j.Name != "checkout-smoke-7" || j.Namespace != "shop" {
		t.Errorf("it is %s/%s", j.Namespace, j.Name)
	}
	owner := []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "CronJob", Name: "checkout-smoke", UID: "c-uid", Controller: ptr.To(true)}}
	if diff := cmp.Diff(owner, j.OwnerReferences); diff != "" {
		t.Errorf("owner (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "till", v1alpha1.CheckLabel: "smoke"}, j.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	notes := map[string]string{"a": "b", "cronjob.kubernetes.io/instantiate": "manual", v1alpha1.ReleaseAnnotation: "shop/checkout 7", v1alpha1.RevisionAnnotation: canaryHash}
	if diff := cmp.Diff(notes, j.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	told := []corev1.EnvVar{{Name: "STAGGER_HOST", Value: "checkout-preview.shop.svc.cluster.local"}, {Name: "STAGGER_RELEASE", Value: "7"},
		{Name: "STAGGER_REVISION", Value: canaryHash}, {Name: "STAGGER_IMAGES", Value: "shop:2,proxy:1"}}
	pod := j.Spec.Template.Spec
	if diff := cmp.Diff(told, pod.InitContainers[0].Env); diff != "" {
		t.Errorf("variables of the init container (-want +got):\n%s", diff)
	}
	own := []corev1.EnvVar{{Name: "STAGGER_RELEASE", Value: "mine"}, told[0], told[2], told[3]}
	if diff := cmp.Diff(own, pod.Containers[0].Env); diff != "" {
		t.Errorf("variables of a container that sets one itself (-want +got):\n%s", diff)
	}
	if *j.Spec.BackoffLimit != 1 || j.Spec.Template.Labels["app"] != "checkout-smoke" || !Checks(j, "shop", "checkout") || Checks(j, "shop", "cart") {
		t.Errorf("%+v", j)
	}
}

func TestAJobHasALimitAndStaysToBeSeen(t *testing.T) {
	cases := map[string]struct {
		change      func(*batchv1.CronJob)
		limit       time.Duration
		ttl, wanted *int32
	}{
		"no limit":             {func(*batchv1.CronJob) {}, 10 * time.Minute, nil, nil},
		"a limit":              {func(c *batchv1.CronJob) { c.Spec.JobTemplate.Spec.ActiveDeadlineSeconds = ptr.To[int64](90) }, 90 * time.Second, nil, nil},
		"gone with its end":    {func(*batchv1.CronJob) {}, 10 * time.Minute, ptr.To[int32](0), ptr.To[int32](3600)},
		"kept for a long time": {func(*batchv1.CronJob) {}, 10 * time.Minute, ptr.To[int32](86400), ptr.To[int32](86400)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			j := CheckJob(smoke(c.change, func(x *batchv1.CronJob) { x.Spec.JobTemplate.Spec.TTLSecondsAfterFinished = c.ttl }), run7())
			if got := LimitOf(j); got != c.limit || !ptr.Equal(j.Spec.TTLSecondsAfterFinished, c.wanted) {
				t.Errorf("it may run for %s and stays for %v", got, j.Spec.TTLSecondsAfterFinished)
			}
		})
	}
}

func TestNamesOfChecksFit(t *testing.T) {
	long := strings.Repeat("s", 63)
	for service, want := range map[string]string{"checkout": "checkout-smoke", strings.Repeat("s", 46): strings.Repeat("s", 46) + "-smoke"} {
		if got := CronJobName(service, "smoke"); got != want {
			t.Errorf("the check of %s is %s, want %s", service, got, want)
		}
	}
	one, other := CronJobName(long, "smoke"), CronJobName(long[1:]+"t", "smoke")
	if len(one) != longestCronJob || one == other || !strings.HasSuffix(one, "-smoke") {
		t.Errorf("%s (%d characters), %s", one, len(one), other)
	}
	if got := CheckJobName(long, "a-check-of-20-letter", 9_999_999_999); len(got) > 63 {
		t.Errorf("%s has %d characters", got, len(got))
	}
}

func TestACronJobMayBeTheCheckOfWhoseNameItBears(t *testing.T) {
	long := strings.Repeat("s", 60)
	for cronJob, of := range map[string]map[string]bool{
		"checkout-smoke":          {"checkout": true, "check": false, "cart": false, "checkout-smoke": false},
		"checkout-api-load-test":  {"checkout": true, "checkout-api": true, "checkout-api-load": true, "api": false},
		"smoke":                   {"smoke": false},
		CronJobName(long, "load"): {long: true, long + "s": false},
	} {
		for service, want := range of {
			if got := MayCheck(cronJob, service); got != want {
				t.Errorf("CronJob %s, Service %s: %t", cronJob, service, got)
			}
		}
	}
}

func TestTheEndOfAJob(t *testing.T) {
	at := metav1.NewTime(noon)
	cases := map[string]struct {
		conditions []batchv1.JobCondition
		state      v1alpha1.CheckState
		message    string
	}{
		"none":            {nil, v1alpha1.CheckRunning, ""},
		"suspended":       {[]batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue}}, v1alpha1.CheckRunning, ""},
		"about to fail":   {[]batchv1.JobCondition{{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue}}, v1alpha1.CheckRunning, ""},
		"not yet":         {[]batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionFalse}}, v1alpha1.CheckRunning, ""},
		"done":            {[]batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: at}}, v1alpha1.CheckSucceeded, ""},
		"failed":          {[]batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "too often", LastTransitionTime: at}}, v1alpha1.CheckFailed, "BackoffLimitExceeded: too often"},
		"failed silently": {[]batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, LastTransitionTime: at}}, v1alpha1.CheckFailed, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			state, ended, message := EndOf(&batchv1.Job{Status: batchv1.JobStatus{Conditions: c.conditions}})
			if state != c.state || message != c.message || (state != v1alpha1.CheckRunning) != ended.Equal(noon) {
				t.Errorf("%s at %s: %q", state, ended, message)
			}
		})
	}
}

func TestUsersMeetNoPodOfACheck(t *testing.T) {
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "checkout"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "checkout", HashLabel: stableHash}}}
	if said := Uncheckable(smoke(), svc); said != "" {
		t.Errorf("pods with labels of their own: %s", said)
	}
	behind := smoke(func(c *batchv1.CronJob) { c.Spec.JobTemplate.Spec.Template.Labels["app"] = "checkout" })
	if said := Uncheckable(behind, svc); !strings.Contains(said, "of CronJob checkout-smoke are among those that Service checkout selects") {
		t.Errorf("pods behind the Service: %q", said)
	}
}
