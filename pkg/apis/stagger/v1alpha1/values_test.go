package v1alpha1

import (
	"testing"
	"time"
)

func TestPercentagesAreReadAsMillionthsAndWrittenBack(t *testing.T) {
	cases := map[string]struct {
		text    Percentage
		want    int64
		written Percentage
	}{
		"the finest weight":          {"0.0001%", 1, "0.0001%"},
		"a whole percent":            {"5%", 50_000, "5%"},
		"a fraction":                 {"99.95%", 999_500, "99.95%"},
		"trailing zeros go":          {"0.10%", 1_000, "0.1%"},
		"everything":                 {"100%", Whole, "100%"},
		"nothing":                    {"0%", 0, "0%"},
		"more than everything":       {"101%", 0, "0%"},
		"too fine is not rounded up": {"0.00001%", 0, "0%"},
		"no number":                  {"all%", 0, "0%"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := c.text.Millionths()
			if got != c.want {
				t.Errorf("Millionths(%q) = %d, want %d", c.text, got, c.want)
			}
			if back := PercentageOf(got); back != c.written {
				t.Errorf("PercentageOf(%d) = %q, want %q", got, back, c.written)
			}
		})
	}
}

func TestDurationsAreReadAndWrittenInSeconds(t *testing.T) {
	if got := Duration("1h30m").Duration(); got != 90*time.Minute {
		t.Errorf("Duration(1h30m) = %v, want 1h30m", got)
	}
	if got := Duration("soon").Duration(); got != 0 {
		t.Errorf("Duration(soon) = %v, want 0", got)
	}
	if got := DurationOf(90*time.Second + time.Millisecond); got != "90s" {
		t.Errorf("DurationOf = %q, want 90s", got)
	}
}
