package routing

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestAgrees(t *testing.T) {
	cases := map[string]struct {
		want, canary, total float64
		answer              Agreement
	}{
		"nothing is known":               {0.05, 0, 0, Unknown},
		"too little to tell from none":   {0.05, 2, 100, Unknown},
		"none seen, too little":          {0.05, 0, 148, Unknown},
		"none seen, enough":              {0.05, 0, 149, No},
		"as wanted":                      {0.05, 9, 149, Yes},
		"far too many of few":            {0.05, 10, 20, No},
		"1 % wanted, 0.9 % of a million": {0.01, 9_000, 1e6, No},
		"1 % wanted, 0.99 %":             {0.01, 9_900, 1e6, Yes},
		"one in a million":               {1e-6, 12, 1e7, Yes},
		"ten in a million, not one":      {1e-6, 100, 1e7, No},
		"all wanted, all seen":           {1, 500, 500, Yes},
		"all wanted, too few":            {1, 3, 3, Unknown},
		"all wanted, one missing":        {1, 499, 500, No},
		"none wanted, none seen":         {0, 0, 500, Yes},
		"none wanted, one seen":          {0, 1, 500, No},
		"half, far above":                {0.5, 1e9, 1e9, No},
		"counts that are not whole":      {0.25, 250.4, 1000.2, Yes},
		"more than all":                  {0.5, 11, 10, Unknown},
		"not a number":                   {0.5, math.NaN(), 10, Unknown},
		"no share":                       {math.NaN(), 5, 10, Unknown},
		"negative":                       {0.5, -1, 100, Unknown},
		"infinite":                       {0.5, 1, math.Inf(1), Unknown},
		"a share above the whole":        {1.1, 1, 100, Unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Agrees(c.want, c.canary, c.total); got != c.answer {
				t.Errorf("%v of %v against %v: got %v, want %v", c.canary, c.total, c.want, got, c.answer)
			}
		})
	}
}

// TestLowerTail compares with sums of exact binomial terms, multiplied out in full.
func TestLowerTail(t *testing.T) {
	for _, n := range []int{1, 7, 30} {
		for _, p := range []float64{0.01, 0.3, 0.5} {
			sum := 0.0
			for k := 0; float64(k) < float64(n)*p; k++ {
				term := 1.0
				for i := range k {
					term *= float64(n-i) / float64(i+1) * p
				}
				sum += term * math.Pow(1-p, float64(n-k))
				if got := lowerTail(float64(n), float64(k), p); math.Abs(got-sum) > 1e-9 {
					t.Errorf("P(X <= %d), n %d, p %v: got %v, want %v", k, n, p, got, sum)
				}
			}
		}
	}
}

// TestAgreesIsSeldomWrong draws shares that are right and counts how often they are taken for wrong ones.
func TestAgreesIsSeldomWrong(t *testing.T) {
	const draws = 20_000
	rnd := rand.New(rand.NewPCG(1, 2))
	wrong := 0
	for range draws {
		hits := 0.0
		for range 400 {
			if rnd.Float64() < 0.1 {
				hits++
			}
		}
		if Agrees(0.1, hits, 400) == No {
			wrong++
		}
	}
	// At most one in a thousand is expected: 20, give or take 4.5.
	if wrong == 0 || wrong > 38 {
		t.Errorf("%d of %d right shares were taken for wrong ones", wrong, draws)
	}
}
