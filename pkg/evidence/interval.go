package evidence

import "math"

// normal95 is the 97.5th percentile of the normal distribution.
const normal95 = 1.959963984540054

// Wilson is the score interval of 95% for the share of bad requests, from 0 to 1, of so many counted (E. B. Wilson, Probable
// inference, the law of succession, and statistical inference, JASA 22, 1927; compared with others by R. G. Newcombe, Statistics in
// Medicine 17, 1998). Where bad requests come in bursts of dispersion phi, both counts are worth 1/phi of theirs; below 1 it counts
// as 1. Without requests nothing is known: 0 and 1.
//
// It is for the eye. No verdict rests on it: looked at again and again it errs more often than one time in twenty.
func Wilson(c Counts, phi float64) (low, high float64) {
	if !(c.Requests > 0) {
		return 0, 1
	}
	n := c.Requests / max(phi, 1)
	p := min(max(c.Bad/c.Requests, 0), 1)
	z := normal95
	middle := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	whole := 1 + z*z/n
	low, high = max((middle-half)/whole, 0), min((middle+half)/whole, 1)
	// What rounding leaves of nothing is nothing.
	if p == 0 {
		low = 0
	}
	if p == 1 {
		high = 1
	}
	return low, high
}
