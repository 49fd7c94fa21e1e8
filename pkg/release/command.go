package release

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// verb is what a command asks for.
type verb string

const (
	abortNow    verb = "abort"
	retry       verb = "retry"
	undo        verb = "undo"
	replan      verb = "replan"
	promote     verb = "promote"
	promoteFull verb = "promote-full"
	approve     verb = "approve"
)

// Command is a one-shot command of a person: "<verb> <release number>[/<moves>] <token> [reason]", an approve with its gate before the reason. With the count of weights that were
// written when the person looked, it is for that weight alone.
type Command struct {
	verb verb
	// Number is the release that it is for; 0 where it cannot be read.
	Number int64
	// guarded says that the command is for the weight that was seen, after so many moves.
	guarded bool
	moves   int64
	// Token tells one command from the next.
	Token string
	// Gate is what an approve names; empty for other verbs.
	Gate string
	// Why is the reason that was given; may be empty.
	Why string
	// By is the user who gave it, as the API server knows him; empty where it does not tell.
	By string
	// Given is when the annotation was written, as the API server tells; zero where it does not.
	Given time.Time
	// Replaced is the command in whose place this one was written before it was answered; nil when there was none.
	Replaced *Command
	bad      string
}

// ParseCommand reads the annotation, and the one that says whose token it is: "<token> <user>". What cannot be read is a command too: it
// will be answered with what is wrong with it.
func ParseCommand(text, by string) *Command {
	words := strings.Fields(text)
	c := &Command{}
	if token, user, _ := strings.Cut(by, " "); token == tokenIn(words) {
		user = strings.Join(strings.Fields(user), " ")
		c.By = truncate(user, mostUser)
	}
	if len(words) < 3 {
		c.Token, c.bad = truncate(text, mostToken), "a command is \"<verb> <release number> <token> [reason]\""
		return c
	}
	c.verb, c.Token = verb(words[0]), truncate(words[2], mostToken)
	c.take(words[3:])
	var number, moves string
	var err error
	number, moves, c.guarded = strings.Cut(words[1], "/")
	if c.Number, err = natural(number, 18); err != nil {
		c.bad = fmt.Sprintf("release number %q is not a number", truncate(number, mostToken))
	}
	if c.guarded {
		if c.moves, err = natural(moves, 9); err != nil {
			c.bad = fmt.Sprintf("count of moves %q is not a number from 0", truncate(moves, mostToken))
		}
	}
	switch c.verb {
	case abortNow, retry, undo, replan, promote, promoteFull, approve:
	default:
		c.bad = fmt.Sprintf("verb %q is not known; known are abort, retry, undo, replan, promote, promote-full and approve", truncate(words[0], mostToken))
	}
	return c
}

// take reads what follows the token: the gate of an approve, and the reason.
func (c *Command) take(rest []string) {
	if c.verb == approve {
		if len(rest) == 0 {
			c.bad = "an approve names its gate: \"approve <release number> <token> <gate> [reason]\""
			return
		}
		c.Gate, rest = truncate(rest[0], mostToken), rest[1:]
	}
	c.Why = truncate(strings.Join(rest, " "), mostMessage)
}

// natural reads a number from 0 of at most so many digits. The admission policy stagger-author reads the same ones: what is a command for one of the
// two is one for the other.
func natural(text string, digits int) (int64, error) {
	text = strings.TrimPrefix(text, "+")
	if len(text) > digits || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(text, 10, 64)
}

// Unnamed is the same command, and the one that it replaced, of nobody knows whom; nil for none.
func (c *Command) Unnamed() *Command {
	if c == nil {
		return nil
	}
	unnamed := *c
	unnamed.By, unnamed.Replaced = "", c.Replaced.Unnamed()
	return &unnamed
}

// tokenIn is the token among the words of a command, "-" where there is none. The admission policy stagger-author writes it beside the user.
func tokenIn(words []string) string {
	if len(words) < 3 {
		return "-"
	}
	return words[2]
}

// Name is what is commanded, "unreadable" when that is not known; empty without a command.
func (c *Command) Name() string {
	switch {
	case c == nil:
		return ""
	case c.bad != "":
		return "unreadable"
	}
	return string(c.verb)
}

// commanded says whether a command with this verb was given for the present release and can be carried out.
func (o Observation) commanded(v verb) bool {
	c := o.Wanted.Command
	return c != nil && c.verb == v && refusal(o, c) == ""
}

// leaving says whether a person wants the present weight left, whatever the evidence has cleared.
func (o Observation) leaving() bool { return o.commanded(promote) || o.commanded(promoteFull) }

// cleared says whether fresh counts of this process clear the next weight, and nothing else holds it.
func (o Observation) cleared() bool {
	return o.Evidence.Fresh && o.Evidence.Seen && o.proven() && !o.clientErrors()
}

// because appends who gave the command, and the reason that was given.
func (c *Command) because(message string) string {
	if c.By != "" {
		message += " (" + c.By + ")"
	}
	if c.Why == "" {
		return message
	}
	return message + ": " + c.Why
}

// accepted is the answer to a command that is carried out.
func (c *Command) accepted(message string) *Answer {
	return &Answer{Token: c.Token, Accepted: true, Message: truncate(message, mostMessage)}
}

// refused is the answer to a command that is not carried out.
func (c *Command) refused(message string) *Answer {
	return &Answer{Token: c.Token, Message: truncate(message, mostMessage)}
}

// answered refuses a command that no rule ever will carry out, gives up one that waits for too long, and takes what became of it into the
// record.
func answered(o Observation, d Decision, now time.Time) Decision {
	c := o.Wanted.Command
	if c == nil {
		return d
	}
	if d.Answer == nil {
		if message := refusal(o, c); message != "" {
			d.Answer = c.refused(message)
		} else {
			d = pending(o, d, now)
		}
	}
	return c.recorded(o, d, now)
}

// pending gives up a command that cannot be carried out for as long as the pods of a step may take, counted anew from each weight on the
// way. An abort has times of its own, and a command that waits for it is answered by its end.
func pending(o Observation, d Decision, now time.Time) Decision {
	r := cmp.Or(d.Release, o.Release).DeepCopy()
	if r.Aborting() {
		return d
	}
	c, limit := o.Wanted.Command, r.Plan.Workload.ReadyWithin
	if r.Pending == nil || r.Pending.Token != c.Token {
		r.Pending = &v1alpha1.PendingCommand{Token: c.Token, Since: *stamp(now)}
	}
	since := r.Pending.Since.Time
	for _, t := range []*metav1.Time{r.StepStartedAt, r.HandoverSince} {
		if t != nil && t.After(since) {
			since = t.Time
		}
	}
	d.Release = r
	switch left := since.Add(limit.Duration()).Sub(now); {
	case left <= 0:
		d.Answer = c.refused(fmt.Sprintf("given up after %s: %s", limit, d.Message))
	case d.After == 0 || left < d.After:
		d.After = left
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
	case c.Number != o.Release.Number:
		return fmt.Sprintf("release %d is not the present one, which is %d", c.Number, o.Release.Number)
	case c.guarded && c.moves != int64(o.Release.Moves):
		return fmt.Sprintf("release %d has gone to another weight since the command was given", c.Number)
	case c.verb == retry:
		return refuseRetry(o)
	case c.verb == undo && !(o.running() && o.Workload.HandedOver):
		return refuseUndo(o)
	}
	return refuseOfRunning(o, c)
}

// refuseOfRunning is refusal of what takes a running release.
func refuseOfRunning(o Observation, c *Command) string {
	switch {
	case !o.running():
		return fmt.Sprintf("release %d is over", c.Number)
	case o.aborting():
		return fmt.Sprintf("release %d is being taken back already: %s", c.Number, o.Release.Outcome.Message)
	case o.Workload.HandedOver && (c.verb != promoteFull || o.Release.Outcome != nil):
		return fmt.Sprintf("release %d was handed over; to go back, give the Deployment the template it had", c.Number)
	case c.verb == replan:
		return refuseReplan(o)
	case c.verb == approve:
		return refuseApprove(o, c)
	case c.verb == promote || c.verb == promoteFull:
		return cmp.Or(refusePromote(o, c), refusePastGates(o, c))
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
	case o.Wanted.Paused:
		return "control is Paused; nothing is raised until it is Auto again"
	case o.Release.Step == 0 && c.verb == promote && o.stableReady():
		return "the release has no traffic yet; promote leaves a step"
	case o.Release.Step == 0 && c.Why == "":
		return "pods of the stable are missing; say why the release is to go on all the same"
	case c.verb == promoteFull && c.Why == "":
		return "say why the release is to be handed over without waiting for evidence"
	case c.verb == promoteFull:
		return ""
	case !more:
		return "the release is at its last step; only evidence hands it over, or promote-full with a reason"
	case c.Why == "" && !o.cleared():
		return "the evidence does not clear the next step; say why it is to be left all the same"
	}
	return ""
}
