package bed

import (
	"maps"
	"os"
	"path/filepath"
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

func TestACohortIsAskedAsAllAre(t *testing.T) {
	l := &Load{record: filepath.Join(t.TempDir(), "load.jsonl")}
	record := `{"t":100,"sent":9,"ok":9,"byVersion":{"1":{"ok":9}}}
{"t":101,"sent":10,"ok":8,"failed":2,"noUpstream":1,"byVersion":{"1":{"ok":6},"2":{"ok":2,"failed":1}},"byCohort":{` +
		`"staff":{"sent":4,"ok":2,"failed":2,"noUpstream":1,"byVersion":{"2":{"ok":2,"failed":1}}},"others":{"sent":6,"ok":6,"byVersion":{"1":{"ok":6}}}}}
{"t":102,"sent":10,"ok":10,"byVersion":{"1":{"ok":10}},"byCohort":{"others":{"sent":10,"ok":10,"byVersion":{"1":{"ok":10}}}}}
`
	if err := os.WriteFile(l.record, []byte(record), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := l.Seconds(time.Unix(101, 0))
	if err != nil {
		t.Fatal(err)
	}
	for cohort, want := range map[string]struct {
		sent, failed, lost int
		met                map[string]int
	}{
		"staff": {4, 2, 1, map[string]int{"2": 3}},
		Others:  {16, 0, 0, map[string]int{"1": 16}},
		"early": {0, 0, 0, map[string]int{}},
	} {
		t.Run(cohort, func(t *testing.T) {
			its := Of(all, cohort)
			if len(its) != 2 || its[0].T != 101 || its[1].T != 102 {
				t.Errorf("seconds %v, want 101 and 102", its)
			}
			failed, _ := Failed(its)
			if Sent(its) != want.sent || failed != want.failed || Lost(its, "2") != want.lost || !maps.Equal(Met(its), want.met) {
				t.Errorf("%d sent, %d failed, %d lost, met %v; want %+v", Sent(its), failed, Lost(its, "2"), Met(its), want)
			}
			if _, excused := Without(its, Stalls(its)); excused != want.lost {
				t.Errorf("%d are excused, want %d", excused, want.lost)
			}
		})
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
