package evidence

import (
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
	pkgrelease "github.com/stagger-dev/stagger/pkg/release"
)

// judged is the release after its abort; end is when its last pod was gone, the zero time while one is there.
func judged(r Reading, end time.Time) Following {
	t := target()
	t.Over, t.End, t.Checkpoint, t.Gaps = true, end, r.Checkpoint, r.Gaps
	return following(t, Weight{WrittenAt: noon, Move: 1})
}

// What meets the canary after its abort is counted until its pods are gone and the last report is in, through a restart.
func TestTheRequestsAfterAnAbortAreCounted(t *testing.T) {
	for name, killed := range map[string]bool{"by one process": false, "by two": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.store.timing.Interval = slice
			end := noon.Add(3 * time.Minute)
			b.traffic(noon, end)
			b.follow(target(), step(1, 0.05, noon))
			b.until(noon.Add(time.Minute))
			before := b.reading()
			if killed {
				b.restart()
				b.clock.SetTime(noon.Add(2 * time.Minute))
			}
			b.loop.Follow(shop, judged(before, time.Time{}))
			b.until(end)
			if r := b.reading(); r.AllIn {
				t.Error("pods are there, and all is said to be counted")
			}
			b.loop.Follow(shop, judged(before, end))
			b.until(end.Add(30 * time.Second))
			r := b.reading()
			b.counted(r)
			if !r.AllIn || len(r.Gaps) > 0 || r.Counted.Before(end) {
				t.Errorf("all in: %v, counted up to %s, gaps %v", r.AllIn, r.Counted, r.Gaps)
			}
			if n, _ := b.store.total(canary, noon, end); r.Verdict.Exposed.Requests != n {
				t.Errorf("%v requests are counted of %v", r.Verdict.Exposed.Requests, n)
			}
		})
	}
}

// A time that is too long ago to be asked about is a gap, also when a process begins with it.
func TestWhatCannotBeCountedAnyMoreIsAGap(t *testing.T) {
	b := newBench(t)
	end := noon.Add(3 * time.Hour)
	b.traffic(noon, noon.Add(2*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	before := b.reading()
	b.restart()
	b.clock.SetTime(end)
	gone := noon.Add(2 * time.Minute)
	b.loop.Follow(shop, judged(before, gone))
	b.tick()
	r := b.reading()
	if !r.AllIn || len(r.Gaps) != 1 || !r.Gaps[0].From.Time.Equal(before.Counted) || !r.Gaps[0].To.Time.Equal(gone) {
		t.Errorf("all in: %v, gaps %v, counted before up to %s, gone at %s", r.AllIn, r.Gaps, before.Counted, gone)
	}
}

// Reports that are late are counted when they come. Until then nothing is complete, and what nobody can count any more is a gap.
func TestLateReportsAreNoGap(t *testing.T) {
	for name, lost := range map[string]bool{"they come": false, "they do not": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.traffic(noon, noon.Add(5*time.Minute))
			from, to := noon.Add(time.Minute), noon.Add(2*time.Minute)
			ended := from.Add(-b.store.timing.Interval) // what is reported up to then
			b.store.change = func(at time.Time, arm counting.Service, a *counting.ArmAnswer) {
				switch {
				case arm != canary:
				case at.After(from) && !at.After(to):
					a.Late = &counting.Trouble{Reason: "Stale", Message: "late"}
				case lost && at.After(to) && !at.After(to.Add(slice)):
					a.Uncounted = &counting.Trouble{Reason: "NoData", Message: "lost"}
				}
			}
			b.follow(target(), step(1, 0.05, noon))
			b.until(noon.Add(90 * time.Second))
			if r := b.reading(); !r.Counted.Equal(ended) || !r.Through.After(from) {
				t.Errorf("while they are late, %s is counted of %s, want %s", r.Counted, r.Through, ended)
			}
			b.until(noon.Add(4 * time.Minute))
			r := b.reading()
			if lost != (len(r.Gaps) == 1 && r.Gaps[0].From.Time.Equal(ended) && r.Gaps[0].To.Time.Equal(to.Add(slice))) ||
				!r.Counted.Equal(r.Through.Add(-b.store.timing.Interval)) {
				t.Errorf("gaps %v, counted up to %s of %s", r.Gaps, r.Counted, r.Through)
			}
			if r.Verdict.State == pkgevidence.Breach {
				t.Error("the version is blamed")
			}
		})
	}
}

// The pods of a canary that was taken back for its counts are told also while its requests are still counted.
func TestPodsAreToldWhileTheRecordIsCounted(t *testing.T) {
	b := newBench(t)
	b.store.pods = map[string]counting.Counts{"a": {Requests: 31}}
	b.traffic(noon, noon.Add(time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	f := judged(b.reading(), time.Time{})
	f.Suspect = suspecting(noon).Suspect
	b.loop.Follow(shop, f)
	b.until(noon.Add(2 * time.Minute))
	if r := b.reading(); len(r.Pods.Pods) != 1 || r.Verdict.Exposed.Requests == 0 {
		t.Errorf("pods %v, met %v", r.Pods, r.Verdict.Exposed)
	}
}

// A report tells of the requests since the one before it. Where it is lost, all of these are in a gap, also those that ended before the slice in
// which it came.
func TestRequestsOfALostReportAreInAGap(t *testing.T) {
	const interval = 15 * time.Second
	b := newBench(t)
	b.store.timing.Interval = interval
	b.traffic(noon, noon.Add(5*time.Minute))
	report := noon.Add(2*time.Minute + 2*time.Second)
	b.store.change = func(at time.Time, arm counting.Service, a *counting.ArmAnswer) {
		if arm == canary && !at.Before(report) && at.Before(report.Add(slice)) {
			a.Uncounted = &counting.Trouble{Reason: "NoData", Message: "lost"}
		}
	}
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(4 * time.Minute))
	r := b.reading()
	if len(r.Gaps) != 1 || r.Gaps[0].From.After(report.Add(-interval)) || r.Gaps[0].To.Time.Before(report) {
		t.Errorf("gaps %v; the report at %s told of %s", r.Gaps, report, interval)
	}
	if last := r.Through.Add(-interval); r.Counted.After(last) {
		t.Errorf("requests are said to be counted up to %s; those after %s may be in the next report", r.Counted, last)
	}
}

// The first weight was written up to a second before its time in the record: requests of that second are missed where the first report is lost.
func TestAGapOfTheFirstReportBeginsWithTheWeight(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	b.store.change = func(at time.Time, arm counting.Service, a *counting.ArmAnswer) {
		if arm == canary && !at.After(noon.Add(slice)) {
			a.Uncounted = &counting.Trouble{Reason: "NoData", Message: "lost"}
		}
	}
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	if r, first := b.reading(), noon.Add(-pkgrelease.Rounding); len(r.Gaps) != 1 || !r.Gaps[0].From.Time.Equal(first) {
		t.Errorf("gaps %v; the weight may have been written at %s", r.Gaps, first)
	}
}
