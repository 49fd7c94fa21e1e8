package view_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// screens are all that is shown of a TrafficShift, by its name.
func screens(t *testing.T, s *v1alpha1.TrafficShift) map[string]string {
	t.Helper()
	wide := view.Layout{Width: 400, Wide: true}
	page, err := json.Marshal(alone.ServicePage(s, now, nil, func(view.Verb) string { return "" }))
	if err != nil {
		t.Fatal(err)
	}
	board, err := json.Marshal(alone.Board([]v1alpha1.TrafficShift{*s}, "", now))
	if err != nil {
		t.Fatal(err)
	}
	why := alone.Why(s, now)
	record, err := json.Marshal(why.Record(s, now))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"status": view.Release(s, now).Text(wide), "why": why.Text(wide), "why as JSON": string(record), "page": string(page), "board": string(board),
		"list": view.Table(alone.Fleet([]v1alpha1.TrafficShift{*s}, now), true, wide),
	}
}

// troubles are what can be the matter with a release that runs, as its status tells.
func troubles() map[string]func(*v1alpha1.TrafficShift) {
	all := map[string]func(*v1alpha1.TrafficShift){
		"evidence against it": func(s *v1alpha1.TrafficShift) { s.Status.Release.Objectives[0].Against = "33" },
		"little evidence against each": func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Objectives[0].Against, s.Status.Release.Objectives[1].Against = "6", "5"
		},
		"no operator":          unattended,
		"nobody tells of it":   func(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = nil },
		"a command that waits": commanded,
		"contested routes":     func(s *v1alpha1.TrafficShift) { s.Status.Release.Contested.Routes = 2 },
		"a contested selector": func(s *v1alpha1.TrafficShift) { s.Status.Release.Contested.Selector = 2 },
		"no counts of one objective": func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Objectives = s.Status.Release.Objectives[:1]
		},
		"a pause": func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused },
		"no word of the counts": func(s *v1alpha1.TrafficShift) {
			s.Status.Conditions = slices.DeleteFunc(s.Status.Conditions, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionEvidenceCurrent })
		},
	}
	for _, kind := range []string{v1alpha1.ConditionWorkloadReady, v1alpha1.ConditionTrafficShifted, v1alpha1.ConditionIsolated, v1alpha1.ConditionReachable,
		v1alpha1.ConditionEvidenceCurrent} {
		for _, status := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown} {
			for _, reason := range []v1alpha1.Reason{v1alpha1.ReasonPending, v1alpha1.ReasonNoData, v1alpha1.ReasonStale, v1alpha1.ReasonNoTraffic, v1alpha1.ReasonSettling, v1alpha1.ReasonRoutesGone, "Untold"} {
				all[fmt.Sprintf("%s %s %s", kind, status, reason)] = func(s *v1alpha1.TrafficShift) { set(s, kind, status, reason, "", time.Minute) }
			}
		}
	}
	for _, reason := range []v1alpha1.Reason{v1alpha1.ReasonNotCleared, v1alpha1.ReasonSuspicious, v1alpha1.ReasonClientErrors, v1alpha1.ReasonPodOutlier, v1alpha1.ReasonPaused,
		v1alpha1.ReasonSettling, v1alpha1.ReasonNotShifted, v1alpha1.ReasonForeignEdit, v1alpha1.ReasonNoTraffic, v1alpha1.ReasonNoData, v1alpha1.ReasonStale,
		v1alpha1.ReasonPrometheusUnreachable, v1alpha1.ReasonStableNotReady, v1alpha1.ReasonCanaryNotReady, v1alpha1.ReasonCanaryAway, v1alpha1.ReasonSharedBreach,
		v1alpha1.ReasonNoConcurrentControl, v1alpha1.ReasonSelectorReverted, v1alpha1.ReasonSiblingServices, v1alpha1.ReasonWaiting, v1alpha1.ReasonWriteFailed,
		v1alpha1.ReasonWriteDenied, v1alpha1.ReasonRouteWriteDenied, v1alpha1.ReasonInvalid, v1alpha1.ReasonPolicyNotFound, "Untold"} {
		all["waits: "+string(reason)] = func(s *v1alpha1.TrafficShift) {
			set(s, v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, "", time.Minute)
		}
	}
	return all
}

// TestAReleaseInTroubleIsNotCalledWell whatever is the matter with it, on any screen.
func TestAReleaseInTroubleIsNotCalledWell(t *testing.T) {
	if text := alone.Why(shifting(), now).Text(view.Layout{Width: 400}); !strings.Contains(text, "nothing is wrong") {
		t.Errorf("of a release without trouble is said:\n%s", text)
	}
	for name, trouble := range troubles() {
		for screen, text := range screens(t, with(shifting(), trouble)) {
			if strings.Contains(text, "nothing is wrong") {
				t.Errorf("%s: %s says that nothing is wrong:\n%s", name, screen, text)
			}
		}
	}
}

// TestNobodyIsHealthyOrUnmetByOldCounts: where nobody counts, no version is healthy, and nobody knows whether a request has met it.
func TestNobodyIsHealthyOrUnmetByOldCounts(t *testing.T) {
	for name, trouble := range troubles() {
		if !strings.HasPrefix(name, v1alpha1.ConditionEvidenceCurrent) && name != "no operator" && name != "no word of the counts" {
			continue
		}
		unmet := func(s *v1alpha1.TrafficShift) {
			trouble(s)
			s.Status.Release.Exposed, s.Status.Release.Failed, s.Status.Release.Verdict = 0, 0, "Healthy"
		}
		for screen, text := range screens(t, with(shifting(), unmet)) {
			text, _, _ = strings.Cut(text, `"release":{`) // the record is what was counted
			if soothing := regexp.MustCompile(`(?i)\bhealthy\b|no request has met`).FindString(text); soothing != "" {
				t.Errorf("%s: %s says %q:\n%s", name, screen, soothing, text)
			}
		}
	}
}

// TestOneClockIsOnAScreen: whatever a release waits for, no screen has two estimates of when it goes on, nor the operator's sentence twice.
func TestOneClockIsOnAScreen(t *testing.T) {
	const message = "not proven yet for more than 5%: 74 more good requests of the canary would do, which come in about 51s at the present traffic"
	estimate := regexp.MustCompile(`in about [0-9a-z]+|any moment`)
	for name, trouble := range troubles() {
		estimated := func(s *v1alpha1.TrafficShift) {
			trouble(s)
			s.Status.Release.Next = message
			for i, c := range s.Status.Conditions { // those that have the operator's sentence
				if c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionReconciling {
					s.Status.Conditions[i].Message = message
				}
			}
		}
		for screen, text := range screens(t, with(shifting(), estimated)) {
			found := estimate.FindAllString(text, -1)
			slices.Sort(found)
			if found = slices.Compact(found); len(found) > 1 {
				t.Errorf("%s: %s says %q:\n%s", name, screen, found, text)
			}
			if n := strings.Count(text, message); n > 1 {
				t.Errorf("%s: %s says the operator's sentence %d times:\n%s", name, screen, n, text)
			}
		}
	}
}
