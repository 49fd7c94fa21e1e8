package evidence_test

import (
	"math"
	"testing"

	"github.com/stagger-dev/stagger/pkg/evidence"
)

// The first four are the examples of Newcombe's table I, to the four digits that it gives.
func TestWilsonIsAsPublished(t *testing.T) {
	cases := map[string]struct {
		counts         evidence.Counts
		phi, low, high float64
	}{
		"81 of 263":                    {evidence.Counts{Requests: 263, Bad: 81}, 1, 0.2553, 0.3662},
		"15 of 148":                    {evidence.Counts{Requests: 148, Bad: 15}, 1, 0.0624, 0.1605},
		"none of 20":                   {evidence.Counts{Requests: 20}, 1, 0, 0.1611},
		"1 of 29":                      {evidence.Counts{Requests: 29, Bad: 1}, 1, 0.0061, 0.1718},
		"none of 50":                   {evidence.Counts{Requests: 50}, 1, 0, 0.0713},
		"all of 20":                    {evidence.Counts{Requests: 20, Bad: 20}, 1, 1 - 0.1611, 1},
		"nothing counted":              {evidence.Counts{}, 1, 0, 1},
		"in bursts it is worth less":   {evidence.Counts{Requests: 789, Bad: 243}, 3, 0.2553, 0.3662},
		"an unknown dispersion is 1":   {evidence.Counts{Requests: 263, Bad: 81}, 0, 0.2553, 0.3662},
		"more bad ones than there are": {evidence.Counts{Requests: 20, Bad: 30}, 1, 1 - 0.1611, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			low, high := evidence.Wilson(c.counts, c.phi)
			if c.counts.Requests > 0 && c.counts.Bad == 0 && low != 0 {
				t.Errorf("none of %g may be as few as %g, want 0", c.counts.Requests, low)
			}
			if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
				t.Errorf("%.4f to %.4f, want %.4f to %.4f", low, high, c.low, c.high)
			}
		})
	}
}
