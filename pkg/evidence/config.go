package evidence

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// Defaults of a Config; see its fields.
const (
	DefaultRatio        = 1.2
	DefaultFalseAbort   = 0.01
	DefaultFalsePromote = 0.05
	DefaultFast         = 15 * time.Second
	DefaultSlow         = 60 * time.Second
	// DefaultPhi is the dispersion assumed of a service whose history is not known.
	DefaultPhi = 2.5
)

const (
	maxObjectives = 64
	maxTick       = time.Hour
	maxWeight     = 1e6 // ratio of the largest to the smallest weight, so that one bankroll can still reach the threshold
)

// Objective is what one indicator must keep.
type Objective struct {
	// Name tells the objective apart from the others of the release; not empty, unique.
	Name string
	// Weight is the share of the false-abort probability spent on this objective, relative to the others. 0 means 1.
	Weight float64
	// Limit is the largest share of bad requests the objective allows, above 0 and at most 0.5: 0.005 for a target of 99.5 %.
	Limit float64
	// Floor is the share of bad requests below which no canary is called worse, whatever the stable does.
	// 0 means Limit/100; at most Limit.
	Floor float64
}

// Config says what a release's tests tolerate. The zero value of every field but Objectives is its default.
type Config struct {
	// Objectives are judged together; at least one. Slices give their counts in this order.
	Objectives []Objective
	// Ratio is the largest canary/stable ratio of bad shares that is tolerated, 1 to 100. 0 means DefaultRatio.
	Ratio float64
	// FalseAbort (alpha) bounds the probability that a release within its limits is ever aborted, all objectives together;
	// from 1e-6 to 0.5. 0 means DefaultFalseAbort.
	FalseAbort float64
	// Urgent says that urgent lanes (see the package urgent) watch the release as well. They have a fifth of FalseAbort, so the two lanes
	// of these tests abort at 2.5/alpha instead of 2/alpha. A release keeps what it was begun with.
	Urgent bool
	// FalsePromote (beta) bounds the probability that one move is made by a canary beyond its limit; from 1e-6 to 0.5.
	// 0 means DefaultFalsePromote.
	FalsePromote float64
	// Fast and Slow are the least lengths of the evidence ticks, at most an hour, Slow not below Fast. 0 means DefaultFast
	// and DefaultSlow. Bursts of bad requests that outlast a tick on one arm count again in the next one, so shorter ticks
	// are quicker and abort more healthy releases of services with long bursts.
	Fast, Slow time.Duration
	// Phi is the dispersion (variance over mean) of bad counts: none means DefaultPhi, one is for all objectives, else one
	// for each. At least 1.
	Phi []float64
	// Warmup is how long the canary's first traffic is not counted. Only the first step has one.
	Warmup time.Duration
}

// urgentPart is the part of the false-abort probability that the urgent lanes have, where there are any.
const urgentPart = 0.2

// ordinary is the false-abort probability that the fast and the slow lane share.
func (c Config) ordinary() float64 {
	if c.Urgent {
		return (1 - urgentPart) * c.FalseAbort
	}
	return c.FalseAbort
}

// UrgentThreshold is the wealth at which either purse of one of so many urgent lanes of the release, one for each objective that is read
// directly, aborts: 10/alpha times their number, since all purses share a fifth of alpha by a union bound. Without a lane it is that of
// one.
func (c Config) UrgentThreshold(lanes int) float64 {
	const purses = 2
	return purses * float64(max(lanes, 1)) / (urgentPart * or(c.FalseAbort, DefaultFalseAbort))
}

// normal returns c with every default filled in, weights that add up to 1 and one phi for each objective.
func (c Config) normal() (Config, error) {
	c.Ratio = or(c.Ratio, DefaultRatio)
	c.FalseAbort = or(c.FalseAbort, DefaultFalseAbort)
	c.FalsePromote = or(c.FalsePromote, DefaultFalsePromote)
	c.Fast = or(c.Fast, DefaultFast)
	c.Slow = or(c.Slow, DefaultSlow)
	switch {
	case !exact.Within(c.Ratio, 1, 100):
		return c, fmt.Errorf("field Ratio must be from 1 to 100, not %v", c.Ratio)
	case !exact.Within(c.FalseAbort, 1e-6, 0.5):
		return c, fmt.Errorf("field FalseAbort must be from 1e-6 to 0.5, not %v", c.FalseAbort)
	case !exact.Within(c.FalsePromote, 1e-6, 0.5):
		return c, fmt.Errorf("field FalsePromote must be from 1e-6 to 0.5, not %v", c.FalsePromote)
	case c.Fast < 0 || c.Fast > maxTick:
		return c, fmt.Errorf("field Fast must be above 0 and at most %v, not %v", maxTick, c.Fast)
	case c.Slow < c.Fast || c.Slow > maxTick:
		return c, fmt.Errorf("field Slow must be from Fast (%v) to %v, not %v", c.Fast, maxTick, c.Slow)
	case c.Warmup < 0 || c.Warmup > 24*time.Hour:
		return c, fmt.Errorf("field Warmup must be from 0 to 24h, not %v", c.Warmup)
	}
	var err error
	if c.Objectives, err = normalObjectives(c.Objectives); err != nil {
		return c, err
	}
	c.Phi, err = normalPhi(c.Phi, len(c.Objectives))
	return c, err
}

func normalObjectives(given []Objective) ([]Objective, error) {
	if len(given) == 0 || len(given) > maxObjectives {
		return nil, fmt.Errorf("field Objectives must hold 1 to %d objectives, not %d", maxObjectives, len(given))
	}
	objectives := make([]Objective, len(given))
	names := map[string]bool{}
	total, least, most := 0.0, math.Inf(1), 0.0
	for i, o := range given {
		o.Weight = or(o.Weight, 1)
		if err := o.check(); err != nil {
			return nil, fmt.Errorf("objective %d: %w", i, err)
		}
		if names[o.Name] {
			return nil, fmt.Errorf("objective %d: field Name must be unique, %q is taken", i, o.Name)
		}
		names[o.Name] = true
		o.Floor = or(o.Floor, o.Limit/100)
		total += o.Weight
		least, most = min(least, o.Weight), max(most, o.Weight)
		objectives[i] = o
	}
	if most/least > maxWeight {
		return nil, fmt.Errorf("field Objectives has weights from %v to %v, the largest may be %v times the smallest", least, most, maxWeight)
	}
	for i := range objectives {
		objectives[i].Weight /= total
	}
	return objectives, nil
}

func (o Objective) check() error {
	switch {
	case o.Name == "":
		return errors.New("field Name must not be empty")
	case !exact.Within(o.Limit, 1e-9, 0.5):
		return fmt.Errorf("field Limit must be a fraction from 1e-9 to 0.5, not %v", o.Limit)
	case !exact.Within(o.Weight, 1e-9, 1e9):
		return fmt.Errorf("field Weight must be from 1e-9 to 1e9, not %v", o.Weight)
	case !exact.Within(o.Floor, 0, o.Limit):
		return fmt.Errorf("field Floor must be from 0 to Limit (%v), not %v", o.Limit, o.Floor)
	}
	return nil
}

func normalPhi(given []float64, objectives int) ([]float64, error) {
	if len(given) > 1 && len(given) != objectives {
		return nil, fmt.Errorf("field Phi must hold none, one or %d values, not %d", objectives, len(given))
	}
	phi := make([]float64, objectives)
	for i := range phi {
		switch len(given) {
		case 0:
			phi[i] = DefaultPhi
		case 1:
			phi[i] = given[0]
		default:
			phi[i] = given[i]
		}
		if !exact.Within(phi[i], 1, 1e6) {
			return nil, fmt.Errorf("field Phi must be from 1 to 1e6, not %v", phi[i])
		}
	}
	return phi, nil
}

// or is x, or other when x is not given.
func or[T float64 | time.Duration](x, other T) T {
	if x == 0 {
		return other
	}
	return x
}
