package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Row is one Service in a list. Texts are clean; what is unknown is "".
type Row struct {
	Namespace, Name string
	State           State
	// Observed is how long ago the operator last looked at the running release, negative as on a Screen; Unattended says that it was too long
	// ago for an operator to be at work.
	Observed   time.Duration
	Unattended bool
	// Step is "2/5", Weight the wanted one.
	Step, Weight string
	// Version is "checkout:1.5.0 over 1.4.2" while a release runs or was aborted, else the version that serves.
	Version string
	// Verdict of a running release, as an Objective's; "" when the counts say nothing.
	Verdict string
	// Why is the reason of what keeps people from rest, "" when nothing does, and WhyText says it in words, shortly.
	Why, WhyText string
	// Policy is the name of the ShiftPolicy, Next what happens next.
	Policy, Next string
	// Since is how long ago the last thing happened, negative when unknown.
	Since time.Duration
}

// Fleet lists Services, newest trouble first: what needs people, then what moves, then what is at rest; in each the newest
// first, then by namespace and name.
func (b Beside) Fleet(shifts []v1alpha1.TrafficShift, now time.Time) []Row {
	rows := make([]Row, 0, len(shifts))
	for i := range shifts {
		rows = append(rows, b.row(&shifts[i], now))
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		// An unknown time is older than any known one.
		return cmp.Or(cmp.Compare(urgency(a.tone()), urgency(b.tone())), cmp.Compare(uint64(a.Since), uint64(b.Since)),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return rows
}

func (b Beside) row(shift *v1alpha1.TrafficShift, now time.Time) Row {
	s := b.Release(shift, now)
	row := Row{Namespace: s.Namespace, Name: s.Name, State: s.State, Policy: s.Policy, Next: s.Next, Since: -1, Version: s.Stable, Observed: s.Observed, Unattended: s.Unattended}
	if s.Number > 0 || s.Waiting != "" {
		row.Version = versionPair(s.Canary, s.Stable)
		if s.State == StateIdle || s.State == StatePromoted {
			row.Version = cmp.Or(newest(shift.Status.Stable), s.Canary)
		}
	}
	if s.Weight != nil {
		row.Verdict = s.doubted(strings.ToLower(clean(shift.Status.Release.Verdict)), shift, s.Against >= s.SuspiciousAt)
		row.Weight = s.Weight.Wanted
		if s.Steps > 0 {
			row.Step = strconv.Itoa(s.Step) + "/" + strconv.Itoa(s.Steps)
		}
		row.Next = cmp.Or(s.Weight.moves(), row.Next)
	}
	switch waits := Waits(shift, now); {
	case waits != "":
		row.Why, row.WhyText = waits+" waits", waits+" waits"
	case len(s.Notes) > 0:
		row.Why, row.WhyText = cmp.Or(s.Notes[0].Reason, s.Notes[0].Message), briefly(s.Notes[0].Reason, s.Notes[0].Message)
	case s.Outcome != nil && s.State != StatePromoted && s.State != StateIdle:
		row.Why, row.WhyText = s.Outcome.Reason, briefly(s.Outcome.Reason, s.Outcome.Message)
	}
	at := changedAt(shift)
	switch {
	case s.Waiting != "":
		at = cmp.Or(b.waitsSince(shift), at)
	case s.news.version:
		at = now.Add(-s.news.ago)
	}
	if !at.IsZero() {
		row.Since = max(now.Sub(at), 0)
	}
	return row
}

// mostBrief is how many columns a brief reason may take.
const mostBrief = 100

// briefly is a reason with the first part of its message, or either of them where the other is missing.
func briefly(reason, message string) string {
	first, _, _ := strings.Cut(message, "; ")
	return ansi.Truncate(strings.TrimPrefix(strings.TrimSuffix(reason+": "+first, ": "), ": "), mostBrief, "…")
}

// tone is how the row is meant.
func (r Row) tone() Tone { return Screen{State: r.State, Unattended: r.Unattended}.tone() }

// urgency is smaller for what a person should see sooner.
func urgency(t Tone) int {
	switch t {
	case ToneBad:
		return 0
	case ToneCareful:
		return 1
	case ToneBusy, TonePlain:
		return 2
	}
	return 3
}

// changedAt is when the last thing happened to a release or its readiness.
func changedAt(shift *v1alpha1.TrafficShift) time.Time {
	last := shift.CreationTimestamp.Time
	for _, c := range shift.Status.Conditions {
		if c.LastTransitionTime.After(last) && c.Type == v1alpha1.ConditionReady {
			last = c.LastTransitionTime.Time
		}
	}
	r := shift.Status.Release
	if r == nil {
		return last
	}
	if r.StartedAt.After(last) {
		last = r.StartedAt.Time
	}
	if r.StepStartedAt != nil && r.StepStartedAt.After(last) {
		last = r.StepStartedAt.Time
	}
	if r.FinishedAt != nil && r.FinishedAt.After(last) {
		last = r.FinishedAt.Time
	}
	return last
}

func versionPair(canary, stable string) string {
	if canary == "" || stable == "" || canary == stable {
		return cmp.Or(canary, stable)
	}
	return canary + " over " + stable
}
