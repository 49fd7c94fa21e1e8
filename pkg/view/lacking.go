package view

import (
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// lateCount is how old the last count may be that still stands for the present: a minute, in which reports of proxies are scraped, the usual time
// that a report looks back, and the time until it is told.
const lateCount = time.Minute + 15*time.Second + v1alpha1.Heartbeat

// lacking says which requests that met the canary of the newest release are not counted, "" when all are; unattended says that the caller knows
// of no operator that works.
func lacking(shift *v1alpha1.TrafficShift, r *v1alpha1.Release, unattended bool, now time.Time) string {
	said, until := notCounted(r.Counted), lastCount(shift, r)
	switch {
	case !r.Running() && !r.Counting(), len(r.Weights) == 0 && r.Exposed <= 0, until.IsZero():
	case unattended, now.Sub(until) > lateCount, observedAgo(shift, now) > lateLook, r.Running() && r.Outcome == nil && !counts(shift):
		if said == "" {
			return "not counted since " + clock(until, until) + " UTC"
		}
		said += " and since " + clock(until, until) + " UTC"
	case (r.Outcome != nil || r.State.Ended()) && r.Counted.Until != nil:
		said = strings.TrimPrefix(said+"; those since "+clock(until, until)+" UTC are still being counted", "; ")
	}
	return said
}

// lastCount is up to when the requests that met the canary are counted, as far as the record tells; zero when it tells nothing of it.
func lastCount(shift *v1alpha1.TrafficShift, r *v1alpha1.Release) time.Time {
	if until := r.Counted.Until; until != nil {
		return until.Time
	}
	if !r.Running() || shift.Status.ObservedAt == nil {
		return time.Time{}
	}
	looked := shift.Status.ObservedAt.Time
	if c := condition(shift, v1alpha1.ConditionEvidenceCurrent); c != nil && r.Outcome == nil && !counts(shift) && c.LastTransitionTime.Time.Before(looked) {
		return c.LastTransitionTime.Time
	}
	return looked
}

// notCounted says at which times requests could not be counted, "" when there is none.
func notCounted(c v1alpha1.Counted) string {
	var gaps []string
	for _, g := range c.Gaps {
		gaps = append(gaps, "from "+clock(g.From.Time, g.To.Time)+" to "+clock(g.To.Time, g.To.Time)+" UTC")
	}
	if len(gaps) == 0 {
		return ""
	}
	return "not counted " + strings.Join(gaps, " and ")
}

// clock is a time of the day of another one in UTC, and with its date on another day.
func clock(t, of time.Time) string {
	if t.UTC().Format(time.DateOnly) != of.UTC().Format(time.DateOnly) {
		return t.UTC().Format(time.DateTime)
	}
	return t.UTC().Format(time.TimeOnly)
}
