package release_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// TestScenarios plays every file of testdata: lines with ">" are what happens, lines with "#" say what for, the rest is what the
// release did about it.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("transcript (-file +now), -update writes it anew:\n%s", diff)
			}
		})
	}
}

// playScript plays the events of a script, and returns it with everything that happened.
func playScript(t *testing.T, script string) string {
	t.Helper()
	w := newWorld()
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
			w.out.lines = append(w.out.lines, line)
		case strings.HasPrefix(line, ">"):
			w.out.lines = append(w.out.lines, line)
			if err := w.play(t, strings.TrimSpace(line[1:])); err != nil {
				t.Fatal(err)
			}
		}
	}
	return strings.Join(w.out.lines, "\n") + "\n"
}
