package urgent

import (
	"math"
	"testing"
)

// outcomes are the probabilities of 0, 1, … bad requests, of requests that fail by themselves with the probabilities given.
func outcomes(fail ...float64) []float64 {
	p := []float64{1}
	for _, u := range fail {
		next := make([]float64, len(p)+1)
		for k, x := range p {
			next[k] += x * (1 - u)
			next[k+1] += x * u
		}
		p = next
	}
	return p
}

// requests are so many that fail with the probability u in the mean: all alike, or one half never more than it must.
func requests(n int, u float64, alike bool) []float64 {
	fail := make([]float64, n)
	for i := range fail {
		switch {
		case alike:
			fail[i] = u
		case i%2 == 0 && i < n-1:
			fail[i] = min(1, 2*u)
		case i%2 == 1:
			fail[i] = max(0, 2*u-1)
		default:
			fail[i] = u
		}
	}
	return fail
}

// TestNoFactorFavoursTheBettorBesideAStableThatFailsAsOften sums the factor over all that a stable can show in a second. It grows with
// the canary's bad requests in a straight line, so that their mean is all that matters of them.
func TestNoFactorFavoursTheBettorBesideAStableThatFailsAsOften(t *testing.T) {
	largest := 0.0
	for _, r := range []float64{1, 1.2, 3} {
		c := Config{Tolerance: r}
		for _, size := range [][2]int{{1, 1}, {3, 3}, {1, 4}, {12, 37}, {90, 10}, {250, 150}, {5, 0}} {
			for _, u := range []float64{0.001, 0.01, 0.03, 0.08, 0.12, 0.25, 0.5, 0.8, 1} {
				for _, alike := range []bool{true, false} {
					canary := Counts{Requests: float64(size[0])}
					bad := min(1, r*u) * canary.Requests
					var mean stake
					for ks, p := range outcomes(requests(size[1], u, alike)...) {
						s := stake{1, 1, 1}
						s.multiply(bad, c.expect(canary, asked(float64(size[1]), float64(ks))))
						for i := range s {
							mean[i] += p * s[i]
						}
					}
					for i, x := range mean {
						if x > 1 {
							t.Errorf("%v, all failing with probability %v, ratio %v: bettor %d has %v in the mean", size, u, r, i, x)
						}
						largest = max(largest, x)
					}
				}
			}
		}
	}
	if largest < 0.9 {
		t.Errorf("the largest mean is %v: it is not the edge that was looked at", largest)
	}
}

// TestNoFactorFavoursTheBettorBelowTheCeiling has all requests of a second fail together, one second in ten.
func TestNoFactorFavoursTheBettorBelowTheCeiling(t *testing.T) {
	for _, n := range []float64{1, 3, 250, 10000} {
		for _, stable := range []Counts{{}, asked(3, 0), asked(3, 3), asked(750, 0), asked(750, 750)} {
			e := config().expect(Counts{Requests: n}, stable)
			all, none := stake{1, 1, 1}, stake{1, 1, 1}
			all.multiply(n, e)
			none.multiply(0, e)
			for i := range all {
				if mean := ceiling*all[i] + (1-ceiling)*none[i]; mean > 1 {
					t.Errorf("%v requests beside %v: bettor %d has %v in the mean", n, stable, i, mean)
				}
			}
		}
	}
}

func TestNoneCountsForMoreThanOne(t *testing.T) {
	for n := range 50 {
		for k := range n + 1 {
			c := asked(float64(n), float64(k))
			if share, plain := byShare.of(c), plainly.of(c); share > plain || plain != c.Bad || share < 0 {
				t.Errorf("%d of %d count as %v, and as %v at a braked weight", k, n, share, plain)
			}
		}
	}
}

// TestTheInverseOfWhatAStableWithoutErrorsCanHide looks for the maximum of u (1-u)^n.
func TestTheInverseOfWhatAStableWithoutErrorsCanHide(t *testing.T) {
	for _, n := range []float64{0, 1, 2, 7, 100, 1e4, 1e9, 1e12} {
		u := 1 / (n + 1)
		most := u * math.Exp(n*math.Log1p(-u))
		if n == 0 {
			most = 1
		}
		if got := inverse(n) * most; got > 1+1e-12 || got < 1-1e-8 {
			t.Errorf("n %v: %v of the inverse", n, got)
		}
		for _, v := range []float64{u / 2, min(1, 1.1*u), min(1, 2*u)} {
			if v*math.Pow(1-v, n) > 1/inverse(n) {
				t.Errorf("n %v: u %v is above the maximum", n, v)
			}
		}
	}
}
