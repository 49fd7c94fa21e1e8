package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// CommandOn is the command on a TrafficShift that has no answer yet; nil when there is none.
func CommandOn(s *v1alpha1.TrafficShift) *Command {
	text := s.Annotations[v1alpha1.CommandAnnotation]
	if text == "" {
		return nil
	}
	c := ParseCommand(text, s.Annotations[v1alpha1.CommandedByAnnotation])
	if c.Token == s.Status.LastHandledCommand {
		return nil
	}
	if w := CommandWriter(s.ManagedFields); len(w) > 0 {
		c.Given = w[0].Time.Time
	}
	if parts := strings.SplitN(s.Annotations[v1alpha1.ReplacedAnnotation], "\n", 3); len(parts) == 3 && parts[0] == tokenIn(strings.Fields(text)) {
		// One that was answered while the other was written was not replaced.
		if was := ParseCommand(parts[2], parts[1]); was.Token != s.Status.LastHandledCommand {
			c.Replaced = was
		}
	}
	return c
}

// CommandWriter is who wrote the command last among the managed fields of a TrafficShift, without the fields but for that one; none where the API
// server does not tell.
func CommandWriter(all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	for _, e := range all {
		if e.Time == nil || e.FieldsV1 == nil || !strings.Contains(e.FieldsV1.GetRawString(), `"f:`+v1alpha1.CommandAnnotation+`"`) {
			continue
		}
		e.FieldsV1 = metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:` + v1alpha1.CommandAnnotation + `":{}}}}`)
		return []metav1.ManagedFieldsEntry{e}
	}
	return nil
}

// given is when the command was given: when it was written, or seen first where that was before, since the same program may have written another
// field later; nil where neither is known.
func (c *Command) given(seen *v1alpha1.PendingCommand, now time.Time) *metav1.Time {
	at := c.Given
	if seen != nil && seen.Token == c.Token && (at.IsZero() || seen.Since.Time.Before(at)) {
		at = seen.Since.Time
	}
	switch {
	case at.IsZero():
		return nil
	case at.After(now):
		at = now // by another clock
	}
	return stamp(at)
}

// Replacing is the value of ReplacedAnnotation for a command with the token: it keeps the command that is on the TrafficShift, which has no
// answer yet, for the record.
func Replacing(s *v1alpha1.TrafficShift, token string) string {
	return strings.Join([]string{token, s.Annotations[v1alpha1.CommandedByAnnotation], s.Annotations[v1alpha1.CommandAnnotation]}, "\n")
}

// InTheWay is the command on a TrafficShift in whose place none with the verb may be written before it is answered; nil when there is none.
// What takes the present release back gives way to nothing, any other command of it to what takes it back. A command that cannot be read or
// is for another release is in nobody's way: it is never carried out. The admission policy stagger-author knows the same rule.
func InTheWay(s *v1alpha1.TrafficShift, with string) *Command {
	c, r := CommandOn(s), s.Status.Release
	if c == nil || c.bad != "" || r == nil || c.Number != r.Number || !c.verb.takesBack() && verb(with).takesBack() {
		return nil
	}
	return c
}

// TakenBack says whether the running release of a TrafficShift is being taken back, or a command waits that takes it back.
func TakenBack(s *v1alpha1.TrafficShift) bool {
	r := s.Status.Release
	if !r.Running() || r.Aborting() {
		return r.Running()
	}
	c := CommandOn(s)
	return c != nil && c.bad == "" && c.Number == r.Number && c.verb.takesBack()
}

// takesBack says whether the verb takes a running release back.
func (v verb) takesBack() bool { return v == abortNow || v == undo }

// named is a command in a sentence: who gave it, where that is known.
func (c *Command) named() string {
	name := c.Name()
	if c.bad != "" {
		name += " command"
	}
	if c.By == "" {
		return name
	}
	return fmt.Sprintf("%s of %s", name, c.By)
}

// recorded takes into the record what became of a command that was answered, and of the one that it replaced.
func (c *Command) recorded(o Observation, d Decision, now time.Time) Decision {
	r := cmp.Or(d.Release, o.Release)
	if r == nil || d.Answer == nil && c.Replaced == nil {
		return d
	}
	r = r.DeepCopy()
	if was := c.Replaced; was != nil {
		was.record(r, v1alpha1.CommandReplaced, "replaced by "+c.named()+" before it was carried out", was.given(cmp.Or(o.Release, r).Pending, now), now)
	}
	if a := d.Answer; a != nil {
		result := v1alpha1.CommandRefused
		if a.Accepted {
			result = v1alpha1.CommandAccepted
		}
		c.record(r, result, a.Message, c.given(r.Pending, now), now)
		r.Pending = nil
	}
	d.Release = r
	return d
}

// record writes down what became of a command. One that is in the record already, as an undo that took the release back first, gets its
// last answer; what was carried out stays so.
func (c *Command) record(r *v1alpha1.Release, result v1alpha1.CommandResult, message string, given *metav1.Time, now time.Time) {
	at := slices.IndexFunc(r.Commands, func(x v1alpha1.RecordedCommand) bool { return x.Token == c.Token })
	if at >= 0 {
		if r.Commands[at].Result != v1alpha1.CommandAccepted {
			r.Commands[at].Result = result
		}
		r.Commands[at].Message = message
		return
	}
	r.Commands = append(r.Commands, v1alpha1.RecordedCommand{
		Verb: c.Name(), Gate: c.Gate, Token: c.Token, By: c.By, Reason: c.Why, GivenAt: given, At: *stamp(now), Result: result, Message: message})
	r.Commands = r.Commands[max(0, len(r.Commands)-mostCommands):]
}
