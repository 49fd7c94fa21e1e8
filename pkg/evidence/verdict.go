package evidence

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// State is what the evidence says.
type State string

// The states of a Verdict. Missing data is Undetermined.
const (
	// Healthy: the canary is within the limits of the move that was asked about, and nothing is suspicious.
	Healthy State = "Healthy"
	// Breach: the canary is worse than allowed. It stays so, whatever comes after.
	Breach State = "Breach"
	// Undetermined: neither is proven yet.
	Undetermined State = "Undetermined"
)

// Reason says why a Verdict has its State.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	// CanaryWorseThanStable: a Breach; the canary has more than its share of the bad requests of both arms.
	CanaryWorseThanStable Reason = "CanaryWorseThanStable"
	// CanaryBreachesSLO: a Breach; the canary is beyond the objective's limit.
	CanaryBreachesSLO Reason = "CanaryBreachesSLO"
	// NoConcurrentControl: the canary is beyond the limit with no stable beside it that could show whose fault it is.
	NoConcurrentControl Reason = "NoConcurrentControl"
	// Suspicious: there is too much evidence against the canary to raise its weight, and too little to abort.
	Suspicious Reason = "Suspicious"
	// Cleared: every objective is proven for the move; the reason of Healthy.
	Cleared Reason = "Cleared"
	// SharedBreach: the stable itself is beyond the limit, and the canary is not cleared.
	SharedBreach Reason = "SharedBreach"
	// NoTraffic: no canary requests were counted in this step.
	NoTraffic Reason = "NoTraffic"
	// NotCleared: the canary's requests do not prove it yet.
	NotCleared Reason = "NotCleared"
)

// Question is the move a verdict is asked about.
type Question struct {
	// NextWeight is the canary's share of traffic after the move, or with a Pace the largest that may be, above 0 and at most 1.
	// Anything else counts as 1, which asks for most.
	NextWeight float64
	// Promote asks about promotion, which needs the objectives' own limits whatever NextWeight is.
	Promote bool
	// Pace, if not nil, leaves the weight to the evidence: the verdict is about the smallest move that is worth its settling, and
	// Verdict.NextWeight is the largest that is proven.
	Pace *Pace
}

// asked is the question about the smallest move, and the largest that may be.
func (q Question) asked() (Question, float64) {
	if !exact.Within(q.NextWeight, math.SmallestNonzeroFloat64, 1) {
		q.NextWeight = 1
	}
	most := q.NextWeight
	if q.Pace != nil && !q.Promote {
		q.NextWeight = min(smallestMove*q.Pace.Weight, most)
	}
	return q, most
}

// Arms are the counts of both arms.
type Arms struct{ Stable, Canary Counts }

// Verdict is what the evidence says at one moment, in answer to a Question.
type Verdict struct {
	State  State
	Reason Reason
	// Against is the evidence against the canary, summed over the objectives, in the larger lane: 100 aborts.
	Against float64
	// AloneAgainst is the same of the ceilings that judge a canary with no stable beside it: 100 steps back. 0 at other times.
	AloneAgainst float64
	// Suspicious forbids a raise, Shared tells that the stable itself is beyond a limit, Cleared that every objective is
	// proven for the move. AloneBreach asks to step back to a weight with a stable beside it, and not to blame.
	Suspicious, Shared, Cleared, AloneBreach bool
	// NextWeight is the largest weight every objective is proven for, at most that of the question; 0 when Cleared is false.
	NextWeight float64
	// Covered is the time of this step that counts as held: fresh, settled slices after the warm-up.
	Covered time.Duration
	// Missing is how many more clean canary requests clear every objective; 0 when they are cleared.
	Missing int64
	// Pending is by how much Missing changes when the tick ends that is being filled, for requests are proof by whole ticks; negative when
	// bad ones are among them. Tick is the length of a tick, TickIn what is left of this one, and Warmup of the warm-up before it.
	Pending              int64
	Tick, TickIn, Warmup time.Duration
	// Objectives follow the order of Config.Objectives.
	Objectives []ObjectiveVerdict
	// Exposed are the requests that met the canary in the whole release and how many of those were bad, in the objective
	// where each is largest: one request counts in several.
	Exposed Counts
}

// ObjectiveVerdict is the part of one objective in a Verdict.
type ObjectiveVerdict struct {
	Name  string
	State State
	// Step holds the counted slices of this step, Release all of the release, with warm-up and settling.
	Step, Release Arms
	// Against is this objective's part of Verdict.Against. For is its E_ok for the move, passing at 1/FalsePromote and at
	// most 1e9; Missing is how many more clean canary requests it takes.
	Against, For float64
	Missing      int64
	// Alarm says that the tick of the fast lane that is being filled has more bad requests, two at least, than the objective allows or the stable's
	// explain: what becomes of it shows when it ends. It is no evidence yet.
	Alarm bool
}

// Verdict says what the evidence of all slices taken so far says about a move. It changes nothing.
func (t *Tests) Verdict(q Question) Verdict {
	q, most := q.asked()
	v := Verdict{Covered: t.covered, AloneBreach: t.stepsBack, Cleared: true, Tick: t.c.Fast, TickIn: t.c.Fast - t.sums, Warmup: t.warmup}
	fast, slow := t.against(false)
	v.Against = max(fast, slow)
	if t.accused > 0 {
		v.Against = max(v.Against, 100)
	}
	if t.alone {
		solo, soloSlow := t.against(true)
		v.AloneAgainst = max(solo, soloSlow)
	}
	if t.stepsBack {
		v.AloneAgainst = max(v.AloneAgainst, 100)
	}
	v.Suspicious = max(v.Against, v.AloneAgainst) >= 100*math.Sqrt(t.c.FalseAbort)
	then := int64(0)
	for i := range t.objectives {
		o := t.judge(i, q, fast > slow)
		v.Objectives = append(v.Objectives, o)
		v.Missing, then = max(v.Missing, o.Missing), max(then, t.missingThen(i, q))
		v.Cleared = v.Cleared && o.Missing == 0
		v.Shared = v.Shared || t.objectives[i].stable.breached(t.c.Objectives[i].Limit)
		v.Exposed.Requests = max(v.Exposed.Requests, o.Release.Canary.Requests)
		v.Exposed.Bad = max(v.Exposed.Bad, o.Release.Canary.Bad)
	}
	v.Pending = v.Missing - then
	if v.Cleared {
		v.NextWeight = t.largest(q, most)
	}
	v.State, v.Reason = t.conclude(v)
	return v
}

// Breached says whether the State of a Verdict would be Breach, whatever the question.
func (t *Tests) Breached() bool { return t.accused > 0 }

func (t *Tests) conclude(v Verdict) (State, Reason) {
	switch {
	case t.accused > 0 && t.byShare:
		return Breach, CanaryWorseThanStable
	case t.accused > 0:
		return Breach, CanaryBreachesSLO
	case v.AloneBreach:
		return Undetermined, NoConcurrentControl
	case v.Suspicious:
		return Undetermined, Suspicious
	case v.Cleared:
		return Healthy, Cleared
	case v.Shared:
		return Undetermined, SharedBreach
	}
	for _, o := range v.Objectives {
		if o.Step.Canary.Requests > 0 {
			return Undetermined, NotCleared
		}
	}
	return Undetermined, NoTraffic
}

// judge is the part of one objective; fast tells which lane is the larger one.
func (t *Tests) judge(i int, q Question, fast bool) ObjectiveVerdict {
	c, o := t.c.Objectives[i], &t.objectives[i]
	lane := &o.beside.slow
	if fast {
		lane = &o.beside.fast
	}
	limit, phi := t.limit(i, q)
	goal := 1 / t.c.FalsePromote
	v := ObjectiveVerdict{
		Name:    c.Name,
		State:   Undetermined,
		Against: t.scale(c.Weight * lane.wealth()),
		For:     cleared(o.all, o.kept, limit, phi),
		Missing: missing(o.all, o.kept, limit, phi, goal),
		Step:    Arms{Stable: o.control, Canary: o.all},
		Release: Arms{Stable: Counts{o.release.ns, o.release.ks}, Canary: Counts{o.release.nc, o.release.kc}},
	}
	v.Step.Canary.add(o.sums.nc, o.sums.kc)
	expected, _ := ceiling.expected(t.tolerances(i), o.fast.capped())
	v.Alarm = o.fast.kc >= 2 && o.fast.kc > expected
	switch {
	case t.accused == int64(i)+1:
		v.State = Breach
	case v.For >= goal:
		v.State = Healthy
	}
	return v
}

// missingThen is how many more clean canary requests an objective takes when the open tick ends as it is.
func (t *Tests) missingThen(i int, q Question) int64 {
	o := t.objectives[i]
	o.closeSums(t.c.Objectives[i].Limit)
	limit, phi := t.limit(i, q)
	return missing(o.all, o.kept, limit, phi, 1/t.c.FalsePromote)
}

// ProofIn is how long the clean requests that are missing take to be proof at so many requests of the canary per second: until the tick ends
// in which the last of them comes. It is false when nothing is missing, and when they never come.
func (v Verdict) ProofIn(rate float64) (time.Duration, bool) {
	if v.Missing <= 0 || rate <= 0 {
		return 0, false
	}
	seconds := max(float64(v.Missing-v.Pending)/rate, 0)
	if seconds > longestProof.Seconds() {
		return 0, false
	}
	wait := time.Duration(seconds * float64(time.Second))
	if v.Tick > 0 {
		wait = v.TickIn + (max(wait-v.TickIn, 0) + v.Tick - 1).Truncate(v.Tick)
	}
	return v.Warmup + wait, true
}

// longestProof is from where on a proof is said never to come.
const longestProof = 1000 * time.Hour

// limit is the bad share a canary is cleared of, and the dispersion used for it: at the next weight the canary alone must
// not be able to spend more than the whole share of bad requests that the objective allows.
func (t *Tests) limit(i int, q Question) (limit, phi float64) {
	limit, phi = t.c.Objectives[i].Limit, t.c.Phi[i]
	switch {
	case q.Promote:
		return limit, phi
	case q.Pace != nil:
		return q.Pace.limit(limit, q.NextWeight, t.c.Phi), q.Pace.phi(phi)
	}
	return min(0.5, limit/q.NextWeight), phi
}

// against is the evidence of the fast and of the slow lane, summed over the objectives: 100 is the threshold.
func (t *Tests) against(alone bool) (fast, slow float64) {
	for i := range t.objectives {
		l := t.objectives[i].lanes(alone)
		if l == nil {
			return 0, 0
		}
		weight := t.c.Objectives[i].Weight
		fast += float64(weight * l.fast.wealth())
		slow += float64(weight * l.slow.wealth())
	}
	return t.scale(fast), t.scale(slow)
}

// scale makes 100 of the threshold 2/alpha, the 2 being the number of lanes and alpha what they share.
func (t *Tests) scale(wealth float64) float64 { return wealth * t.c.ordinary() * 50 }

// convict records that a threshold has been reached, at the tick in which it is: the guarantee is about ever reaching it.
func (t *Tests) convict() {
	if fast, slow := t.against(true); max(fast, slow) >= 100 && t.alone {
		t.stepsBack = true
	}
	fast, slow := t.against(false)
	if t.accused > 0 || max(fast, slow) < 100 {
		return
	}
	most := 0.0
	for i := range t.objectives {
		lane := &t.objectives[i].beside.slow
		if fast > slow {
			lane = &t.objectives[i].beside.fast
		}
		if w := t.c.Objectives[i].Weight * lane.wealth(); w > most {
			most, t.accused, t.byShare = w, int64(i)+1, lane.byShare()
		}
	}
}

// String is one line for people.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): against %.3g of 100", v.State, v.Reason, v.Against)
	for _, o := range v.Objectives {
		c := o.Step.Canary
		fmt.Fprintf(&b, "; %s %s, %.0f of %.0f bad, for %.3g", o.Name, strings.ToLower(string(o.State)), c.Bad, c.Requests, o.For)
	}
	if v.Missing > 0 {
		fmt.Fprintf(&b, "; %d more clean requests needed", v.Missing)
	}
	return b.String()
}

// LogValues are the key-value pairs of a log line about the verdict.
func (v Verdict) LogValues() []any {
	return []any{"verdict", v.State, "reason", v.Reason, "against", v.Against, "covered", v.Covered, "missing", v.Missing}
}

// String is one line for logs and test failures.
func (t *Tests) String() string {
	fast, slow := t.against(false)
	return fmt.Sprintf("through %s, %v of this step covered, against %.3g (fast lane) and %.3g (slow lane) of 100",
		t.Through().Format(time.RFC3339), t.covered, fast, slow)
}
