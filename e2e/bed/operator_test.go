package bed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestSettingsAreLaidOverTheBasics(t *testing.T) {
	text, err := configuration([]string{"evidence.slice=2s", "sources=[{name: default, address: \"http://prometheus\"}]", "new.name=1"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"evidence": map[string]any{"slice": "2s", "fastTick": "5s", "slowTick": "20s", "scrapeInterval": "1s"},
		"sources":  []any{map[string]any{"name": "default", "address": "http://prometheus"}},
		"new":      map[string]any{"name": 1.0},
	}
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got["pushBound"] != "2s" {
		t.Errorf("the pushBound of the basics is now %v", got["pushBound"])
	}
}

func TestASettingThatCannotBeReadIsNamed(t *testing.T) {
	for _, setting := range []string{"evidence.slice", "evidence.slice=[", "=: {"} {
		if _, err := configuration([]string{setting}); err == nil {
			t.Errorf("setting %q is taken", setting)
		}
	}
}

func TestAPausedOperatorStandsStillAndCanBeEnded(t *testing.T) {
	dir := t.TempDir()
	o := &Operator{args: []string{"/bin/sh", "-c", "while echo; do sleep 0.01; done"}, Log: filepath.Join(dir, "log")}
	if err := o.Start(); err != nil {
		t.Fatal(err)
	}
	grows := func(from int64) bool {
		for range 200 {
			if info, err := os.Stat(o.Log); err == nil && info.Size() > from {
				return true
			}
			time.Sleep(5 * time.Millisecond)
		}
		return false
	}
	if !grows(0) {
		t.Fatal("it does not run")
	}
	if err := o.Pause(); err != nil {
		t.Fatal(err)
	}
	waitState(t, o.cmd.Process.Pid, "T")
	info, err := os.Stat(o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Continue(); err != nil || !grows(info.Size()) {
		t.Errorf("it does not go on: %v", err)
	}
	if err := o.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := o.Stop(); err != nil {
		t.Errorf("while it is paused it does not end: %v", err)
	}
}

// waitState waits until the kernel says that a process is in a state, such as T: stopped.
func waitState(t *testing.T, pid int, want string) {
	t.Helper()
	var stat string
	for range 2000 {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		stat = string(text)
		if _, rest, found := strings.Cut(stat, ") "); found && strings.HasPrefix(rest, want+" ") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("process %d is not %s: %s", pid, want, stat)
}
