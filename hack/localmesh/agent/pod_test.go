package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// diary is a podClient that writes down what it is told, with the time since it was made.
type diary struct {
	begun    time.Time
	mu       sync.Mutex
	lines    []string
	refusals int   // So many statuses are refused, once a pod has ended.
	refusal  error // By this.
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%s %s", time.Since(d.begun), fmt.Sprintf(format, args...)))
}

func (d *diary) Patch(_ context.Context, _ string, _ types.PatchType, data []byte, _ metav1.PatchOptions, _ ...string) (*corev1.Pod, error) {
	var patch struct{ Status corev1.PodStatus }
	if err := json.Unmarshal(data, &patch); err != nil {
		return nil, err
	}
	c := patch.Status.ContainerStatuses[0]
	what := "?"
	switch {
	case c.State.Running != nil:
		what = "running"
	case c.State.Waiting != nil:
		what = c.State.Waiting.Reason
	case c.State.Terminated != nil:
		what = fmt.Sprintf("%s(%d)", c.State.Terminated.Reason, c.State.Terminated.ExitCode)
	}
	if last := c.LastTerminationState.Terminated; last != nil {
		what += fmt.Sprintf(" last %s(%d)", last.Reason, last.ExitCode)
	}
	if what == "ContainerCreating" { // Written or not, depending on who is faster.
		return nil, nil
	}
	if reason := patch.Status.Reason; reason != "" {
		what += " for " + reason
	}
	if patch.Status.Phase != corev1.PodRunning && d.refuses() {
		d.write("refused")
		return nil, d.refusal
	}
	d.write("%s %s restarts %d ready %v", patch.Status.Phase, what, c.RestartCount, isTrue(patch.Status.Conditions, corev1.PodReady))
	return nil, nil
}

func (d *diary) refuses() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusals--
	return d.refusals >= 0
}

func (d *diary) Delete(_ context.Context, _ string, o metav1.DeleteOptions) error {
	d.write("deleted with grace %d", *o.GracePeriodSeconds)
	return nil
}

// object is a pod whose container opens no TCP port, so that nothing but time can move it.
func object(image string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "u1"},
		Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{
			Name: "app", Image: image, Ports: []corev1.ContainerPort{{ContainerPort: 1, Protocol: corev1.ProtocolUDP}},
		}}},
	}
	if change != nil {
		change(p)
	}
	return p
}

// story runs a pod for so long and returns what it wrote; at deletion, when it is not 0, somebody deletes it.
func story(t *testing.T, o *corev1.Pod, length, deletion time.Duration) []string {
	t.Helper()
	return storyOf(t, &diary{}, o, length, deletion)
}

// storyOf is story with the diary of a pod that has something to bear.
func storyOf(t *testing.T, d *diary, o *corev1.Pod, length, deletion time.Duration) []string {
	t.Helper()
	var lines []string
	synctest.Test(t, func(t *testing.T) {
		d.begun = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		p := newPod(o, "10.244.1.1", d, cancel)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := p.live(ctx); err != nil {
				t.Error(err)
			}
		}()
		if deletion > 0 {
			time.Sleep(deletion)
			deleted := o.DeepCopy()
			now := metav1.Now()
			deleted.DeletionTimestamp = &now
			p.update(deleted)
			<-done
		} else {
			time.Sleep(length)
			synctest.Wait()
		}
		d.mu.Lock()
		lines = append(lines, d.lines...)
		d.mu.Unlock()
		cancel()
		<-done
	})
	return lines
}

func TestPodTellsWhatAKubeletWouldTell(t *testing.T) {
	cases := map[string]struct {
		image  string
		change func(*corev1.Pod)
		length time.Duration
		want   []string
	}{
		"a healthy container runs": {
			image: "shop:1", length: time.Hour, want: []string{"0s Running running restarts 0 ready true"},
		},
		"a crashing container is restarted at once, then later and later": {
			image: "shop:1-crash", length: 75 * time.Second,
			want: []string{
				"0s Running running restarts 0 ready true",
				"10s Running running last Error(1) restarts 1 ready true",
				"20s Running CrashLoopBackOff last Error(1) restarts 1 ready false",
				"30s Running running last Error(1) restarts 2 ready true",
				"40s Running CrashLoopBackOff last Error(1) restarts 2 ready false",
				"1m0s Running running last Error(1) restarts 3 ready true",
				"1m10s Running CrashLoopBackOff last Error(1) restarts 3 ready false",
			},
		},
		"a container out of memory says so": {
			image: "shop:1-oom", length: 25 * time.Second,
			want: []string{
				"0s Running running restarts 0 ready true",
				"10s Running running last OOMKilled(137) restarts 1 ready true",
				"20s Running CrashLoopBackOff last OOMKilled(137) restarts 1 ready false",
			},
		},
		"an image that does not exist is never run": {
			image: "shop:missing", length: time.Hour, want: []string{"0s Pending ImagePullBackOff restarts 0 ready false"},
		},
		"a container that shall not restart ends its pod": {
			image: "shop:1-crash", length: time.Hour, change: func(p *corev1.Pod) { p.Spec.RestartPolicy = corev1.RestartPolicyNever },
			want: []string{"0s Running running restarts 0 ready true", "10s Failed Error(1) restarts 0 ready false"},
		},
		"a container that succeeds ends its pod, where only failures restart it": {
			image: "shop:1", length: time.Hour, change: runs(corev1.RestartPolicyOnFailure, "--crash-after=5s", "--exit-code=0"),
			want: []string{"0s Running running restarts 0 ready true", "5s Succeeded Completed(0) restarts 0 ready false"},
		},
		"a container that fails is restarted, where failures restart it": {
			image: "shop:1", length: 25 * time.Second, change: runs(corev1.RestartPolicyOnFailure, "--crash-after=10s", "--exit-code=3"),
			want: []string{
				"0s Running running restarts 0 ready true",
				"10s Running running last Error(3) restarts 1 ready true",
				"20s Running CrashLoopBackOff last Error(3) restarts 1 ready false",
			},
		},
		"a pod runs until its last container has ended": {
			image: "shop:1", length: time.Hour, change: func(p *corev1.Pod) {
				runs(corev1.RestartPolicyNever, "--crash-after=5s", "--exit-code=0")(p)
				second := p.Spec.Containers[0]
				second.Name, second.Args = "other", []string{"--crash-after=9s", "--exit-code=2"}
				p.Spec.Containers = append(p.Spec.Containers, second)
			},
			want: []string{
				"0s Running running restarts 0 ready true",
				"5s Running Completed(0) restarts 0 ready false",
				"9s Failed Completed(0) restarts 0 ready false",
			},
		},
		"a pod that runs for too long fails, though its container ends well": {
			image: "shop:1", length: time.Hour, change: deadline(20, 30),
			want: []string{"0s Running running restarts 0 ready true", "22s Failed Completed(0) for DeadlineExceeded restarts 0 ready false"},
		},
		"a pod that runs for too long has its grace": {
			image: "shop:1", length: time.Hour, change: deadline(20, 1),
			want: []string{"0s Running running restarts 0 ready true", "21s Failed Error(137) for DeadlineExceeded restarts 0 ready false"},
		},
		"a pod that is only an address is ready": {
			image: "proxy:1", length: time.Hour, change: func(p *corev1.Pod) { p.Annotations = map[string]string{serveAnnotation: "false"} },
			want: []string{"0s Running running restarts 0 ready true"},
		},
		"a readiness gate holds readiness back": {
			image: "shop:1", length: time.Hour,
			change: func(p *corev1.Pod) {
				p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/warm"}}
			},
			want: []string{"0s Running running restarts 0 ready false"},
		},
		"a probe decides readiness": {
			image: "shop:1", length: time.Hour,
			change: func(p *corev1.Pod) {
				p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
					ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{}}, InitialDelaySeconds: 5, PeriodSeconds: 2, SuccessThreshold: 3,
				}
			},
			want: []string{"0s Running running restarts 0 ready false", "9s Running running restarts 0 ready true"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, story(t, object(c.image, c.change), c.length, 0)); diff != "" {
				t.Errorf("what was written (-want +got):\n%s", diff)
			}
		})
	}
}

// runs is a pod to completion: its restart policy and its container's arguments.
func runs(policy corev1.RestartPolicy, args ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.RestartPolicy, p.Spec.Containers[0].Args = policy, args }
}

// deadline is how long a pod may run, and how long it may then take to end, in seconds.
func deadline(active, grace int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.ActiveDeadlineSeconds, p.Spec.TerminationGracePeriodSeconds = &active, &grace
	}
}

// Whoever counts pods that have ended, such as the Job controller, goes by the last status: a finalizer may keep the object for long.
func TestADeletedPodTellsHowItEndedFirst(t *testing.T) {
	cases := map[string]struct {
		image  string
		change func(*corev1.Pod)
		want   []string
	}{
		"one that serves": {"shop:1", nil, []string{"1m2s Succeeded Completed(0) restarts 0 ready false", "1m2s deleted with grace 0"}},
		"one that waits to run again": {
			"shop:1", runs(corev1.RestartPolicyOnFailure, "--crash-after=15s"),
			[]string{"1m0s Failed Error(1) last Error(1) restarts 2 ready false", "1m0s deleted with grace 0"},
		},
		"one that never ran": {"shop:missing", nil, []string{"1m0s Failed ContainerStatusUnknown(137) restarts 0 ready false", "1m0s deleted with grace 0"}},
		"one that has finished is left to the node": {
			"shop:1", runs(corev1.RestartPolicyNever, "--crash-after=5s", "--exit-code=0"),
			[]string{"0s Running running restarts 0 ready true", "5s Succeeded Completed(0) restarts 0 ready false"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lines := story(t, object(c.image, c.change), 0, time.Minute)
			if diff := cmp.Diff(c.want, lines[max(0, len(lines)-2):]); diff != "" {
				t.Errorf("at the end (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLastStatusIsTriedUntilItIsWritten(t *testing.T) {
	begin := []string{"0s Running running restarts 0 ready true", "10s refused"}
	for name, c := range map[string]struct {
		refusal error
		want    []string
	}{
		"the API server is away": {errors.New("away"), []string{"11s refused", "12s refused", "13s Failed Error(1) restarts 0 ready false"}},
		"it will never be taken": {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := &diary{refusals: 3, refusal: c.refusal}
			lines := storyOf(t, d, object("shop:1-crash", runs(corev1.RestartPolicyNever)), time.Hour, 0)
			if diff := cmp.Diff(append(begin[:2:2], c.want...), lines); diff != "" {
				t.Errorf("what was written (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodEndsWithinItsGrace(t *testing.T) {
	grace := func(seconds int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.DeletionGracePeriodSeconds = &seconds }
	}
	cases := map[string]struct {
		image  string
		change func(*corev1.Pod)
		want   string
	}{
		"it serves on for two seconds":       {"shop:1", grace(30), "1m2s deleted with grace 0"},
		"a short grace cuts it off":          {"shop:1", grace(1), "1m1s deleted with grace 0"},
		"an address alone is gone at once":   {"proxy:1", func(p *corev1.Pod) { p.Annotations = map[string]string{serveAnnotation: "false"} }, "1m0s deleted with grace 0"},
		"a missing image does not hold it":   {"shop:missing", grace(30), "1m0s deleted with grace 0"},
		"a crash loop's wait is cut short":   {"shop:1-crash", grace(30), "1m2s deleted with grace 0"},
		"a preStop sleep comes before it":    {"shop:1", func(p *corev1.Pod) { grace(30)(p); sleepBefore(p, 5) }, "1m7s deleted with grace 0"},
		"a preStop sleep is within the time": {"shop:1", func(p *corev1.Pod) { grace(3)(p); sleepBefore(p, 5) }, "1m3s deleted with grace 0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lines := story(t, object(c.image, c.change), 0, time.Minute)
			if got := lines[len(lines)-1]; got != c.want {
				t.Errorf("at the end %q, want %q", got, c.want)
			}
		})
	}
}

func sleepBefore(p *corev1.Pod, seconds int64) {
	p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: seconds}}}
}

func TestStatusPatchTakesBackWhatAConditionHasNoMore(t *testing.T) {
	data, err := statusPatch("u1", corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Metadata struct{ UID string }
		Status   struct{ Conditions []map[string]any }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Metadata.UID != "u1" {
		t.Errorf("the patch is for uid %q, want u1", got.Metadata.UID)
	}
	for _, field := range []string{"reason", "message"} {
		if value, said := got.Status.Conditions[0][field]; !said || value != nil {
			t.Errorf("%s is %v (said: %v), want an explicit null", field, value, said)
		}
	}
}

func TestAddressesAreGivenOnceAndTakenBack(t *testing.T) {
	a := addresses{taken: map[string]string{}}
	a.reserve("10.244.1.1", "old")
	first, err := a.take("new")
	if err != nil {
		t.Fatal(err)
	}
	if first != "10.244.1.2" {
		t.Errorf("got %s, want the first free address 10.244.1.2", first)
	}
	a.release(first, "somebody else")
	if _, ok := a.taken[first]; !ok {
		t.Error("an address was given back by a pod that does not have it")
	}
	a.release(first, "new")
	second, err := a.take("newer")
	if err != nil {
		t.Fatal(err)
	}
	if second != "10.244.1.3" {
		t.Errorf("got %s, want 10.244.1.3: an address that was given back comes last", second)
	}
	for range poolOfPods - 2 {
		if _, err := a.take("x"); err != nil {
			t.Fatal(err)
		}
	}
	if ip, err := a.take("one too many"); err == nil {
		t.Errorf("got %s although all addresses are taken", ip)
	}
}
