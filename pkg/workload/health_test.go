package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const grace = 20 * time.Second

func at(ago time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-ago)) }

// pod runs and is ready since an hour.
func pod(change ...func(*corev1.Pod)) *corev1.Pod {
	return edit(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "checkout-a", CreationTimestamp: at(time.Hour)},
		Status: corev1.PodStatus{
			Phase:             corev1.PodRunning,
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at(time.Hour)}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: running()}},
		},
	}, change...)
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

func waitingFor(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// exited is a life that began and ended so long ago.
func exited(reason string, code int32, began, ended time.Duration) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, StartedAt: at(began), FinishedAt: at(ended)}}
}

func container(restarts int32, now, last corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: "app", RestartCount: restarts, State: now, LastTerminationState: last}
	}
}

func initContainer(policy *corev1.ContainerRestartPolicy, restarts int32, now, last corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Name: "app", RestartPolicy: policy}}
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "app", RestartCount: restarts, State: now, LastTerminationState: last}}
	}
}

func TestContainersThatExitAgainAndAgainBlameTheVersion(t *testing.T) {
	backoff, sidecar := waitingFor("CrashLoopBackOff", "back-off 10s"), ptr.To(corev1.ContainerRestartPolicyAlways)
	unstarted := func(ago time.Duration) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "StartError", ExitCode: 128, StartedAt: metav1.Unix(0, 0), FinishedAt: at(ago)}}
	}
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   string // the reason; empty: not crashing
	}{
		"it runs":                                    {func(*corev1.Pod) {}, ""},
		"a crash loop beyond grace":                  {container(1, backoff, exited("Error", 1, grace, 15*time.Second)), "CrashLoopBackOff"},
		"a crash loop within grace":                  {container(1, backoff, exited("Error", 1, grace-1, 15*time.Second)), ""},
		"a third exit needs no grace":                {container(2, backoff, exited("Error", 1, time.Second, 0)), "CrashLoopBackOff"},
		"a crash loop that exits with 0":             {container(1, backoff, exited("Completed", 0, grace, 15*time.Second)), "CrashLoopBackOff"},
		"a crash loop whose exits are not recorded":  {container(1, backoff, corev1.ContainerState{}), "CrashLoopBackOff"},
		"between an exit and its restart":            {container(1, exited("Error", 2, time.Minute, 0), corev1.ContainerState{}), "CrashLoopBackOff"},
		"out of memory twice, running again":         {container(2, running(), exited("OOMKilled", 137, time.Minute, time.Second)), "OOMKilled"},
		"out of memory once":                         {container(1, running(), exited("OOMKilled", 137, time.Minute, time.Second)), ""},
		"killed twice by its liveness probe":         {container(2, running(), exited("Error", 137, time.Minute, time.Second)), "Restarting"},
		"two exits, the last one long ago":           {container(2, running(), exited("Error", 1, 20*time.Minute, 11*time.Minute)), ""},
		"two exits, hours apart":                     {container(2, running(), exited("Error", 1, 30*time.Minute, time.Second)), ""},
		"the first exit in an hour":                  {container(0, exited("Error", 1, 50*time.Minute, 0), corev1.ContainerState{}), ""},
		"a command that cannot be started":           {container(1, backoff, unstarted(grace)), "StartError"},
		"a command that cannot be started, in grace": {container(1, backoff, unstarted(grace-1)), ""},
		"the node lost sight of it twice":            {container(2, running(), exited("ContainerStatusUnknown", 137, time.Minute, time.Second)), ""},
		"an init container in a crash loop":          {initContainer(nil, 2, backoff, exited("Error", 1, time.Minute, 0)), "CrashLoopBackOff"},
		"an init container that is done":             {initContainer(nil, 0, exited("Completed", 0, time.Minute, 30*time.Second), corev1.ContainerState{}), ""},
		"an init container done for the third time":  {initContainer(nil, 2, exited("Completed", 0, time.Minute, 30*time.Second), corev1.ContainerState{}), ""},
		"a sidecar that ends again and again":        {initContainer(sidecar, 2, running(), exited("Completed", 0, time.Minute, time.Second)), ""},
		"a sidecar that is killed for memory":        {initContainer(sidecar, 2, running(), exited("OOMKilled", 137, time.Minute, time.Second)), ""},
		"two exits, and ready for a minute since": {func(p *corev1.Pod) {
			container(2, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(well)}}, exited("OOMKilled", 137, 2*time.Minute, well))(p)
			p.Status.ContainerStatuses[0].Ready = true
		}, ""},
		"a pod that is being deleted": {func(p *corev1.Pod) {
			container(5, backoff, exited("Error", 1, time.Minute, 0))(p)
			p.DeletionTimestamp = ptr.To(at(0))
		}, ""},
		"a pod that was evicted": {func(p *corev1.Pod) {
			container(5, exited("Error", 137, time.Minute, 0), corev1.ContainerState{})(p)
			p.Status.Phase = corev1.PodFailed
		}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := HealthOf([]*corev1.Pod{pod(c.change)}, noon, Norm{Grace: grace})
			reason := ""
			for _, f := range got.Crashing {
				reason += f.Reason
				if f.Pod != "checkout-a" || f.Container != "app" {
					t.Errorf("failure = %+v, want pod and container named", f)
				}
			}
			if reason != c.want {
				t.Errorf("crashing = %v, want reason %q", got.Crashing, c.want)
			}
			if len(got.Crashing) > 0 && len(got.NotStarting) > 0 {
				t.Errorf("a crashing pod is an obstacle too: %v", got.NotStarting)
			}
		})
	}
}

func TestAFailureSaysWhichContainerAndWhy(t *testing.T) {
	got := HealthOf([]*corev1.Pod{pod(container(3, running(), exited("OOMKilled", 137, time.Minute, time.Second)))}, noon, Norm{Grace: grace}).Crashing
	want := []Failure{{Pod: "checkout-a", Container: "app", Reason: "OOMKilled", ExitCode: 137, Restarts: 3}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("Crashing (-want +got):\n%s", d)
	}
	if got, want := got[0].String(), "container app of pod checkout-a: OOMKilled (exit code 137, 3 restarts)"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func TestPodsThatDoNotServeHoldAndSayWhy(t *testing.T) {
	young := func(p *corev1.Pod) { p.CreationTimestamp = at(grace - 1) }
	pending := func(p *corev1.Pod) {
		p.Status.Phase, p.Status.Conditions = corev1.PodPending, nil
		p.Status.ContainerStatuses[0].State = waitingFor("ContainerCreating", "")
	}
	unscheduled := func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"},
		}}
	}
	unready := func(since time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.Conditions[0] = corev1.PodCondition{
				Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", Message: "unready: [app]", LastTransitionTime: at(since),
			}
		}
	}
	cases := map[string]struct {
		change []func(*corev1.Pod)
		want   string
	}{
		"it runs":                   {nil, ""},
		"no node for it":            {[]func(*corev1.Pod){unscheduled, young}, "pod checkout-a: Unschedulable: 0/3 nodes are available"},
		"an image that is missing":  {[]func(*corev1.Pod){pending, young, container(0, waitingFor("ImagePullBackOff", "not found"), corev1.ContainerState{})}, "pod checkout-a: ImagePullBackOff: not found"},
		"an init image is missing":  {[]func(*corev1.Pod){pending, young, initContainer(nil, 0, waitingFor("ErrImagePull", "denied"), corev1.ContainerState{})}, "pod checkout-a: ErrImagePull: denied"},
		"just starting":             {[]func(*corev1.Pod){pending, young}, ""},
		"starting for long":         {[]func(*corev1.Pod){pending}, "pod checkout-a: Pending"},
		"a first crash in back-off": {[]func(*corev1.Pod){container(1, waitingFor("CrashLoopBackOff", "back-off"), exited("Error", 1, time.Second, 0))}, ""},
		"not ready for a moment":    {[]func(*corev1.Pod){unready(grace - 1)}, ""},
		"not ready for long":        {[]func(*corev1.Pod){unready(grace)}, "pod checkout-a: ContainersNotReady: unready: [app]"},
		"deleted while pending":     {[]func(*corev1.Pod){unscheduled, func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(at(0)) }}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := HealthOf([]*corev1.Pod{pod(c.change...)}, noon, Norm{Grace: grace})
			var lines []string
			for _, o := range h.NotStarting {
				lines = append(lines, o.String())
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("NotStarting = %q, want %q", got, c.want)
			}
			if len(h.Crashing) > 0 {
				t.Errorf("Crashing = %v, want nobody blamed", h.Crashing)
			}
		})
	}
}

func TestHealthIsInOrderWhateverTheOrderOfPods(t *testing.T) {
	loop := container(2, waitingFor("CrashLoopBackOff", ""), exited("Error", 1, time.Minute, 0))
	named := func(name string, change func(*corev1.Pod)) corev1.Pod {
		return *pod(change, func(p *corev1.Pod) { p.Name = name })
	}
	pull := container(0, waitingFor("ErrImagePull", ""), corev1.ContainerState{})
	pods := []corev1.Pod{named("d", pull), named("b", loop), named("c", pull), named("a", loop)}
	h := HealthOf(pointers(pods), noon, Norm{Grace: grace})
	var got []string
	for _, f := range h.Crashing {
		got = append(got, f.Pod)
	}
	for _, o := range h.NotStarting {
		got = append(got, o.On)
	}
	if d := cmp.Diff([]string{"a", "b", "pod c", "pod d"}, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestAReplicaSetThatMayNotMakeItsPodsSaysWhy(t *testing.T) {
	failure := func(status corev1.ConditionStatus) *appsv1.ReplicaSet {
		return edit(stableSet(), func(rs *appsv1.ReplicaSet) {
			rs.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: status, Reason: "FailedCreate", Message: "exceeded quota"}}
		})
	}
	got, found := Blocked(failure(corev1.ConditionTrue))
	if want := "ReplicaSet checkout-6c4f678748: FailedCreate: exceeded quota"; !found || got.String() != want {
		t.Errorf("Blocked = %q, %t; want %q", got, found, want)
	}
	for name, rs := range map[string]*appsv1.ReplicaSet{"no condition": stableSet(), "a condition that is over": failure(corev1.ConditionFalse)} {
		if o, found := Blocked(rs); found {
			t.Errorf("%s: Blocked = %v, want nothing", name, o)
		}
	}
}

// started is a pod that began so long ago, was not ready since, and whose container exited so often: the last time after some seconds.
func started(ago time.Duration, restarts int32, now corev1.ContainerState) *corev1.Pod {
	return pod(func(p *corev1.Pod) {
		p.CreationTimestamp = at(ago)
		p.Status.Conditions[0] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: at(ago)}
		container(restarts, now, exited("Error", 1, ago-12*time.Second, ago-14*time.Second))(p)
	})
}

func TestExitsWhileAPodStartsAreMeasuredByTheHabit(t *testing.T) {
	backoff := waitingFor("CrashLoopBackOff", "back-off")
	wasReady := started(30*time.Second, 1, backoff)
	wasReady.Status.Conditions[0].LastTransitionTime = at(16 * time.Second)
	recovered := started(4*time.Minute, 3, running())
	recovered.Status.Conditions[0].Status, recovered.Status.ContainerStatuses[0].Ready = corev1.ConditionTrue, true
	recovered.Status.ContainerStatuses[0].State.Running.StartedAt = at(3 * time.Minute)
	cases := map[string]struct {
		pod   *corev1.Pod
		habit map[string]int32
		want  bool
	}{
		"twice":                       {started(30*time.Second, 1, backoff), nil, false},
		"twice, and it runs":          {started(30*time.Second, 2, running()), nil, false},
		"for the third time":          {started(30*time.Second, 2, backoff), nil, true},
		"as often as the stable":      {started(30*time.Second, 3, backoff), map[string]int32{"app": 4}, false},
		"more often than the stable":  {started(30*time.Second, 4, backoff), map[string]int32{"app": 4}, true},
		"as often as another does":    {started(30*time.Second, 2, backoff), map[string]int32{"proxy": 4}, true},
		"twice, and it had been well": {wasReady, nil, true},
		"often, and it is well":       {recovered, nil, false},
		"twice in a quarter":          {started(15*time.Minute, 1, backoff), nil, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := HealthOf([]*corev1.Pod{c.pod}, noon, Norm{Grace: 5 * time.Second, Starts: c.habit}).Crashing
			if (len(got) > 0) != c.want {
				t.Errorf("crashing: %v, want %t", got, c.want)
			}
		})
	}
}

func TestTheHabitOfAVersionIsWhatItsPodsDidWhileTheyStarted(t *testing.T) {
	ready := func(p *corev1.Pod) *corev1.Pod {
		p.Status.ContainerStatuses[0].Ready = true
		return p
	}
	later := ready(started(72*time.Hour, 40, running()))
	later.Status.ContainerStatuses[0].LastTerminationState = exited("OOMKilled", 137, 2*time.Hour, time.Hour)
	prepared := pod(initContainer(nil, 3, exited("Completed", 0, time.Hour, time.Hour), exited("Error", 1, time.Hour, time.Hour)))
	prepared.Status.InitContainerStatuses[0].Name, prepared.Status.InitContainerStatuses[0].Ready = "prepare", true
	got := StartsOf([]*corev1.Pod{ready(started(72*time.Hour, 2, running())), ready(started(time.Hour, 3, running())), later, started(time.Minute, 9, running()), prepared})
	if d := cmp.Diff(map[string]int32{"app": 3, "prepare": 3}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestContainersThatWereAddedToAPodBlameNobody(t *testing.T) {
	loop := pod(container(5, waitingFor("CrashLoopBackOff", ""), exited("Error", 1, time.Minute, time.Second)))
	template := func(name string) *corev1.PodTemplateSpec {
		return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: name}}}}
	}
	if got := HealthOf([]*corev1.Pod{loop}, noon, Norm{Template: template("other")}).Crashing; len(got) > 0 {
		t.Errorf("crashing: %v", got)
	}
	if got := HealthOf([]*corev1.Pod{loop}, noon, Norm{Template: template("app")}).Crashing; len(got) != 1 {
		t.Errorf("crashing: %v, want the version's own container", got)
	}
}
