package release

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// verb is what a command asks for.
type verb string

const (
	abortNow verb = "abort"
	retry    verb = "retry"
	promote  verb = "promote"
)

// Command is a one-shot command of a person: "<verb> <release number>[/<moves>] <token> [reason]". With the count of weights that were
// written when the person looked, it is for that weight alone.
type Command struct {
	verb   verb
	number int64
	// guarded says that the command is for the weight that was seen, after so many moves.
	guarded bool
	moves   int64
	// Token tells one command from the next.
	Token string
	// Why is the reason that was given; may be empty.
	Why string
	bad string
}

// ParseCommand reads the annotation. What cannot be read is a command too: it will be answered with what is wrong with it.
func ParseCommand(text string) *Command {
	words := strings.Fields(text)
	if len(words) < 3 {
		return &Command{Token: shorten(text), bad: "a command is \"<verb> <release number> <token> [reason]\""}
	}
	c := &Command{verb: verb(words[0]), Token: shorten(words[2]), Why: cut(strings.Join(words[3:], " "))}
	var number, moves string
	var err error
	number, moves, c.guarded = strings.Cut(words[1], "/")
	if c.number, err = strconv.ParseInt(number, 10, 64); err != nil {
		c.bad = fmt.Sprintf("release number %q is not a number", shorten(number))
	}
	if c.guarded {
		if c.moves, err = strconv.ParseInt(moves, 10, 32); err != nil || c.moves < 0 {
			c.bad = fmt.Sprintf("count of moves %q is not a number from 0", shorten(moves))
		}
	}
	switch c.verb {
	case abortNow, retry, promote:
	default:
		c.bad = fmt.Sprintf("verb %q is not known; known are abort, retry and promote", shorten(words[0]))
	}
	return c
}

// shorten keeps text of people within what a status holds.
func shorten(s string) string { return strings.ToValidUTF8(s[:min(len(s), 64)], "") }

// commanded says whether a command with this verb was given for the present release and can be carried out.
func (o Observation) commanded(v verb) bool {
	c := o.Wanted.Command
	return c != nil && c.verb == v && refusal(o, c) == ""
}

// cleared says whether fresh counts of this process clear the next weight.
func (o Observation) cleared() bool {
	return o.Evidence.Fresh && o.Evidence.Seen && o.proven()
}

func whenToldToAbort(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || !o.commanded(abortNow) {
		return Decision{}, false
	}
	message := "aborted by command"
	if o.Wanted.Command.Why != "" {
		message += ": " + o.Wanted.Command.Why
	}
	d, ok := abort(o, v1alpha1.ReasonCommanded, v1alpha1.RefuseTemplate, message)
	d.Answer = &Answer{Token: o.Wanted.Command.Token, Accepted: true, Message: message}
	return d, ok
}

// answered refuses a command that no rule will ever carry out.
func answered(o Observation, d Decision) Decision {
	c := o.Wanted.Command
	if c == nil || d.Answer != nil {
		return d
	}
	if message := refusal(o, c); message != "" {
		d.Answer = &Answer{Token: c.Token, Message: message}
	}
	return d
}

// refusal says why a command will never be carried out; empty when it can be.
func refusal(o Observation, c *Command) string {
	switch {
	case c.bad != "":
		return c.bad
	case o.Release == nil:
		return "there is no release yet"
	case c.number != o.Release.Number:
		return fmt.Sprintf("release %d is not the present one, which is %d", c.number, o.Release.Number)
	case c.guarded && c.moves != int64(o.Release.Moves):
		return fmt.Sprintf("release %d has gone to another weight since the command was given", c.number)
	case c.verb == retry:
		return refuseRetry(o)
	case !o.running():
		return fmt.Sprintf("release %d is over", c.number)
	case o.aborting():
		return fmt.Sprintf("release %d is being taken back already", c.number)
	case o.Workload.HandedOver:
		return fmt.Sprintf("release %d was handed over; to go back, give the Deployment the template it had", c.number)
	case c.verb == promote:
		return refusePromote(o, c)
	}
	return ""
}

func refuseRetry(o Observation) string {
	switch {
	case o.running():
		return fmt.Sprintf("release %d is still running; retry is for a template that was taken back", o.Release.Number)
	case o.Refused == "" || o.Refused != o.Workload.Template:
		return "no template is waiting to be tried again"
	}
	return ""
}

func refusePromote(o Observation, c *Command) string {
	_, more := o.Release.NextStop()
	switch {
	case o.Release.Step == 0:
		return "the release has no traffic yet; promote leaves a step"
	case !more:
		return "the release is at its last step; only evidence hands it over"
	case c.Why == "" && !o.cleared():
		return "the evidence does not clear the next step; say why it is to be left all the same"
	}
	return ""
}
