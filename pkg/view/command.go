package view

import (
	"cmp"
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/fieldmanager"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Waits says which command on a TrafficShift has no answer yet: "abort of release 7 (by ops@example.com 12s ago)"; "" when there is none.
func Waits(shift *v1alpha1.TrafficShift, now time.Time) string {
	c := release.CommandOn(shift)
	if c == nil {
		return ""
	}
	said := cmp.Or(c.Name(), "a command")
	if c.Number > 0 {
		said += fmt.Sprintf(" of release %d", c.Number)
	}
	if by := writtenBy(shift, c.By, now, "metadata", "annotations", v1alpha1.CommandAnnotation); by != "" {
		said += " (" + by + ")"
	}
	return clean(said)
}

// commandNote is the note about a command that waits; false when there is none.
func commandNote(shift *v1alpha1.TrafficShift, now time.Time) (Note, bool) {
	waits := Waits(shift, now)
	if waits == "" {
		return Note{}, false
	}
	message := waits + " waits to be carried out"
	if why := release.CommandOn(shift).Why; why != "" {
		message += ": " + why
	}
	return Note{Label: "COMMAND", Message: clean(message)}, true
}

// waitingCommand is the command of a TrafficShift that has no answer yet, for a report; false when there is none.
func waitingCommand(shift *v1alpha1.TrafficShift) (ReportCommand, bool) {
	c := release.CommandOn(shift)
	if c == nil {
		return ReportCommand{}, false
	}
	w := ReportCommand{Verb: clean(c.Name()), By: clean(c.By), Reason: clean(c.Why), Result: "Waits", Message: "it is not carried out yet"}
	if m := fieldmanager.LastWriter(shift.ManagedFields, "", "metadata", "annotations", v1alpha1.CommandAnnotation); m != nil {
		w.Given = known(m.Time)
	}
	return w, true
}

// writtenBy says who wrote a field of a TrafficShift, and how long ago; "" where the API server does not tell. Where the user is not known,
// it is the program that wrote.
func writtenBy(shift *v1alpha1.TrafficShift, user string, now time.Time, path ...string) string {
	m := fieldmanager.LastWriter(shift.ManagedFields, "", path...)
	if m == nil && user == "" {
		return ""
	}
	said := "by " + clean(user)
	if m != nil && user == "" {
		said = "by " + clean(m.Manager)
	}
	if m != nil && m.Time != nil {
		said += " " + span(max(now.Sub(m.Time.Time), 0)) + " ago"
	}
	return said
}
