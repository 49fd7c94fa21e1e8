package v1alpha1

import (
	"math"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Whole is all of a Service's traffic, in millionths: the unit of weights inside Stagger.
const Whole = 1_000_000

// Millionths is the percentage in millionths of the whole, from 0 to Whole. Text that is no percentage is 0: the API server has
// refused it, and 0 is the weight that harms nobody.
func (p Percentage) Millionths() int64 {
	whole, frac, _ := strings.Cut(strings.TrimSuffix(string(p), "%"), ".")
	if len(frac) > 4 {
		return 0
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 4-len(frac)), 10, 64)
	if err != nil || n < 0 || n > Whole {
		return 0
	}
	return n
}

// Fraction is the percentage as a number from 0 to 1.
func (p Percentage) Fraction() float64 { return float64(p.Millionths()) / Whole }

// PercentageOf writes millionths of a whole, from 0 to Whole, without trailing zeros.
func PercentageOf(millionths int64) Percentage {
	s := strconv.FormatInt(millionths/10_000, 10)
	if frac := millionths % 10_000; frac != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(10_000+frac, 10)[1:], "0")
	}
	return Percentage(s + "%")
}

// Duration is the length of time; 0 when the text is no duration.
func (d Duration) Duration() time.Duration {
	v, err := time.ParseDuration(string(d))
	if err != nil {
		return 0
	}
	return v
}

// DurationOf writes a length of time, cut to whole seconds.
func DurationOf(d time.Duration) Duration {
	return Duration(strconv.FormatInt(int64(d/time.Second), 10) + "s")
}

// Rate is the traffic in requests per second; 0 when it is not known.
func (b Baseline) Rate() float64 { return number(b.RequestsPerSecond) }

// Dispersion is phi as a number; 0 when it is not known.
func (o BaselineObjective) Dispersion() float64 { return number(o.Phi) }

// number reads a number of the status that is not negative; anything else is 0.
func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n <= math.MaxFloat64) {
		return 0
	}
	return n
}

// OnTheWay says whether the release's weight is one between the plan's steps, on the way to the step it is said to be at.
func (r Release) OnTheWay() bool {
	at := int(r.Step)
	return at > 0 && at <= len(r.Plan.Steps) && r.Weight.Millionths() < r.Plan.Steps[at-1].Weight.Millionths()
}

// Running says whether the release is not over, so that something is still to be done about it; false for none.
func (r *Release) Running() bool { return r != nil && !r.State.Ended() }

// Aborting says whether the release is being taken back; false for none.
func (r *Release) Aborting() bool {
	return r.Running() && r.Outcome != nil && r.Outcome.Result == StateAborted
}

// Settled says whether the release is over and its counts of what met the canary change no more; false for none.
func (r *Release) Settled() bool {
	return r != nil && r.State.Ended() && (r.Counted.Until == nil || r.Counted.Final)
}

// Counting says whether the release is over and the requests that met its canary are still counted; false for none.
func (r *Release) Counting() bool { return r != nil && r.State.Ended() && !r.Settled() }

// mostGaps is how many gaps the API server accepts.
const mostGaps = 8

// Miss adds a time in which requests could not be counted, which begins after those there are. One that follows the last makes it longer, and
// so does one for which there is no room.
func (c *Counted) Miss(from, to time.Time) {
	if n := len(c.Gaps); n > 0 && (n == mostGaps || !from.After(c.Gaps[n-1].To.Time)) {
		if to.After(c.Gaps[n-1].To.Time) {
			c.Gaps[n-1].To = metav1.NewMicroTime(to)
		}
		return
	}
	if to.After(from) {
		c.Gaps = append(c.Gaps, Gap{From: metav1.NewMicroTime(from), To: metav1.NewMicroTime(to)})
	}
}

// NextStop is the plan's step, from 1, that the release goes to next: the one it is on the way to, or the one after it; false at
// the last.
func (r Release) NextStop() (int32, bool) {
	switch {
	case r.OnTheWay():
		return r.Step, true
	case int(r.Step) >= len(r.Plan.Steps):
		return 0, false
	}
	return max(0, r.Step) + 1, true
}
