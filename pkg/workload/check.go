package workload

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/text"
)

const (
	// longestCronJob is how long the name of a CronJob may be: eleven characters are left for its Jobs'.
	longestCronJob = 52
	// longestCheck is how long the name of a check may be.
	longestCheck = 20
	// usualLimit is how long a check may run whose CronJob does not say.
	usualLimit = 10 * time.Minute
	// leastKept is how long a Job stays at least after its end, so that its end is seen, and its log read.
	leastKept = time.Hour
	// instantiated is how kubectl marks a Job that was made of a CronJob by hand.
	instantiated = "cronjob.kubernetes.io/instantiate"
)

// CronJobName is the name of the CronJob that says what a check of a Service is: both names, and a dash between them. A Service's name that is
// too long for that is cut, and told apart by eight hexadecimal digits of its SHA-256.
func CronJobName(service string, check v1alpha1.CheckName) string {
	return text.Name(service, longestCronJob-1-len(check)) + "-" + string(check)
}

// LongForChecks says whether a Service's name is so long that it may be cut in the name of a check's CronJob.
func LongForChecks(service string) bool { return len(service) > longestCronJob-1-longestCheck }

// CheckJobName is the name of the Job of a check in a release.
func CheckJobName(service string, check v1alpha1.CheckName, number int64) string {
	return CronJobName(service, check) + "-" + strconv.FormatInt(number, 10)
}

// MayCheck says whether a CronJob of that name may say what a check of a Service is.
func MayCheck(cronJob, service string) bool {
	at := strings.LastIndexByte(cronJob, '-')
	for at > 0 {
		if CronJobName(service, v1alpha1.CheckName(cronJob[at+1:])) == cronJob {
			return true
		}
		at = strings.LastIndexByte(cronJob[:at], '-')
	}
	return false
}

// CheckRun is what a Job of a check is made for.
type CheckRun struct {
	Name v1alpha1.CheckName
	// Service is the user's.
	Service string
	Mark    Mark
	// Host is where the canary is met past all counts.
	Host string
	// Revision and Images are the canary's.
	Revision string
	Images   []string
}

// env are the variables that each container gets.
func (r CheckRun) env() []corev1.EnvVar {
	return []corev1.EnvVar{{Name: "STAGGER_HOST", Value: r.Host}, {Name: "STAGGER_RELEASE", Value: strconv.FormatInt(r.Mark.Number, 10)},
		{Name: "STAGGER_REVISION", Value: r.Revision}, {Name: "STAGGER_IMAGES", Value: strings.Join(r.Images, ",")}}
}

// CheckJob is the Job of a check: as kubectl makes one of a CronJob by hand, with its limit of time, and what its containers have to know in
// variables that they do not set themselves. The CronJob owns it, whose limits of history clean it up.
func CheckJob(of *batchv1.CronJob, r CheckRun) *batchv1.Job {
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.Namespace, Name: CheckJobName(r.Service, r.Name, r.Mark.Number),
			Labels: with(of.Spec.JobTemplate.Labels, v1alpha1.CheckLabel, string(r.Name)),
			Annotations: with(with(with(of.Spec.JobTemplate.Annotations, instantiated, "manual"),
				v1alpha1.ReleaseAnnotation, r.Mark.String()), v1alpha1.RevisionAnnotation, r.Revision),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "CronJob",
				Name: of.Name, UID: of.UID, Controller: ptr.To(true)}},
		},
		Spec: *of.Spec.JobTemplate.Spec.DeepCopy(),
	}
	if j.Spec.ActiveDeadlineSeconds == nil {
		j.Spec.ActiveDeadlineSeconds = ptr.To(int64(usualLimit / time.Second))
	}
	if ttl := j.Spec.TTLSecondsAfterFinished; ttl != nil {
		j.Spec.TTLSecondsAfterFinished = ptr.To(max(*ttl, int32(leastKept/time.Second)))
	}
	pod := &j.Spec.Template.Spec
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			tell(&containers[i], r.env())
		}
	}
	return j
}

// tell gives a container the variables that it does not set itself.
func tell(c *corev1.Container, all []corev1.EnvVar) {
	for _, e := range all {
		if !slices.ContainsFunc(c.Env, func(own corev1.EnvVar) bool { return own.Name == e.Name }) {
			c.Env = append(c.Env, e)
		}
	}
}

// Checks says whether the Job was made for a check of a TrafficShift.
func Checks(j *batchv1.Job, namespace, shift string) bool {
	mark, ours := MarkOf(j)
	return ours && mark.Namespace == namespace && mark.Shift == shift && j.Labels[v1alpha1.CheckLabel] != ""
}

// LimitOf is how long a Job may run.
func LimitOf(j *batchv1.Job) time.Duration {
	if s := j.Spec.ActiveDeadlineSeconds; s != nil {
		return time.Duration(*s) * time.Second
	}
	return usualLimit
}

// EndOf says whether a Job has ended, how, when, and in words why where it failed.
func EndOf(j *batchv1.Job) (state v1alpha1.CheckState, at time.Time, message string) {
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			return v1alpha1.CheckSucceeded, c.LastTransitionTime.Time, ""
		case batchv1.JobFailed:
			return v1alpha1.CheckFailed, c.LastTransitionTime.Time, strings.TrimSuffix(c.Reason+": "+c.Message, ": ")
		}
	}
	return v1alpha1.CheckRunning, time.Time{}, ""
}

// Uncheckable says in a sentence why no check can be made of a CronJob as it is; empty where one can. Its pods must not be behind the Service:
// users would meet them.
func Uncheckable(of *batchv1.CronJob, svc *corev1.Service) string {
	labels := of.Spec.JobTemplate.Spec.Template.Labels
	if !Matches(svc.Spec.Selector, labels) {
		return ""
	}
	return fmt.Sprintf("spec.jobTemplate.spec.template.metadata.labels of CronJob %s are among those that Service %s selects, so users would meet the pods of the check: give them others than %s",
		of.Name, svc.Name, strings.Join(slices.Sorted(maps.Keys(labels)), ", "))
}

// Repoint makes the preview Service select the pods of a hash again, whoever changed that.
func Repoint(preview *corev1.Service, hash string) patch.Patch {
	return patch.SetIn(selectorPath, preview.Spec.Selector, HashLabel, hash)
}
