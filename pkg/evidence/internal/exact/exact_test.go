package exact

import (
	"math"
	"testing"
)

func TestDownNeverRoundsUpAndFitsAFloat32(t *testing.T) {
	for _, x := range []float64{0, 1e-300, 1e-38, 1e-37, 0.1, 1.0 / 3, 1, 1.9999999999, 12345678.9, 1e14, 1e300, math.Inf(1)} {
		got := Down(x)
		if got > x || got > MaxStake || float64(float32(got)) != got {
			t.Errorf("Down(%v) = %v", x, got)
		}
		if x > 1e-37 && x < MaxStake && got < x*(1-1e-6) {
			t.Errorf("Down(%v) = %v loses too much", x, got)
		}
	}
}
