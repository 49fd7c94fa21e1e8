package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Kind is what is done.
type Kind string

const (
	// Pause stops a component, as by SIGSTOP, and lets it go on.
	Pause Kind = "pause"
	// Kill ends a component at once, and starts it again.
	Kill Kind = "kill"
	// Refuse has the API server refuse the operator's writes with Event.Status.
	Refuse Kind = "refuse writes"
	// Slow has each of the operator's writes arrive late by Event.By.
	Slow Kind = "slow writes"
	// Lose has the API server store the operator's writes and not answer.
	Lose Kind = "lose answers to writes"
	// Hang gives the operator's writes no answer, and they do not arrive.
	Hang Kind = "hang writes"
	// Stall holds back the events of the operator's watches.
	Stall Kind = "stall watches"
	// Clock has Prometheus's clock ahead of the operator's by Event.By, or behind.
	Clock Kind = "set Prometheus's clock off"
	// Drain evicts the pods of the first of two nodes, which takes none meanwhile.
	Drain Kind = "drain a node"
)

// Operator and Gateway are components of which the stories know more than the name: the operator is theirs, and requests come by the gateway.
const (
	Operator = "operator"
	Gateway  = "envoy-gateway"
)

// components are all that is paused and killed.
var components = [...]string{"etcd", "apiserver", "controllers", "istiod", "prometheus", Gateway, Operator}

// Phase is how far the release is when something happens to it.
type Phase int

const (
	// Pushed is from the new template on.
	Pushed Phase = iota
	// First is from the first live weight on.
	First
	// Half is from the second step on.
	Half
	// Full is from the last step on.
	Full
	// Ending is from the outcome on.
	Ending
)

func (p Phase) String() string {
	return [...]string{"the push", "the first live weight", "the second step", "the last step", "the outcome"}[p]
}

// Event is one fault. It begins some time after a phase was reached, or after the release has ended before it was.
type Event struct {
	Phase Phase
	// After is from 0 to 5 s.
	After time.Duration
	Kind  Kind
	// Of is the component of Pause and Kill.
	Of string
	// Status is the HTTP status of Refuse, from 403 to 503.
	Status int
	// By is how late the writes of Slow are, and how far ahead the clock of Clock is, negative where it is behind.
	By time.Duration
	// For is how long it lasts, at most a minute.
	For time.Duration
}

func (e Event) String() string {
	what := string(e.Kind)
	switch {
	case e.Of != "":
		what += " " + e.Of
	case e.Status != 0:
		what += fmt.Sprintf(" with %d", e.Status)
	case e.By != 0:
		what += fmt.Sprintf(" by %s", e.By)
	}
	return fmt.Sprintf("%s after %s: %s for %s", e.After, e.Phase, what, e.For)
}

// CostsRequests says whether requests fail by the fault itself, whatever anybody does.
func (e Event) CostsRequests() bool { return e.Of == Gateway || e.Kind == Drain }

// CostsCounts says whether requests go uncounted by the fault itself: a proxy takes to its grave what was not scraped, and by a clock that was set
// off and back a time is not the one that clients saw.
func (e Event) CostsCounts() bool { return e.Of == Gateway && e.Kind == Kill || e.Kind == Clock }

// Plan is a release and what happens to it.
type Plan struct {
	Seed uint64
	// Bad is whether the version fails: ErrorRate of its requests, from the age of a pod on that is BadFrom.
	Bad       bool
	ErrorRate float64
	BadFrom   time.Duration
	// Events are in the order of their phases.
	Events []Event
}

func (p Plan) String() string {
	version := "a healthy version"
	if p.Bad {
		version = fmt.Sprintf("a version of which %.0f %% of the requests fail from the age of %s on", 100*p.ErrorRate, p.BadFrom)
	}
	lines := []string{fmt.Sprintf("seed %d: %s", p.Seed, version)}
	for _, e := range p.Events {
		lines = append(lines, "  "+e.String())
	}
	return strings.Join(lines, "\n")
}

// Wrong says what is wrong with the end of the plan's release; empty: nothing. All faults end, so a healthy version is promoted, and a bad one
// aborted because of its requests.
func (p Plan) Wrong(o v1alpha1.Outcome) string {
	switch {
	case !p.Bad && o.Result != v1alpha1.StatePromoted:
		return fmt.Sprintf("a healthy version is %s: %s: %s", o.Result, o.Reason, o.Message)
	case p.Bad && o.Result != v1alpha1.StateAborted:
		return fmt.Sprintf("a bad version is %s: %s: %s", o.Result, o.Reason, o.Message)
	case p.Bad && o.Reason != v1alpha1.ReasonCanaryBreachesSLO && o.Reason != v1alpha1.ReasonCanaryWorseThanStable:
		return fmt.Sprintf("a bad version is aborted for another reason: %s: %s", o.Reason, o.Message)
	}
	return ""
}

// each is how many events a plan has.
const each = 3

// New is the plan of a seed. Odd seeds have a bad version.
func New(seed uint64) Plan {
	random := rand.New(rand.NewPCG(seed, 1))
	p := Plan{Seed: seed}
	phases := []Phase{Pushed, First, Half, Full, Ending}
	if seed%2 == 1 {
		p.Bad, p.ErrorRate, p.BadFrom = true, pick(random, 0.3, 1), pick(random, 0, 15*time.Second)
		phases = []Phase{Pushed, First, Ending}
	}
	for i := range uint64(each) {
		e := dealt(seed*each + i)
		e.Phase, e.After = pick(random, phases...), time.Duration(random.IntN(51))*100*time.Millisecond
		p.Events = append(p.Events, e.chosen(random))
	}
	slices.SortStableFunc(p.Events, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.After, b.After)) })
	return p
}

// dealt is the n-th fault of an endless row of decks, each of which holds all faults in an order of its own.
func dealt(n uint64) Event {
	var deck []Event
	for _, of := range components {
		deck = append(deck, Event{Kind: Pause, Of: of}, Event{Kind: Kill, Of: of})
	}
	for _, kind := range []Kind{Refuse, Slow, Lose, Hang, Stall, Clock, Drain} {
		deck = append(deck, Event{Kind: kind})
	}
	size := uint64(len(deck))
	rand.New(rand.NewPCG(n/size, 2)).Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck[n%size]
}

// chosen is the event with how long it lasts and how bad it is.
func (e Event) chosen(random *rand.Rand) Event {
	e.For = pick(random, 5*time.Second, 20*time.Second, time.Minute)
	switch e.Kind {
	case Kill:
		e.For = pick(random, 0, 5*time.Second, 20*time.Second)
	case Refuse:
		e.Status = pick(random, 403, 409, 422, 429, 500, 503)
	case Slow:
		e.By = pick(random, 500*time.Millisecond, 2*time.Second, 6*time.Second)
	case Clock:
		e.By = pick(random, -time.Minute, -10*time.Second, -2*time.Second, 2*time.Second, 10*time.Second, time.Minute)
	}
	return e
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }
