package cluster_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// toldAt is a status of a release that holds a weight since a minute.
func toldAt(now time.Time) v1alpha1.TrafficShiftStatus {
	at := metav1.NewTime(now)
	return v1alpha1.TrafficShiftStatus{
		ObservedAt: &at, Deployment: v1alpha1.ObservedDeployment{Generation: 3},
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "Releasing", Message: "holding 5%, 60s of 5m done"},
			{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: "Holding", Message: "holding 5%, 60s of 5m done"},
			{Type: v1alpha1.ConditionTrafficShifted, Status: metav1.ConditionTrue, Reason: "Shifted"},
			{Type: v1alpha1.ConditionEvidenceCurrent, Status: metav1.ConditionTrue, Reason: "Current"},
		},
		Release: &v1alpha1.Release{
			Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "5%", SettledAt: ptr.To(metav1.NewTime(now.Add(-time.Minute))), Exposed: 500, Evidence: "a",
			Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Undetermined", Against: "0.4", Canary: v1alpha1.ArmCounts{Requests: 500}}},
		},
	}
}

// condition sets what one of the conditions says.
func condition(s *v1alpha1.TrafficShiftStatus, kind string, status metav1.ConditionStatus, reason v1alpha1.Reason, message string) {
	for i := range s.Conditions {
		if c := &s.Conditions[i]; c.Type == kind {
			c.Status, c.Reason, c.Message = status, string(reason), message
		}
	}
}

// What is new says how long its write may wait. None of it is lost: what waits is due when its time is over, unless it has passed.
func TestAStatusIsWrittenWhenItSaysSomethingNew(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	const atOnce, numbers = 0, v1alpha1.Heartbeat - 10*time.Second // ten seconds after the last write
	for name, c := range map[string]struct {
		change func(*v1alpha1.TrafficShiftStatus)
		left   time.Duration
	}{
		"a weight":             {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Weight = "10%" }, atOnce},
		"that it is live":      {func(s *v1alpha1.TrafficShiftStatus) { s.Release.SettledAt = nil }, atOnce},
		"a state":              {func(s *v1alpha1.TrafficShiftStatus) { s.Release.State = v1alpha1.StateHandover }, atOnce},
		"an end":               {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Counted.Final = true }, atOnce},
		"an answer":            {func(s *v1alpha1.TrafficShiftStatus) { s.LastHandledCommand = "x" }, atOnce},
		"what is refused":      {func(s *v1alpha1.TrafficShiftStatus) { s.Refused = "abc" }, atOnce},
		"another version":      {func(s *v1alpha1.TrafficShiftStatus) { s.Deployment.Revision = "abc" }, atOnce},
		"a release of history": {func(s *v1alpha1.TrafficShiftStatus) { s.History = []v1alpha1.PastRelease{{Number: 6}} }, atOnce},
		"suspicion": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonSuspicious, "")
		}, atOnce},
		"counts that are not fresh": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionEvidenceCurrent, metav1.ConditionFalse, v1alpha1.ReasonStale, "")
		}, atOnce},
		"routes that are gone": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionFalse, v1alpha1.ReasonRoutesGone, "")
		}, atOnce},
		"another wait between two steps": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonNotCleared, "")
		}, cluster.Shortly},
		"a share that is not the wanted one": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionFalse, v1alpha1.ReasonNotShifted, "")
		}, cluster.Shortly},
		"a share that is not measured any more": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionTrafficShifted, metav1.ConditionUnknown, v1alpha1.ReasonNoTraffic, "")
		}, cluster.Shortly},
		"the first bad request":          {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Failed = 1 }, cluster.Shortly},
		"a tenth of the evidence":        {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Objectives[0].Against = "10.1" }, cluster.Shortly},
		"a generation":                   {func(s *v1alpha1.TrafficShiftStatus) { s.Deployment.Generation = 4 }, cluster.Shortly},
		"a digest":                       {func(s *v1alpha1.TrafficShiftStatus) { s.Release.ImageIDs = []string{"x"} }, cluster.Shortly},
		"a gap":                          {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Counted.Gaps = make([]v1alpha1.Gap, 1) }, cluster.Shortly},
		"counts":                         {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Exposed, s.Release.Evidence = 900, "b" }, numbers},
		"less than a tenth":              {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Objectives[0].Against = "9.9" }, numbers},
		"a verdict that decides nothing": {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Objectives[0].Verdict = "Healthy" }, numbers},
		"a sentence with other numbers": {func(s *v1alpha1.TrafficShiftStatus) {
			condition(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonHolding, "holding 5%, 70s of 5m done")
		}, numbers},
		"that it was looked at": {func(s *v1alpha1.TrafficShiftStatus) { s.ObservedAt = &metav1.Time{Time: began.Add(10 * time.Second)} }, numbers},
	} {
		t.Run(name, func(t *testing.T) {
			stored, is := toldAt(began), toldAt(began)
			var told cluster.Told
			told.Wrote(began)
			if left, changed := told.Due(stored, is, began); changed {
				t.Fatalf("nothing is new, and due in %s", left)
			}
			c.change(&is)
			now := began.Add(10 * time.Second)
			left, changed := told.Due(stored, is, now)
			if !changed || left != c.left {
				t.Fatalf("due in %s, changed %t; want %s", left, changed, c.left)
			}
			if left, _ = told.Due(stored, is, now.Add(c.left)); left != 0 {
				t.Errorf("still due in %s when its time is over", left)
			}
		})
	}
}

// What has passed before it was written costs no write, and what comes then has its own time.
func TestWhatHasPassedIsNotWritten(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	stored, waits := toldAt(now), toldAt(now)
	condition(&waits, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonWaiting, "the canary needs 4 pods for 100%")
	var told cluster.Told
	told.Wrote(now)
	for i, c := range []struct {
		is   v1alpha1.TrafficShiftStatus
		left time.Duration
	}{{waits, 15 * time.Second}, {waits, 5 * time.Second}, {stored, 0}, {waits, 15 * time.Second}} {
		now = now.Add(10 * time.Second)
		if left, changed := told.Due(stored, c.is, now); left != c.left || changed != (c.left > 0) {
			t.Errorf("pass %d: due in %s, changed %t, want %s", i, left, changed, c.left)
		}
	}
}

// While a weight is new few requests tell the share, and every slice may tell another one.
func TestTheShareOfFewRequestsIsNoNews(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	stored := toldAt(now)
	stored.Release.SettledAt = ptr.To(metav1.NewTime(now))
	is := *stored.DeepCopy()
	condition(&is, v1alpha1.ConditionTrafficShifted, metav1.ConditionFalse, v1alpha1.ReasonNotShifted, "")
	var told cluster.Told
	told.Wrote(now)
	for after, want := range map[time.Duration]time.Duration{10 * time.Second: v1alpha1.Heartbeat - 10*time.Second, 46 * time.Second: cluster.Shortly} {
		now := told
		if left, _ := now.Due(stored, is, stored.Release.SettledAt.Add(after)); left != want {
			t.Errorf("%s after it was live: due in %s, want %s", after, left, want)
		}
	}
}

// An operator that has just begun tells at once that it looks.
func TestANewOperatorTellsAtOnceThatItLooks(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	stored, is := toldAt(now), toldAt(now.Add(time.Second))
	if left, changed := new(cluster.Told).Due(stored, is, now.Add(time.Second)); left != 0 || !changed {
		t.Errorf("due in %s, changed %t", left, changed)
	}
}

// What is said of past releases counts once: the newest by what it says, unless the release says it too, and the others by being there.
func TestStatusesDifferByTheirHistories(t *testing.T) {
	with := func(change func(*v1alpha1.TrafficShiftStatus)) v1alpha1.TrafficShiftStatus {
		s := v1alpha1.TrafficShiftStatus{Release: &v1alpha1.Release{Number: 8}, History: []v1alpha1.PastRelease{{Number: 7, Reason: v1alpha1.ReasonCommanded}, {Number: 6}}}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.TrafficShiftStatus)
		same   bool
	}{
		"nothing":              {func(*v1alpha1.TrafficShiftStatus) {}, true},
		"counts":               {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Exposed = 9 }, true},
		"the newest says more": {func(s *v1alpha1.TrafficShiftStatus) { s.History[0].Reason = v1alpha1.ReasonPromoted }, false},
		"one has come": {func(s *v1alpha1.TrafficShiftStatus) {
			s.History = append([]v1alpha1.PastRelease{{Number: 8}}, s.History...)
		}, false},
		"the oldest has gone":                {func(s *v1alpha1.TrafficShiftStatus) { s.History = s.History[:1] }, false},
		"the oldest is another":              {func(s *v1alpha1.TrafficShiftStatus) { s.History[1].Number = 5 }, false},
		"the newest, which the release says": {func(s *v1alpha1.TrafficShiftStatus) { s.Release.Number, s.History[0].Reason = 7, "" }, true},
	} {
		before := with(func(s *v1alpha1.TrafficShiftStatus) {
			if name == "the newest, which the release says" {
				s.Release.Number = 7
			}
		})
		if after := with(c.change); cluster.SameButNumbers(before, after) != c.same || len(before.History) != 2 || before.History[0].Reason == "" {
			t.Errorf("%s: same is %v, want %v; compared was %+v", name, !c.same, c.same, before.History)
		}
	}
}
