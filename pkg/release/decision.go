package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// Verb is one kind of write.
type Verb string

// The writes a Decision may ask for.
const (
	// Save writes the record into the status now, before what follows it.
	Save Verb = "save"
	// Hold labels the Deployment as held; Pause and Unpause set its spec.paused; Unhold takes the label away.
	Hold    Verb = "hold"
	Pause   Verb = "pause"
	Unpause Verb = "unpause"
	Unhold  Verb = "unhold"
	// MakeService makes the canary's Service, MakeRule what is due of the copies of DestinationRules; RemoveService and RemoveRule delete
	// them.
	MakeService   Verb = "make canary service"
	MakeRule      Verb = "make canary rule"
	RemoveService Verb = "remove canary service"
	RemoveRule    Verb = "remove canary rule"
	// MakePreview makes the Service by which checks meet the canary, or points it at that again; RemovePreview deletes it.
	MakePreview   Verb = "make preview service"
	RemovePreview Verb = "remove preview service"
	// RunCheck makes the Job of Check; StopChecks deletes the Jobs of checks that nobody waits for.
	RunCheck   Verb = "run check"
	StopChecks Verb = "stop checks"
	// ForgetAuthor takes from the Deployment who wrote its template.
	ForgetAuthor Verb = "forget author"
	// Narrow makes the user's Service select only pods of Hash; Widen makes it as the user wrote it.
	Narrow Verb = "narrow service"
	Widen  Verb = "widen service"
	// RemoveTwin deletes the Deployment's empty ReplicaSet of the waiting template.
	RemoveTwin Verb = "remove twin"
	// MakeSet, ScaleSet and RemoveSet concern the release's ReplicaSet; ScaleStable the stable one, ScaleRogue one that the
	// Deployment started by itself.
	MakeSet     Verb = "make set"
	ScaleSet    Verb = "scale set"
	RemoveSet   Verb = "remove set"
	ScaleStable Verb = "scale stable"
	ScaleRogue  Verb = "scale rogue"
	// Raise lets Who meet the canary in every route, and needs the routes to be those that were read. Lower takes traffic away and
	// needs nothing. AbortRoutes lowers to nothing and leaves the mark of the abort.
	Raise       Verb = "raise"
	Lower       Verb = "lower"
	AbortRoutes Verb = "abort routes"
	// AbortService points the canary's Service at the pods of Hash and leaves the mark of the abort.
	AbortService Verb = "abort service"
	// PutBack gives the Deployment the template of the ReplicaSet that runs.
	PutBack Verb = "put template back"
	// GiveSet hands the release's ReplicaSet to the Deployment.
	GiveSet Verb = "hand over set"
	// RestoreRoutes takes everything of ours out of the routes.
	RestoreRoutes Verb = "restore routes"
	// Keep keeps the TrafficShift from going before everything is put back, and precedes all Decisions; Forget lets it go.
	Keep   Verb = "keep"
	Forget Verb = "forget"
)

// Action is one write. Which fields count depends on the verb.
type Action struct {
	Verb Verb
	// Who meets the canary after a Raise or a Lower.
	Who      routing.Population
	Replicas int32
	Hash     string
	Check    v1alpha1.CheckName
}

// String is one phrase, as transcripts and logs show it.
func (a Action) String() string {
	switch a.Verb {
	case Raise, Lower:
		return fmt.Sprintf("%s to %s", a.Verb, v1alpha1.PercentageOf(a.Who.Share))
	case MakeSet, ScaleSet, ScaleStable, ScaleRogue:
		return fmt.Sprintf("%s to %d", a.Verb, a.Replicas)
	case RunCheck:
		return fmt.Sprintf("%s %s", a.Verb, a.Check)
	case Narrow, AbortService:
		return fmt.Sprintf("%s to %s", a.Verb, a.Hash)
	default:
		return string(a.Verb)
	}
}

// Raises says whether the write can give the canary more traffic than it has.
func (a Action) Raises() bool { return a.Verb == Raise || a.Verb == GiveSet }

// OnRoutes says whether the write is one of routes.
func (a Action) OnRoutes() bool {
	return a.Verb == Raise || a.Verb == Lower || a.Verb == AbortRoutes || a.Verb == RestoreRoutes
}

// Decision is the next move.
type Decision struct {
	// Rule names the rule that decided.
	Rule string
	// Levers are the writes that take traffic away from a version that is not to have it, or stop what would bring it traffic. They
	// come before everything else, the strongest first, and none waits for another: each is written whatever became of the rest. After
	// one that failed nothing is written but the record of an abort that has begun.
	Levers []Action
	// Actions are the other writes. They are carried out in order, after the levers; the first that fails ends the pass.
	Actions []Action
	// Release is the record as it is to be after the pass; nil leaves it as it is.
	Release *v1alpha1.Release
	// Refused is the hash of the template that is not to be released again, after the pass.
	Refused string
	// Reason and Message say to people what happens or what is waited for.
	Reason  v1alpha1.Reason
	Message string
	// After is when to look again at the latest; 0: when something changes.
	After time.Duration
	// Answer is the outcome of the command, nil while it is not handled.
	Answer *Answer
	// Denied is which of its writes was denied when it was sent, by whom and why; empty where none was, and before they are sent.
	Denied string
}

// Answer is what became of a command; its Message has at most 2000 bytes.
type Answer struct {
	Token    string
	Accepted bool
	Message  string
}

// Writes are the levers and the other writes, in their order.
func (d Decision) Writes() []Action { return slices.Concat(d.Levers, d.Actions) }

func (d Decision) phrases() []string {
	writes := d.Writes()
	phrases := make([]string, 0, len(writes))
	for _, a := range writes {
		phrases = append(phrases, a.String())
	}
	return phrases
}

// String is one line: rule, actions, reason, message.
func (d Decision) String() string {
	acts := d.phrases()
	if len(acts) == 0 {
		acts = append(acts, "-")
	}
	return fmt.Sprintf("%-18s %s | %s: %s", d.Rule, strings.Join(acts, ", "), d.Reason, d.Message)
}

// LogValues are the key-value pairs of a log line about the decision.
func (d Decision) LogValues() []any {
	return []any{"rule", d.Rule, "actions", d.phrases(), "reason", d.Reason, "message", d.Message}
}

// wait changes nothing and says why.
func wait(o Observation, reason v1alpha1.Reason, message string) Decision {
	return Decision{Refused: o.Refused, Reason: reason, Message: message}
}
