package evidence

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestPhiOfHistories(t *testing.T) {
	repeat := func(n int, c ...Counts) []Counts { return slices.Repeat(c, n) }
	quiet := Counts{1000, 1}
	outage := Counts{1000, 500}
	cases := map[string]struct {
		history []Counts
		want    string
	}{
		"the worked example":              {[]Counts{{1000, 4}, {1000, 6}, {1000, 0}, {1000, 10}, {500, 1}, {1000, 2}}, "4.219"},
		"nothing":                         {nil, "2.500"},
		"one tick, no pair":               {repeat(1, quiet), "2.500"},
		"no requests":                     {repeat(60, Counts{}), "2.500"},
		"no number":                       {repeat(60, Counts{math.NaN(), math.Inf(1)}), "2.500"},
		"far too even":                    {repeat(200, Counts{1000, 5}), "1.000"},
		"an outage of two ticks in many":  {append(repeat(250, quiet), outage, outage), "1.000"},
		"the same in a short history":     {append(repeat(58, quiet), Counts{1000, 1}, outage, outage), "200.000"},
		"one tick alone is a burst":       {append(repeat(251, quiet), outage), "200.000"},
		"bursts without end":              {repeat(100, Counts{1000, 0}, Counts{1000, 1000}), "200.000"},
		"more bad requests than requests": {repeat(100, Counts{100, 150}, Counts{100, 100}), "1.000"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := fmt.Sprintf("%.3f", Phi(tc.history, 0.01)); got != tc.want {
				t.Errorf("phi = %s, want %s", got, tc.want)
			}
		})
	}
}
