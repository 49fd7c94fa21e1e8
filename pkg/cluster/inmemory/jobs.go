package inmemory

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Outcome is what becomes of the Jobs of a check.
type Outcome string

// The outcomes that Jobs can have. They take as long as a pod needs to start; one that hangs runs until its deadline, and one that is stuck is
// never begun.
const (
	Succeeds Outcome = ""
	Fails    Outcome = "fails"
	Hangs    Outcome = "hangs"
	Stuck    Outcome = "is stuck"
)

// Let says what becomes of the Jobs of a check from now on.
func (c *Controllers) Let(check string, o Outcome) {
	if c.checks == nil {
		c.checks = map[string]Outcome{}
	}
	c.checks[check], c.ran = o, -1
}

// jobs is the Job controller.
func (c *Controllers) jobs(s *Store) {
	for _, j := range List[*batchv1.Job](s) {
		if len(j.Status.Conditions) > 0 {
			continue
		}
		if end, over := c.end(s, j); over {
			end.Status, end.LastTransitionTime = corev1.ConditionTrue, metav1.NewTime(s.Now.Truncate(time.Second))
			ended := j.DeepCopy()
			ended.Status.Conditions = []batchv1.JobCondition{end}
			s.Put(ended)
		}
	}
}

// end is how a Job ends now, if it does.
func (c *Controllers) end(s *Store, j *batchv1.Job) (batchv1.JobCondition, bool) {
	age, outcome := s.Now.Sub(j.CreationTimestamp.Time), c.checks[j.Labels[v1alpha1.CheckLabel]]
	deadline := time.Duration(ptr.Deref(j.Spec.ActiveDeadlineSeconds, 1<<30)) * time.Second
	switch {
	case outcome == Stuck:
	case age >= deadline:
		return batchv1.JobCondition{Type: batchv1.JobFailed, Reason: batchv1.JobReasonDeadlineExceeded, Message: "Job was active longer than specified deadline"}, true
	case outcome == Succeeds && age >= c.Startup:
		return batchv1.JobCondition{Type: batchv1.JobComplete}, true
	case outcome == Fails && age >= c.Startup:
		return batchv1.JobCondition{Type: batchv1.JobFailed, Reason: batchv1.JobReasonBackoffLimitExceeded, Message: "Job has reached the specified backoff limit"}, true
	}
	return batchv1.JobCondition{}, false
}
