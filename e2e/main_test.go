package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// programsVariable tells the tests inside the mesh where the programs are that were built outside, where modules can be fetched.
const programsVariable = "STAGGER_E2E_PROGRAMS"

// ownMeshVariable tells a test that the mesh it runs in is its own, where nothing is installed yet.
const ownMeshVariable = "STAGGER_E2E_OWN_MESH"

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Fprintln(os.Stderr, "e2e: nothing runs with -short")
		os.Exit(0)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	programs := os.Getenv(programsVariable)
	if programs == "" {
		if programs, err = os.MkdirTemp("", "stagger-e2e-"); err != nil {
			return 1, fmt.Errorf("making a folder for the programs: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(programs)) }()
		if err := buildPrograms(programs); err != nil {
			return 1, err
		}
	}
	if os.Getenv("KUBECONFIG") == "" {
		return insideMesh(programs, os.Stdout, os.Args[1:])
	}
	if err := os.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return 1, fmt.Errorf("setting PATH: %w", err)
	}
	if err := connect(programs); err != nil {
		return 1, err
	}
	if os.Getenv(ownMeshVariable) == "" {
		if err := install(context.Background()); err != nil {
			return 1, err
		}
	}
	code = m.Run()
	return code, errors.Join(recording.Write(), bystander.leaves())
}

// buildPrograms makes the plugin, Helm and the operator's image, whose program is the operator of the stories; where no cluster is given also
// what raises the mesh, and the Alertmanager beside it.
func buildPrograms(dir string) error {
	builds := [][]string{{".", "kubectl-stagger", "./operator/cmd/kubectl-stagger"}}
	if os.Getenv("KUBECONFIG") == "" {
		builds = append(builds, []string{"hack/localmesh", "localmesh", "."})
		if out, err := exec.Command("../hack/alertmanager.sh", filepath.Join(dir, "alertmanager")).CombinedOutput(); err != nil {
			return fmt.Errorf("building the Alertmanager: %w\n%s", err, out)
		}
	}
	for _, b := range builds {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, b[1]), b[2])
		cmd.Dir, cmd.Stderr, cmd.Env = filepath.Join("..", b[0]), os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("building %s: %w", b[1], err)
		}
	}
	for _, tool := range []string{"helm", "image"} {
		cmd := exec.Command("go", "-C", "../hack/packaging", "tool", "-n", tool) // builds it, where that was not done before
		cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
		path, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("building %s: %w", tool, err)
		}
		if err := os.Symlink(strings.TrimSpace(string(path)), filepath.Join(dir, tool)); err != nil {
			return fmt.Errorf("placing %s: %w", tool, err)
		}
	}
	complete, err := filepath.Abs("../operator/cmd/kubectl-stagger/kubectl_complete-stagger")
	if err != nil {
		return fmt.Errorf("finding what kubectl asks for completions: %w", err)
	}
	if err := os.Symlink(complete, filepath.Join(dir, "kubectl_complete-stagger")); err != nil {
		return fmt.Errorf("placing what kubectl asks for completions: %w", err)
	}
	return imageProgram(dir)
}

// insideMesh raises a mesh, runs this test binary again inside its network, with what it prints going to out, and takes the mesh down.
func insideMesh(programs string, out io.Writer, args []string, env ...string) (code int, err error) {
	localmesh := filepath.Join(programs, "localmesh")
	state, err := os.MkdirTemp("", "stagger-mesh-")
	if err != nil {
		return 1, fmt.Errorf("making a folder for the mesh: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	// istiod waits up to its debounce maximum, 10 s as a rule, while configuration keeps changing, as it does when many stories are told
	// side by side. The operators' pushBound is quicker here than that, and so is istiod.
	mesh := exec.Command(localmesh, "--state", state, "up", "--foreground", "--ahead", "--audit", "--istiod-env", "PILOT_DEBOUNCE_MAX=1s")
	mesh.Stdout, mesh.Stderr = os.Stderr, os.Stderr
	if err := mesh.Start(); err != nil {
		return 1, fmt.Errorf("raising the mesh: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mesh.Wait() }()
	defer func() { err = errors.Join(err, takeDown(mesh, ended)) }()
	if err := untilReady(localmesh, state, ended); err != nil {
		return 1, err
	}
	self, err := os.Executable()
	if err != nil {
		return 1, fmt.Errorf("finding this program: %w", err)
	}
	interrupted, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	again := exec.CommandContext(interrupted, localmesh, append([]string{"--state", state, "exec", "--ahead", "--", self}, args...)...)
	again.Stdout, again.Stderr, again.Env = out, os.Stderr, append(append(os.Environ(), programsVariable+"="+programs), env...)
	runtime.LockOSThread()         // the tests end with this thread
	defer runtime.UnlockOSThread() // so that it does not end with a story that told on a mesh of its own, and others' loads with it
	again.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	again.Cancel = func() error { return syscall.Kill(-again.Process.Pid, syscall.SIGINT) } // --ahead makes it the leader of its group
	if err := again.Run(); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return max(1, exit.ExitCode()), nil
		}
		return 1, fmt.Errorf("running the tests inside the mesh: %w", err)
	}
	return 0, nil
}

// ownMesh is held by the story that is told on a mesh of its own: two more meshes are more than the machine bears.
var ownMesh sync.Mutex

// onItsOwnMesh tells the test on a mesh where nothing is installed, beside the others': it returns true there, and false when that is done.
func onItsOwnMesh(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownMeshVariable) != "" {
		return true
	}
	if _, err := os.Stat(filepath.Join(adm.programs, "localmesh")); err != nil {
		t.Skip("told on a local mesh only: on another cluster Stagger is in use")
	}
	ownMesh.Lock()
	defer ownMesh.Unlock()
	var said bytes.Buffer
	code, err := insideMesh(adm.programs, &said, []string{"-test.v", "-test.run=^" + t.Name() + "$", fmt.Sprintf("-update=%t", *update)}, ownMeshVariable+"=1")
	if err != nil || code != 0 || !strings.Contains(said.String(), "--- PASS: "+t.Name()) {
		t.Errorf("on a mesh of its own: exit status %d, %v\n%s", code, err, &said)
	}
	return false
}

// untilReady waits for the mesh. It sets no bound of its own: the first time it is built, which says how far it is.
func untilReady(localmesh, state string, ended <-chan error) error {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(context.Context) (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("the mesh ended before it was ready: %w", err)
		default:
		}
		out, err := exec.Command(localmesh, "--state", state, "status", "--json").Output()
		var report struct {
			Ready bool `json:"ready"`
		}
		return err == nil && json.Unmarshal(out, &report) == nil && report.Ready, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the mesh: %w", err)
	}
	return nil
}

func takeDown(mesh *exec.Cmd, ended <-chan error) error {
	if err := mesh.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending the mesh: %w", err)
	}
	select {
	case <-ended:
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("the mesh did not end within 30 s"), mesh.Process.Kill())
	}
}

// install installs the chart as it ships; again on a cluster where that was done. The operator's pods have no image here: it runs as a process
// beside the cluster.
func install(ctx context.Context) error { return installFrom(ctx, chartFolder) }

// installFrom is install with the chart in a folder.
func installFrom(ctx context.Context, chart string) error {
	if _, err := helm(ctx, "upgrade", "--install", "stagger", chart, "-n", operatorNamespace, "--create-namespace", "--set", "replicas=0",
		"--wait", "--timeout", "2m"); err != nil {
		return fmt.Errorf("installing: %w", err)
	}
	if err := bed.LoadRules(ctx, prometheus(), "../manifests/monitoring/alerts.yaml"); err != nil {
		return err
	}
	if err := known(ctx); err != nil {
		return err
	}
	return believed(ctx)
}

// believed waits until Prometheus has scraped for so long that the operator counts each request from now on: one without a history has no
// base that a new version's first requests could be told from.
func believed(ctx context.Context) error {
	settle := promql.Scope{ScrapeInterval: bed.ScrapeInterval}.Settle() + 2*bed.Slice
	var last error
	err := wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, 5*time.Minute, true, func(ctx context.Context) (bool, error) {
		series, err := bed.Ask(ctx, prometheus(), fmt.Sprintf("up offset %s", settle))
		last = err
		return len(series) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until Prometheus at %s has scraped for %s: %w; last: %w", prometheus(), settle, err, last)
	}
	return nil
}

// known waits until the API server lets TrafficShifts be commanded: for some seconds after the CRDs are there it refuses them, because its
// admission policies do not know the kind yet.
func known(ctx context.Context) error {
	const paused = `{"apiVersion": "stagger.dev/v1alpha1", "kind": "TrafficShift", "metadata": {"name": "paused", "namespace": "default"},
		"spec": {"policyRef": {"name": "standard"}, "service": {"name": "paused"}, "control": "Paused"}}`
	var last string
	err := wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		cmd := exec.CommandContext(ctx, "kubectl", "create", "--dry-run=server", "-f", "-")
		cmd.Stdin = strings.NewReader(paused)
		out, err := cmd.CombinedOutput()
		last = string(out)
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until TrafficShifts can be commanded: %w; last: %s", err, last)
	}
	return nil
}
