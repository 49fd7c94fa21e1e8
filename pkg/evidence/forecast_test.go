package evidence

import (
	"math"
	"testing"
	"time"
)

// TestTheRequestsItTakesToClear compares with the table of design/evidence.md, section 6: N = phi x(f)/limit.
func TestTheRequestsItTakesToClear(t *testing.T) {
	for f, x := range map[float64]float64{0: 3.78, 0.05: 4.40, 0.1: 5.22, 0.2: 7.56, 0.3: 11.11, 0.5: 27.1, 0.7: 103.3} {
		for _, phi := range []float64{1, 2.5} {
			tests, err := New(Config{Objectives: []Objective{{Name: "a", Limit: 0.01}}, Phi: []float64{phi}})
			if err != nil {
				t.Fatal(err)
			}
			got := tests.toClear(0, f*0.01, Question{NextWeight: 1, Promote: true})
			if want := phi * x / 0.01; math.Abs(got/want-1) > 0.01 {
				t.Errorf("f %v, phi %v: %v requests, want %.0f", f, phi, got, want)
			}
		}
	}
}

func TestAForecast(t *testing.T) {
	one := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Ratio: 1, Phi: []float64{1}}
	at := func(rate, bad float64) Traffic { return Traffic{Rate: rate, Bad: []float64{bad}} }
	move := Question{NextWeight: 0.25}
	cases := map[string]struct {
		traffic  Traffic
		weight   float64
		q        Question
		clear    time.Duration
		requests float64
		total    time.Duration
	}{
		// 0.01/0.25 clears with 95 requests and a little for the stable's bad ones.
		"much traffic":            {at(1000, 0.0001), 0.05, move, 2 * time.Second, 96, 30 * time.Second},
		"little traffic":          {at(5, 0.001), 0.05, move, 408 * time.Second, 102, 60 * time.Second},
		"no traffic":              {at(0, 0.001), 0.05, move, Never, 102, Never},
		"a stable near the limit": {at(1000, 0.0079), 0.5, Question{NextWeight: 1, Promote: true}, Never, 0, 45 * time.Second},
		"a stable in breach":      {at(1000, 0.02), 0.5, Question{NextWeight: 1, Promote: true}, Never, 0, 45 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := one.Forecast(c.traffic, c.weight, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if f.Clear != c.clear || f.Requests != c.requests || f.Total != c.total {
				t.Errorf("got %+v, want %s, %v requests, %s to notice a total failure", f, c.clear, c.requests, c.total)
			}
			if f.Total > f.Tenfold || f.Tenfold > f.Threefold || f.Threefold > f.Twofold {
				t.Errorf("a smaller regression is seen sooner: %+v", f)
			}
		})
	}
	if _, err := (Config{}).Forecast(at(1, 0), 0.1, move); err == nil {
		t.Error("a forecast of nothing")
	}
}

// TestAForecastIsNearTheSimulatedMedians compares with rows of design/evidence.md, section 8.7 (lanes 15/60 s, ratio 1).
func TestAForecastIsNearTheSimulatedMedians(t *testing.T) {
	one := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Ratio: 1, Phi: []float64{1}}
	cases := []struct {
		rate, weight, bad float64
		pick              func(Forecast) time.Duration
		median            time.Duration
	}{
		{1000, 0.01, 0.001, func(f Forecast) time.Duration { return f.Tenfold }, 240 * time.Second},
		{100, 0.05, 0.001, func(f Forecast) time.Duration { return f.Tenfold }, 300 * time.Second},
		{1000, 0.5, 0.0005, func(f Forecast) time.Duration { return f.Tenfold }, 660 * time.Second},
		{100, 0.05, 0.001, func(f Forecast) time.Duration { return f.Threefold }, 1380 * time.Second},
		{1000, 0.2, 0.001, func(f Forecast) time.Duration { return f.Threefold }, 540 * time.Second},
		{1000, 0.05, 0.005, func(f Forecast) time.Duration { return f.Twofold }, 660 * time.Second},
		{1000, 0.5, 0.005, func(f Forecast) time.Duration { return f.Twofold }, 1320 * time.Second},
	}
	for _, c := range cases {
		f, err := one.Forecast(Traffic{Rate: c.rate, Bad: []float64{c.bad}}, c.weight, Question{NextWeight: 1})
		if err != nil {
			t.Fatal(err)
		}
		if ratio := c.pick(f).Seconds() / c.median.Seconds(); ratio < 0.9 || ratio > 1.9 {
			t.Errorf("%v requests/s, weight %v, stable %v: %s, simulated %s (ratio %.2f)", c.rate, c.weight, c.bad, c.pick(f), c.median, ratio)
		}
	}
}
