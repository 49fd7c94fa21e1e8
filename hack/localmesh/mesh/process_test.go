package mesh

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sleeper(t *testing.T, argv ...string) *process {
	t.Helper()
	dir := t.TempDir()
	return &process{name: "sleeper", argv: argv, log: filepath.Join(dir, "log"), dir: dir, state: Stopped}
}

func TestProcessIsStartedPausedResumedAndKilled(t *testing.T) {
	p := sleeper(t, "sleep", "1000")
	l := newLauncher()
	if err := p.start(l); err != nil {
		t.Fatal(err)
	}
	if err := p.start(l); err == nil {
		t.Error("started twice without an error")
	}
	steps := []struct {
		verb, state string
	}{{Pause, Paused}, {Pause, Paused}, {Resume, Running}, {Kill, Stopped}, {Kill, Stopped}, {Start, Running}, {Restart, Running}, {Pause, Paused}, {Kill, Stopped}}
	s := &supervisor{launch: l}
	for _, step := range steps {
		before := p.status().PID
		if err := s.fault(p, step.verb); err != nil {
			t.Fatalf("%s: %v", step.verb, err)
		}
		got := p.status()
		if got.State != step.state {
			t.Fatalf("after %s it is %s, want %s", step.verb, got.State, step.state)
		}
		if step.verb == Restart && got.PID == before {
			t.Error("a restart left the same process")
		}
		if step.state == Stopped && got.PID != 0 {
			t.Errorf("stopped, but process %d is there", got.PID)
		}
	}
	if err := s.fault(p, Resume); err == nil {
		t.Error("a stopped component was resumed")
	}
	if err := s.fault(p, "melt"); err == nil || !strings.Contains(err.Error(), "melt") {
		t.Errorf("error %v does not name the unknown fault", err)
	}
}

func TestProcessThatEndsByItselfHasFailed(t *testing.T) {
	p := sleeper(t, "sh", "-c", "echo why; exit 3")
	if err := p.start(newLauncher()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
	err := p.failure()
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), p.log) {
		t.Errorf("failure %v; want the exit status and the log's name", err)
	}
	if s := p.status(); s.State != Failed || s.Error == "" {
		t.Errorf("status %+v, want failed with a reason", s)
	}
	data, err := os.ReadFile(p.log)
	if err != nil || string(data) != "why\n" {
		t.Errorf("log %q (%v), want its output", data, err)
	}
}

func TestParentOfReadsTheKernel(t *testing.T) {
	if got := parentOf(os.Getpid()); got != os.Getppid() {
		t.Errorf("parent %d, want %d", got, os.Getppid())
	}
	if got := parentOf(1 << 30); got != 0 {
		t.Errorf("parent %d of a process that is not there, want 0", got)
	}
}

func TestResidentMemoryOfThisProcessIsKnown(t *testing.T) {
	if got := residentMiB(os.Getpid()); got < 1 {
		t.Errorf("%d MiB, want at least 1", got)
	}
}
