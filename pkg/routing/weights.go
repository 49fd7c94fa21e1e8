package routing

import (
	"fmt"
	"math"
	"slices"
)

// Whole is all of the Service's traffic in a route: shares are in millionths.
const Whole = 1_000_000

const (
	// A weight of at least leastScaled is one that Split wrote, or one written in its scale, unless the unit itself is
	// larger than greatestUnit.
	leastScaled  = Whole / 10
	greatestUnit = 1_000
	// A weight of another destination that is less than the ten-thousandth part of a split route was written in the scale
	// that the route had before.
	faint = 10_000
	// Istio takes a missing weight for this one.
	assumed = 100
)

// written returns the weights that the user's entries (see kept) have without the split; nil where the user wrote none.
func (r *route) written() []int64 {
	kept := r.kept()
	weights := make([]int64, len(kept))
	for i, k := range kept {
		weights[i] = r.whole(k)
	}
	switch {
	case r.between && r.memo == nil && slices.Max(weights) < leastScaled:
		return weights // not split yet
	case r.between && r.memo == nil:
		return inPercent(weights)
	case !r.split && !r.leftover(kept, weights):
		if len(kept) == 1 && r.entries[0].raw["weight"] == nil {
			return nil
		}
		return weights
	case len(kept) == 1:
		return r.single(weights[0])
	}
	if restored, ok := r.unscaled(kept, weights); ok {
		return restored
	}
	return inPercent(weights)
}

// single undoes the scale of a destination that stands alone: its weight means nothing to Istio, but it was the user's.
func (r *route) single(weight int64) []int64 {
	switch unit := r.memo.unit(); {
	case unit == unitZero:
		return []int64{0}
	case unit <= 0:
		return nil
	case weight*unit%Whole == 0 && weight > 0:
		return []int64{weight * unit / Whole}
	default:
		return []int64{unit}
	}
}

// leftover reports whether a route without the canary is one that was split and then had the canary taken out by hand, so
// that its other weights are still in our scale. A route that was applied anew has the user's weights.
func (r *route) leftover(kept []int, weights []int64) bool {
	unit := r.memo.unit()
	if unit == 0 || unit >= greatestUnit {
		return false
	}
	largest := int64(0)
	for i, k := range kept {
		if r.entries[k].arm == foreign && weights[i] > 0 && weights[i]*unit%Whole != 0 {
			return false
		}
		largest = max(largest, weights[i])
	}
	return largest >= leastScaled
}

// unscaled turns weights in millionths of the unit back into the user's, when that can be done without a remainder.
func (r *route) unscaled(kept []int, weights []int64) ([]int64, bool) {
	unit, sum := r.memo.unit(), int64(0)
	for _, w := range weights {
		sum += w
	}
	switch unit {
	case 0:
		return nil, false
	case unitAbsent, unitZero:
		unit = assumed
	}
	arms := r.memo[1:]
	out := make([]int64, len(weights))
	for i, k := range kept {
		w := weights[i]
		switch isForeign := r.entries[k].arm == foreign; {
		case isForeign && w*faint < sum:
			out[i] = w
			continue
		case !isForeign && len(arms) > 0:
			// The canary was taken out by hand: the stable arm has its part again.
			if !r.split && w <= arms[0]*Whole {
				w = arms[0] * Whole
			}
			arms = arms[1:]
		}
		if w*unit%Whole != 0 {
			return nil, false
		}
		out[i] = w * unit / Whole
	}
	return out, true
}

// inPercent returns the smallest whole weights of the same proportion, as percentages where they can be.
func inPercent(weights []int64) []int64 {
	unit, sum := divisor(weights), int64(0)
	out := make([]int64, len(weights))
	for i, w := range weights {
		out[i] = w / max(unit, 1)
		sum += out[i]
	}
	for i := range out {
		switch {
		case sum > 0 && assumed%sum == 0:
			out[i] *= assumed / sum
		case out[i] > math.MaxInt32: // two weights at Istio's bound, written by hand and merged
			out[i] = math.MaxInt32
		}
	}
	return out
}

// scale returns the weights of the kept entries in units and what the annotation has to say about them.
func (r *route) scale() ([]int64, memo, error) {
	kept, weights := r.kept(), r.written()
	if len(kept) == 1 {
		unit := int64(unitAbsent)
		if weights != nil {
			unit = weights[0]
			if unit == 0 {
				unit = unitZero
			}
		}
		return []int64{1}, memo{unit, 1}, nil
	}
	unit := divisor(weights)
	if unit == 0 {
		return nil, nil, fmt.Errorf("all weights are 0: give at least one destination a weight: %w", ErrWeights)
	}
	units, m, sum := make([]int64, len(weights)), memo{unit}, int64(0)
	for i, k := range kept {
		units[i] = weights[i] / unit
		sum += units[i]
		if units[i] > math.MaxInt32/Whole {
			return nil, nil, fmt.Errorf("destination %s has weight %d, %d times the unit of %d that all weights of the route share, and at most %d times can be split: write the weights as smaller whole numbers, such as percentages: %w",
				r.entries[k].host, weights[i], units[i], unit, math.MaxInt32/Whole, ErrWeights)
		}
		if r.entries[k].arm != foreign {
			m = append(m, units[i])
		}
	}
	if sum > math.MaxUint32/Whole {
		return nil, nil, fmt.Errorf("the weights add up to %d times the unit of %d that they share, and at most %d times can be split: write them as smaller whole numbers, such as percentages: %w",
			sum, unit, math.MaxUint32/Whole, ErrWeights)
	}
	return units, m, nil
}

// divisor returns the greatest common divisor of the weights, 0 when all are 0.
func divisor(weights []int64) int64 {
	d := int64(0)
	for _, w := range weights {
		for w != 0 {
			d, w = w, d%w
		}
	}
	return d
}
