package direct

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unreleased is the version that is being made. Its fixtures alone are written anew, by -update.
const unreleased = "v0.1.0"

var update = flag.Bool("update", false, "write the fixtures of "+unreleased+" anew")

// moments are after which second the checkpoints of the fixtures are written: when all is well, in the first bad second, in an episode, and
// after it.
var moments = []int{2, 4, 7, 20}

// relay reads half a minute in which the canary is bad twice. After a second another process takes the place of the first, and goes on from a
// checkpoint; empty: from the one of this version. It returns that, and what all seconds after it say.
func relay(t *testing.T, after int, checkpoint string) (written string, say []State) {
	t.Helper()
	b := newBench(t, 250_000, 0)
	b.release.Objectives = append(b.release.Objectives, Objective{Name: "other"})
	b.begin()
	b.second()
	for i := range 30 {
		failed := 0.0
		if i >= 4 && i < 9 || i > 24 {
			failed = 100
		}
		b.asks(CanaryPod, 249, failed)
		b.asks(StablePod, 747, 0)
		s := b.second()
		if i > after {
			s.Checkpoint = ""
			say = append(say, s)
		}
		if i != after {
			continue
		}
		written, b.release.Checkpoint = s.Checkpoint, s.Checkpoint
		if checkpoint != "" {
			b.release.Checkpoint = checkpoint
		}
		b.begin()
		b.second() // there is no reading before it
	}
	return written, say
}

// TestLanesGoOnFromCheckpointsOfEarlierVersions has the lanes go on from what each version has written: all that follows is as it is after what this
// one has written there.
func TestLanesGoOnFromCheckpointsOfEarlierVersions(t *testing.T) {
	after := map[int][]State{}
	var lines strings.Builder
	for _, moment := range moments {
		written, say := relay(t, moment, "")
		after[moment] = say
		fmt.Fprintln(&lines, moment, written)
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
			second, checkpoint, _ := strings.Cut(strings.TrimSpace(line), " ")
			moment, err := strconv.Atoi(second)
			if err != nil {
				t.Fatal(err)
			}
			_, say := relay(t, moment, checkpoint)
			if diff := cmp.Diff(after[moment], say); diff != "" {
				t.Errorf("%s, after second %d (-by this version alone +so):\n%s", file, moment, diff)
			}
		}
	}
}
