package evidence

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bench is one bankroll with the memory of its stable, as the slow lane of a single objective has them.
type bench struct {
	bankroll
	stable memory
	own    tolerances
}

func (b *bench) tick(length time.Duration, a arms) {
	t := b.own
	t.limit = b.stable.limit(t.limit)
	b.stable.add(length, a)
	b.bankroll.tick(t, a)
}

func newBench(bettors []bettor) *bench {
	return &bench{bankroll: newBankroll(bettors), own: tolerances{ratio: 1, limit: 0.01, floor: 0.0001}}
}

func TestBankrollFollowsTheWorkedExample(t *testing.T) {
	rows := []struct {
		boost bool
		arms  arms
		want  []string // cash, three share and two ceiling stakes, wealth
	}{
		{arms: arms{1425, 1, 75, 0}, want: []string{"0.2000", "0.1493", "0.1821", "0.1862", "0.04800", "0.1043", "0.8700"}},
		{arms: arms{1425, 2, 75, 3}, want: []string{"0.1996", "1.063", "0.4040", "0.2110", "0.1370", "0.1452", "2.1602"}},
		{arms: arms{1425, 0, 75, 0}, want: []string{"0.2033", "1.017", "0.4025", "0.2141", "0.05558", "0.1278", "2.0199"}},
		{arms: arms{1425, 0, 0, 0}, want: []string{"0.2033", "1.017", "0.4025", "0.2141", "0.05558", "0.1278", "2.0199"}},
		{arms: arms{750, 375, 750, 380}, want: []string{"0.2065", "1.013", "0.4048", "0.2180", "0.02961", "0.06594", "1.9379"}},
		{arms: arms{750, 1, 750, 750}, want: []string{"0.2093", "2.003", "0.8050", "0.4288", "0.3258", "0.6469", "4.4185"}},
		{arms: arms{750, 0, 750, 750}, want: []string{"0.2197", "3.968", "1.606", "0.8477", "3.270", "6.088", "15.9995"}},
		{arms: arms{0, 0, 1500, 3}, want: []string{"0.2649", "3.953", "1.627", "0.8802", "0.07557", "0.3110", "7.1114"}},
		{boost: true, arms: arms{1200, 1, 300, 1}, want: []string{"0.4963", "6.855", "1.959", "0.9981", "0.01137", "0.07191", "10.3920"}},
	}
	b := newBench(slowBettors())
	for i, row := range rows {
		b.boost = b.boost || row.boost
		b.tick(15*time.Second, row.arms)
		got := []string{fmt.Sprintf("%.4f", b.cash)}
		for _, s := range b.stakes {
			got = append(got, fmt.Sprintf("%#.4g", s))
		}
		got = append(got, fmt.Sprintf("%.4f", b.wealth()))
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("after row %d (-want +got):\n%s", i+1, diff)
		}
	}
	got := fmt.Sprintf("%d %.3f %.3f", b.ticks, b.stable.requests, b.stable.bad)
	if want := "8 6874.040 295.777"; got != want {
		t.Errorf("ticks and memory are %s, want %s", got, want)
	}
}

func TestYardsticksExpect(t *testing.T) {
	cases := map[string]struct {
		arms           arms
		share, ceiling float64
	}{
		"few errors":                            {arms{1425, 2, 75, 3}, 0.25, 0.75},
		"no errors, the floor alone":            {arms{1425, 0, 75, 0}, 0.007125, 0.75},
		"an outage of both arms":                {arms{750, 375, 750, 380}, 377.5, 752},
		"a dead canary beside a healthy stable": {arms{750, 1, 750, 750}, 375.5, 7.5},
	}
	own := tolerances{ratio: 1, limit: 0.01, floor: 0.0001}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, _ := share.expected(own, tc.arms)
			c, _ := ceiling.expected(own, tc.arms)
			if math.Abs(s-tc.share) > 1e-9 || math.Abs(c-tc.ceiling) > 1e-9 {
				t.Errorf("got share %v and ceiling %v, want %v and %v", s, c, tc.share, tc.ceiling)
			}
		})
	}
	if _, ok := share.expected(own, arms{nc: 10, kc: 10}); ok {
		t.Error("share has an opinion with no stable to take a share with")
	}
}

// TestNoFactorFavoursTheBettorUnderTheNull sums the factor over every outcome of a tick in which both arms have the same
// error rate: the mean must not exceed 1, which is what Ville's inequality rests on.
func TestNoFactorFavoursTheBettorUnderTheNull(t *testing.T) {
	cases := map[string]struct {
		stable, canary int
		rate           float64 // of both arms
		limit          float64
	}{
		"rare errors, small canary":     {95, 5, 0.01, 0.01},
		"an outage, even arms":          {20, 20, 0.5, 0.01},
		"an outage, hardly any stable":  {2, 40, 0.5, 0.01},
		"everything fails":              {30, 30, 1, 0.01},
		"at the limit, canary majority": {5, 60, 0.01, 0.01},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			own := tolerances{ratio: 1, limit: tc.limit, floor: tc.limit / 100}
			for _, b := range append(slowBettors(), fastBettors()...) {
				mean := 0.0
				for ks := range tc.stable + 1 {
					for kc := range tc.canary + 1 {
						a := arms{float64(tc.stable), float64(ks), float64(tc.canary), float64(kc)}
						mu, _ := b.yardstick.expected(own, a)
						mean += binomial(tc.stable, ks, tc.rate) * binomial(tc.canary, kc, tc.rate) * (a.kc + b.kappa) / (mu + b.kappa)
					}
				}
				if mean > 1+1e-9 {
					t.Errorf("bettor %+v gains %v in the mean", b, mean)
				}
			}
		})
	}
}

func binomial(n, k int, p float64) float64 {
	if p == 1 {
		if k == n {
			return 1
		}
		return 0
	}
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}
