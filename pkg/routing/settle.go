package routing

import "math"

// Agreement is the answer of Agrees.
type Agreement int

// Whether the measured share is the wanted one. Unknown comes first: too little is known.
const (
	Unknown Agreement = iota
	Yes
	No
)

// String returns the answer in lower case.
func (a Agreement) String() string {
	return [...]string{"unknown", "yes", "no"}[a]
}

// disagreement is the probability with which a live weight is taken for one that is not.
const disagreement = 1e-3

// Agrees tests whether canary of total requests (counts, at least 0) fit a share of want (0 to 1) of the traffic: an exact
// binomial test, two-sided, that takes the right share for a wrong one once in a thousand times at most.
//
// It answers Unknown while there are so few requests that even none at all on the smaller arm would fit (about 8 expected
// there), and for counts that cannot be: NaN, negative, or more on the canary than in all.
func Agrees(want float64, canary, total float64) Agreement {
	possible := want >= 0 && want <= 1 && canary >= 0 && canary <= total && !math.IsInf(total, 0)
	if !possible {
		return Unknown
	}
	n, k := math.Round(total), math.Round(canary)
	if want > 0.5 { // the same question about the other arm
		want, k = 1-want, n-k
	}
	if 2*min(lowerTail(n, k, want), lowerTail(n, n-k, 1-want)) < disagreement {
		return No
	}
	// At 0 nothing is expected on this arm; ask for what would refute an even split.
	asked := want
	if want == 0 {
		asked = 0.5
	}
	if 2*math.Exp(n*math.Log1p(-asked)) >= disagreement {
		return Unknown
	}
	return Yes
}

// lowerTail returns P(X <= k) for X of the binomial distribution of n trials with probability p, summed downwards from k
// until the terms no longer count; 1 where k is not below the mean, which no test here asks more exactly.
func lowerTail(n, k, p float64) float64 {
	switch {
	case k >= n*p:
		return 1
	case p == 1:
		return 0
	}
	term := math.Exp(choose(n, k) + k*math.Log(p) + (n-k)*math.Log1p(-p))
	sum, odds := 0.0, (1-p)/p
	for ; k >= 0 && term > sum*1e-12; k-- {
		sum += term
		term *= k / (n - k + 1) * odds
	}
	return sum
}

// choose returns the logarithm of the binomial coefficient.
func choose(n, k float64) float64 {
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return a - b - c
}
