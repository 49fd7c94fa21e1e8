package bed

import (
	"testing"
	"time"
)

func TestLostIsWhatFailedBesideTheFaultsAndTheVersion(t *testing.T) {
	second := func(at int64, failed, ofThem int) Second {
		return Second{T: at, Failed: failed, ByVersion: map[string]VersionCounts{"bad": {Failed: ofThem}, "good": {OK: 9}}}
	}
	seconds := []Second{second(100, 3, 3), second(101, 5, 1), second(102, 2, 0), second(103, 1, 0), second(104, 7, 7)}
	at := func(n float64) time.Time { return time.UnixMilli(int64(n * 1000)) }
	for name, c := range map[string]struct {
		version string
		but     []Span
		want    int
	}{
		"nothing is excused":            {"", nil, 18},
		"the version's own":             {"bad", nil, 7},
		"in a fault":                    {"bad", []Span{{at(101), at(103)}}, 1},
		"a fault that ends in a second": {"bad", []Span{{at(102.5), at(103.5)}}, 4},
		"two faults":                    {"bad", []Span{{at(101), at(102)}, {at(103), at(104)}}, 2},
		"a fault before it":             {"bad", []Span{{at(90), at(101)}}, 7},
	} {
		if got := Lost(seconds, c.version, c.but...); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
