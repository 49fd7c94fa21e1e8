package evidence

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestNonsenseInAConfigIsRefusedByName(t *testing.T) {
	cases := map[string]struct {
		spoil func(*Config)
		field string
	}{
		"no objective":            {func(c *Config) { c.Objectives = nil }, "Objectives"},
		"no name":                 {func(c *Config) { c.Objectives[0].Name = "" }, "objective 0: field Name"},
		"a name twice":            {func(c *Config) { c.Objectives[1].Name = "availability" }, "objective 1: field Name"},
		"no limit":                {func(c *Config) { c.Objectives[1].Limit = 0 }, "objective 1: field Limit"},
		"a limit in percent":      {func(c *Config) { c.Objectives[0].Limit = 1 }, "field Limit"},
		"a limit that is NaN":     {func(c *Config) { c.Objectives[0].Limit = math.NaN() }, "field Limit"},
		"a floor above the limit": {func(c *Config) { c.Objectives[0].Floor = 0.4 }, "field Floor"},
		"a negative weight":       {func(c *Config) { c.Objectives[0].Weight = -1 }, "field Weight"},
		"weights far apart":       {func(c *Config) { c.Objectives[0].Weight = 1e8 }, "weights"},
		"a ratio below 1":         {func(c *Config) { c.Ratio = 0.9 }, "field Ratio"},
		"alpha in percent":        {func(c *Config) { c.FalseAbort = 5 }, "field FalseAbort"},
		"beta that is NaN":        {func(c *Config) { c.FalsePromote = math.NaN() }, "field FalsePromote"},
		"a negative tick":         {func(c *Config) { c.Fast = -1 }, "field Fast"},
		"lanes swapped":           {func(c *Config) { c.Fast, c.Slow = time.Minute, time.Second }, "field Slow"},
		"a negative warm-up":      {func(c *Config) { c.Warmup = -1 }, "field Warmup"},
		"phi below 1":             {func(c *Config) { c.Phi = []float64{0.5} }, "field Phi"},
		"phi for others":          {func(c *Config) { c.Phi = []float64{1, 1, 1} }, "field Phi"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := twoObjectives()
			tc.spoil(&c)
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), tc.field) {
				t.Errorf("error %v does not name %s", err, tc.field)
			}
		})
	}
}

func TestDefaultsAreFilledInWithoutTouchingTheCallersConfig(t *testing.T) {
	c := twoObjectives()
	got := begin(t, c).c
	if got.Ratio != 1.2 || got.FalseAbort != 0.01 || got.FalsePromote != 0.05 || got.Fast != 15*time.Second || got.Slow != time.Minute {
		t.Errorf("defaults are %+v", got)
	}
	if got.Phi[0] != 2.5 || got.Phi[1] != 2.5 || got.Objectives[0].Floor != 0.005/100 || got.Objectives[1].Weight != 0.75 {
		t.Errorf("defaults of objectives are %+v, phi %v", got.Objectives, got.Phi)
	}
	if c.Objectives[0].Floor != 0 || c.Objectives[0].Weight != 0 {
		t.Errorf("the caller's objectives became %+v", c.Objectives)
	}
}

func TestUrgentLanesTakeTheirPartFromTheOthers(t *testing.T) {
	for _, alpha := range []float64{0, 0.001, 0.2} {
		for _, lanes := range []int{1, 2, 5} {
			c := oneObjective()
			c.FalseAbort, c.Urgent = alpha, true
			tests := begin(t, c)
			threshold := 100 / tests.scale(1) // of the fast and of the slow lane
			spent := 2/threshold + float64(2*lanes)/c.UrgentThreshold(lanes)
			if want := tests.c.FalseAbort; math.Abs(spent/want-1) > 1e-12 {
				t.Errorf("with %d urgent lanes, falseAbort %v allows %v", lanes, want, spent)
			}
		}
	}
	if got := (Config{}).UrgentThreshold(0); math.Abs(got-1000) > 1e-9 {
		t.Errorf("by default a purse aborts at %v", got)
	}
	plain, urgent := oneObjective(), oneObjective()
	urgent.Urgent = true
	a, b := begin(t, plain), begin(t, urgent)
	newFlow().feed(a, 3, Counts{500, 0}, Counts{5, 5})
	newFlow().feed(b, 3, Counts{500, 0}, Counts{5, 5})
	if x, y := a.Verdict(Question{}).Against, b.Verdict(Question{}).Against; math.Abs(y/x-0.8) > 1e-12 {
		t.Errorf("the same slices speak %v against the canary, and %v beside urgent lanes", x, y)
	}
	at := Traffic{Rate: 100, Bad: []float64{0.001}}
	x, err := plain.Forecast(at, 0.25, Question{NextWeight: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	y, err := urgent.Forecast(at, 0.25, Question{NextWeight: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if y.Twofold <= x.Twofold || y.Clear != x.Clear {
		t.Errorf("the forecast is %+v, and beside urgent lanes %+v", x, y)
	}
}
