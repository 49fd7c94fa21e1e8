package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The API server is started anew without the plugin that carries out mutating admission policies. The policy is there as it was, and holds nothing:
// that is found, and from then on the Deployment is paused at rest too, until the plugin is back.
func TestAnAPIServerWithoutItsAdmissionPluginIsFound(t *testing.T) {
	t.Parallel()
	if !onItsOwnMesh(t) {
		return
	}
	if pausedAtRest(t) != "" {
		t.Skip("this Kubernetes has no mutating admission policies")
	}
	if err := install(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 5s}, {weight: "100%", hold: 1s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	guarded(t, s.ns)
	is := func(want string) {
		t.Helper()
		waitWithin(t, 5*time.Minute, "the Deployment is "+want, func() (bool, string) { got := s.deployment(); return got == want, got })
	}
	is("shop:1.0.0 paused=")
	back := apiserverWithout(t, "MutatingAdmissionPolicy")
	is("shop:1.0.0 paused=true")
	s.push("1.1.0")
	s.step(1, 1)
	if sets := s.native(); len(sets) != 1 {
		t.Errorf("the Deployment has pods in the ReplicaSets %v", sets)
	}
	s.ended(1, v1alpha1.StatePromoted)
	is("shop:1.1.0 paused=true")
	back()
	is("shop:1.1.0 paused=")
	guarded(t, s.ns)
	s.restored()
	s.losesNothing()
}

// apiserverWithout starts the mesh's API server anew without an admission plugin, and returns how it is started as it was.
func apiserverWithout(t *testing.T, plugin string) (back func()) {
	t.Helper()
	args, dir := apiserver(t)
	component(t, "apiserver", "kill")
	other := exec.Command(args[0], append(args[1:], "--disable-admission-plugins="+plugin)...)
	var said bytes.Buffer
	other.Dir, other.Stdout, other.Stderr = dir, &said, &said
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	back = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		if err := other.Process.Kill(); err != nil {
			t.Errorf("ending the other API server: %v\n%s", err, &said)
		}
		_ = other.Wait() // it was killed
		component(t, "apiserver", "start")
		answers(t)
	}
	t.Cleanup(back)
	answers(t)
	return back
}

// answers waits until the API server does.
func answers(t *testing.T) {
	t.Helper()
	waitFor(t, "the API server answers", func() (bool, string) {
		out, err := try(context.WithoutCancel(t.Context()), "", "get", "--raw", "/readyz")
		return err == nil, fmt.Sprint(out, err)
	})
}

// apiserver is the command line of the mesh's API server, and where it runs.
func apiserver(t *testing.T) (args []string, dir string) {
	t.Helper()
	out, err := exec.Command("localmesh", "status", "--json").Output()
	if err != nil {
		t.Fatalf("localmesh status: %v", err)
	}
	var report struct {
		Components []struct {
			Name string `json:"name"`
			PID  int    `json:"pid"`
		} `json:"components"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Components {
		if c.Name != "apiserver" {
			continue
		}
		at := filepath.Join("/proc", fmt.Sprint(c.PID))
		line, err := os.ReadFile(filepath.Join(at, "cmdline"))
		if err != nil {
			t.Fatal(err)
		}
		if dir, err = os.Readlink(filepath.Join(at, "cwd")); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimRight(string(line), "\x00"), "\x00"), dir
	}
	t.Fatalf("the mesh has no API server: %s", out)
	return nil, ""
}
