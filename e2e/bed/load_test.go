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

func TestOnlyWhatNoPodAnsweredInAStallIsExcused(t *testing.T) {
	unanswered := func(at int64, noUpstream, noAnswer, byPods int) Second {
		return Second{T: at, Failed: noUpstream + noAnswer + byPods, NoUpstream: noUpstream, NoAnswer: noAnswer, ByVersion: map[string]VersionCounts{"bad": {Failed: byPods}}}
	}
	for name, c := range map[string]struct {
		bystander, seconds []Second
		failed, excused    int
	}{
		"the bystander lost none":                {[]Second{{T: 100, OK: 10}, {T: 101, Failed: 1}}, []Second{unanswered(100, 2, 3, 1)}, 6, 0},
		"both lost some in one second":           {[]Second{unanswered(100, 1, 0, 0)}, []Second{unanswered(100, 2, 3, 1)}, 1, 5},
		"within the longest wait":                {[]Second{unanswered(100, 0, 1, 0)}, []Second{unanswered(90, 1, 0, 0), unanswered(110, 0, 1, 0)}, 0, 2},
		"beyond the longest wait":                {[]Second{unanswered(100, 0, 1, 0)}, []Second{unanswered(88, 1, 0, 0), unanswered(112, 0, 1, 0)}, 2, 0},
		"what a pod answers badly in a stall":    {[]Second{unanswered(100, 0, 1, 0)}, []Second{unanswered(100, 0, 0, 4)}, 4, 0},
		"a stall that goes on excuses no others": {[]Second{unanswered(100, 0, 1, 0), unanswered(105, 0, 1, 0)}, []Second{unanswered(115, 1, 0, 0), unanswered(117, 1, 0, 0)}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rest, excused := Without(c.seconds, Stalls(c.bystander))
			if failed, _ := Failed(rest); failed != c.failed || excused != c.excused {
				t.Errorf("%d failed and %d are excused, want %d and %d", failed, excused, c.failed, c.excused)
			}
		})
	}
}
