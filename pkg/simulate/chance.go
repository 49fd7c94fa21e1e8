package simulate

import (
	"math"
	"math/rand/v2"
)

// normalFrom is the mean from which a Poisson count is drawn from the normal distribution, and the variance from which a binomial is.
const (
	normalFrom     = 60
	normalVariance = 100
)

// poisson draws a count with the given mean.
func poisson(r *rand.Rand, mean float64) float64 {
	switch {
	case mean <= 0:
		return 0
	case mean > normalFrom:
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	least, n := math.Exp(-mean), 0.0
	for p := r.Float64(); p > least; p *= r.Float64() {
		n++
	}
	return n
}

// binomial draws how many of n requests are bad when each is with the probability p.
func binomial(r *rand.Rand, n, p float64) float64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	case n*p*(1-p) > normalVariance:
		return min(n, max(0, math.Round(n*p+math.Sqrt(n*p*(1-p))*r.NormFloat64())))
	}
	// From one bad request to the next the distance is geometric.
	k, i, log := 0.0, 0.0, math.Log1p(-p)
	for {
		if i += math.Floor(math.Log(1-r.Float64())/log) + 1; i > n {
			return k
		}
		k++
	}
}

// bursts draws how many of n requests are bad when they come in bursts of geometric size. A burst may reach beyond the n.
func bursts(r *rand.Rand, n, p, mean float64) float64 {
	if mean <= 1 || p > 0.3 {
		return binomial(r, n, p)
	}
	k := 0.0
	for range int(poisson(r, n*p/mean)) {
		k += geometric(r, mean)
	}
	return k
}

// geometric draws a whole number from 1 on with the given mean, which is above 1.
func geometric(r *rand.Rand, mean float64) float64 {
	return 1 + math.Floor(math.Log(1-r.Float64())/math.Log(1-1/mean))
}

// drawn draws how many of k bad ones among n are among m that are taken, by the binomial of the same mean, within what is possible.
func drawn(r *rand.Rand, n, k, m float64) float64 {
	if m >= n {
		return k
	}
	return min(k, m, max(k-(n-m), binomial(r, k, m/n)))
}
