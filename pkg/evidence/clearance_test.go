package evidence

import (
	"fmt"
	"math"
	"testing"
)

func TestClearanceFollowsTheWorkedExamples(t *testing.T) {
	cases := []struct {
		counts     Counts
		limit, phi float64
		want       string
	}{
		{Counts{300, 0}, 0.01, 1, "10.378"},
		{Counts{380, 0}, 0.01, 1, "20.39"},
		{Counts{400, 0}, 0.01, 1, "24.201"},
		{Counts{1000, 2}, 0.01, 1, "56.601"},
		{Counts{1000, 0}, 0.01, 2.5, "24.201"},
		{Counts{5000, 20}, 0.01, 2.5, "38.971"},
		{Counts{5000, 50}, 0.01, 2.5, "0.027331"},
		{Counts{100000, 2}, 0.0001, 1, "56.601"},
		{Counts{}, 0.01, 1, "1"},
		{Counts{1e15, 0}, 0.5, 1, "1e+09"},
	}
	for _, tc := range cases {
		if got := fmt.Sprintf("%.5g", Clearance(tc.counts, tc.limit, tc.phi)); got != tc.want {
			t.Errorf("Clearance(%v, %v, %v) = %s, want %s", tc.counts, tc.limit, tc.phi, got, tc.want)
		}
	}
}

func TestNonsenseClearsNothing(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tc := range [][4]float64{
		{nan, 0, 0.01, 1}, {1000, nan, 0.01, 1}, {1000, 0, nan, 1}, {1000, 0, 0.01, nan},
		{inf, 0, 0.01, 1}, {1000, -1, 0.01, 1}, {1000, 0, 2, 1}, {1000, 0, 0.01, 0},
	} {
		if got := Clearance(Counts{tc[0], tc[1]}, tc[2], tc[3]); got != 0 {
			t.Errorf("Clearance of %v = %v, want 0", tc, got)
		}
	}
}

func TestMissingIsTheFirstNumberThatClears(t *testing.T) {
	cases := map[string]struct {
		all, kept  Counts
		limit, phi float64
		want       int64 // 0: only the property is checked
	}{
		"nothing seen, to 5 %":         {limit: 0.2, phi: 1, want: 19},
		"nothing seen, to 25 %":        {limit: 0.04, phi: 1, want: 95},
		"nothing seen, to 50 %":        {limit: 0.02, phi: 1, want: 189},
		"nothing seen, to 100 %":       {limit: 0.01, phi: 1, want: 378},
		"half of it seen":              {all: Counts{200, 0}, kept: Counts{200, 0}, limit: 0.01, phi: 1, want: 178},
		"errors seen":                  {all: Counts{1000, 7}, kept: Counts{1000, 7}, limit: 0.01, phi: 2.5},
		"an outage left out":           {all: Counts{900, 40}, kept: Counts{600, 1}, limit: 0.01, phi: 1},
		"many errors, tiny limit":      {all: Counts{1e9, 1e6}, kept: Counts{1e9, 1e6}, limit: 1e-6, phi: 200},
		"dispersion far above reality": {limit: 0.0001, phi: 1e6},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := missing(tc.all, tc.kept, tc.limit, tc.phi, 20)
			if tc.want != 0 && n != tc.want {
				t.Errorf("missing %d, want %d", n, tc.want)
			}
			after := func(n int64) float64 {
				a, k := tc.all, tc.kept
				a.Requests += float64(n)
				k.Requests += float64(n)
				return cleared(a, k, tc.limit, tc.phi)
			}
			if n < 1 || after(n) < 20 || after(n-1) >= 20 {
				t.Errorf("missing %d: E_ok is %v with one less and %v with them", n, after(n-1), after(n))
			}
		})
	}
}

func TestNothingIsMissingOnceCleared(t *testing.T) {
	c := Counts{400, 0}
	if n := missing(c, c, 0.01, 1, 20); n != 0 {
		t.Errorf("missing %d", n)
	}
}
