package evidence

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unreleased is the version that is being made. Its fixtures alone are written anew, by -update.
const unreleased = "v0.1.0"

var update = flag.Bool("update", false, "write the fixtures of "+unreleased+" anew")

// moments are how long after noon the checkpoints of the fixtures are written: in the warm-up, at two weights, without a stable, when failures
// are suspected, and when a pod is excused.
var moments = []time.Duration{15 * time.Second, time.Minute, 150 * time.Second, 210 * time.Second, 5 * time.Minute, 6 * time.Minute}

// relay counts a release of many kinds of evidence. At a moment another process takes its place, which goes on from a checkpoint; empty: from the
// one of this version. It returns that, and what is known in the end.
func relay(t *testing.T, at time.Duration, checkpoint string) (written string, end Reading) {
	t.Helper()
	b, of := newBench(t), compared()
	of.Config.Warmup = 20 * time.Second
	after := noon.Add
	for d := 2 * time.Second; d < 8*time.Minute; d += slice {
		b.store.observe(stable, after(d), "200", 90)
		b.store.observe(stable, after(d), "404", 1)
		b.store.observe(canary, after(d), "200", 9)
		b.store.observe(canary, after(d), "404", 1)
		if d > 4*time.Minute && d < 6*time.Minute {
			b.store.observe(canary, after(d), "500", 2)
		}
	}
	excused := step(4, 0.05, after(4*time.Minute))
	excused.Excused = 1
	for _, stay := range []struct {
		until time.Duration
		w     Weight
	}{
		{2 * time.Minute, step(1, 0.05, noon)}, {3 * time.Minute, step(2, 0.25, after(2*time.Minute))}, {4 * time.Minute, step(3, 1, after(3*time.Minute))},
		{330 * time.Second, step(4, 0.05, after(4*time.Minute))}, {7 * time.Minute, excused},
	} {
		for ; b.clock.Now().Before(after(stay.until)); b.clock.SetTime(b.tick()) {
			if b.follow(of, stay.w); written == "" && !b.clock.Now().Before(after(at)) {
				written = b.reading().Checkpoint
				again := of
				again.Checkpoint = written
				if checkpoint != "" {
					again.Checkpoint = checkpoint
				}
				b.restart()
				b.follow(again, stay.w)
			}
		}
	}
	if said := strings.Join(b.lines, "\n"); strings.Contains(said, "cannot be read") {
		t.Errorf("after %s: %s", at, said)
	}
	return written, b.reading()
}

// TestCheckpointsOfEarlierVersionsAreReadAsTheirOwn has the tests go on from what each version has written in the middle of a release: they
// come to the same verdict as from what this one has written there.
func TestCheckpointsOfEarlierVersionsAreReadAsTheirOwn(t *testing.T) {
	written, ends := map[time.Duration]string{}, map[time.Duration]Reading{}
	var lines strings.Builder
	for _, at := range moments {
		written[at], ends[at] = relay(t, at, "")
		fmt.Fprintln(&lines, at, written[at])
	}
	of := func(version string) string { return filepath.Join("testdata", "versions", version, "checkpoints.txt") }
	if *update {
		if err := os.MkdirAll(filepath.Dir(of(unreleased)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(of(unreleased), []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(of("*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("fixtures: %v, %d files; -update writes those of %s", err, len(files), unreleased)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), lines.String()); diff != "" && file == of(unreleased) {
			t.Errorf("what is written now is another, -update writes the fixture anew (-file +now):\n%s", diff)
		}
		for line := range strings.Lines(string(text)) {
			moment, checkpoint, _ := strings.Cut(strings.TrimSpace(line), " ")
			at, err := time.ParseDuration(moment)
			if err != nil {
				t.Fatal(err)
			}
			_, end := relay(t, at, checkpoint)
			if want, known := ends[at]; !known || cmp.Diff(want.Verdict, end.Verdict) != "" || cmp.Diff(want.ClientErrors, end.ClientErrors) != "" {
				t.Errorf("%s after %s ends with\n%s\nwant\n%s", file, at, end.Verdict, want.Verdict)
			}
		}
	}
}
