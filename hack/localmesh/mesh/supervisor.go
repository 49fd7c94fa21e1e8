package mesh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagger-dev/stagger/hack/localmesh/apifault"
	"github.com/stagger-dev/stagger/hack/localmesh/promfault"
	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

// startLimit bounds the whole start of a mesh, on a machine that does other things too.
const startLimit = 10 * time.Minute

// supervisor owns one mesh.
type supervisor struct {
	dir        state.Dir
	opts       Options
	begun      time.Time
	launch     launcher
	procs      map[string]*process
	rules      apifault.Rules
	prometheus promfault.Switches
	out        io.Writer // Progress for the person who brings the mesh up.

	mu        sync.Mutex
	ready     bool
	requester int // The process that asked for the end.
	stop      context.CancelCauseFunc
}

// errDown is the reason of a wanted end.
var errDown = errors.New("told to go down")

// Supervise runs a mesh in this process's network namespace until ctx ends or somebody asks it to go down. It tells of its
// progress on out, one line each, and says "ready" when requests are routed. Everything it started has ended when it returns.
func Supervise(ctx context.Context, dir state.Dir, opts Options, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s := &supervisor{
		dir: dir, opts: opts, begun: time.Now(), launch: newLauncher(), procs: processes(dir, opts), out: out, stop: stop,
	}
	end, err := s.listen()
	if err != nil {
		return err
	}
	defer end()
	if err := setUpNetwork(); err != nil {
		return err
	}
	if err := writeAccess(s.dir); err != nil {
		return err
	}
	endFaultyAPI, err := s.serveFaultyAPI()
	if err != nil {
		return err
	}
	defer endFaultyAPI()
	endFaultyPrometheus, err := s.serveFaultyPrometheus()
	if err != nil {
		return err
	}
	defer endFaultyPrometheus()
	defer s.killAll() // Before the faulty API ends, by way of which a program may say goodbye.
	if err := s.start(ctx); err != nil {
		if errors.Is(context.Cause(ctx), errDown) {
			return nil
		}
		return err
	}
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	s.lap("ready")
	<-ctx.Done()
	return nil
}

func (s *supervisor) lap(what string) {
	fmt.Fprintf(s.out, "%6.1fs  %s\n", time.Since(s.begun).Seconds(), what)
}

// start brings everything up, in an order in which nothing has to wait for its own retries.
func (s *supervisor) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("the mesh did not start within %s", startLimit))
	defer cancel()
	if err := writeConfiguration(s.dir, s.opts); err != nil {
		return err
	}
	if err := s.run(ctx, "prometheus", nil); err != nil { // Its discovery needs five seconds before the first scrape.
		return err
	}
	if err := s.run(ctx, "etcd", answers("http://127.0.0.1:2379/health", "", 200)); err != nil {
		return err
	}
	if err := s.run(ctx, "apiserver", s.apiReady); err != nil {
		return err
	}
	for _, name := range []string{"controllers", "agent"} {
		if err := s.run(ctx, name, nil); err != nil {
			return err
		}
	}
	if err := s.install(ctx); err != nil {
		return err
	}
	for _, name := range []string{"envoy-gateway", "envoy-sidecar"} {
		if err := s.run(ctx, name, nil); err != nil {
			return err
		}
	}
	return s.awaitTraffic(ctx)
}

// install applies the manifests and starts istiod as soon as its custom resources are known.
func (s *supervisor) install(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.apply(gctx, "manifests/cluster.yaml") })
	g.Go(func() error {
		if err := s.kubectl(gctx, nil, "apply", "--server-side", "-f", s.opts.Binaries.CRDs); err != nil {
			return err
		}
		s.lap("custom resources of Istio")
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.run(ctx, "istiod", nil); err != nil {
		return err
	}
	if err := s.apply(ctx, "manifests/istio.yaml"); err != nil {
		return err
	}
	return s.await(ctx, "istiod", answers("http://127.0.0.1:8081/ready", "", 200))
}

func (s *supervisor) awaitTraffic(ctx context.Context) error {
	if err := s.await(ctx, "envoy-gateway", answers("http://"+state.Gateway+"/", "ready.localmesh", 200)); err != nil {
		return err
	}
	if err := s.await(ctx, "envoy-sidecar", answers("http://"+state.Sidecar+"/", "ready.localmesh", 0)); err != nil {
		return err
	}
	if err := until(ctx, "istiod to be asked about routes", s.procs["istiod"], s.validates); err != nil {
		return err
	}
	return s.await(ctx, "prometheus", scraped(state.Prometheus))
}

// run starts a component and, where ready is not nil, waits until it is.
func (s *supervisor) run(ctx context.Context, name string, ready func(context.Context) bool) error {
	if err := s.procs[name].start(s.launch); err != nil {
		return err
	}
	if ready == nil {
		return nil
	}
	return s.await(ctx, name, ready)
}

func (s *supervisor) await(ctx context.Context, name string, ready func(context.Context) bool) error {
	if err := until(ctx, name, s.procs[name], ready); err != nil {
		return err
	}
	s.lap(name)
	return nil
}

// apiReady asks kubectl, which also proves that the kubeconfig works.
func (s *supervisor) apiReady(ctx context.Context) bool {
	if !answers(state.APIServer+"/livez/ping", "", 0)(ctx) {
		return false
	}
	return s.kubectl(ctx, nil, "get", "--raw", "/readyz") == nil
}

// badRoute is a route that Istio refuses.
const badRoute = `{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "bad", "namespace": "istio-ingress"},
	"spec": {"hosts": ["bad.localmesh"], "http": [{"route": [{"destination": {"host": "bad"}, "weight": -1}]}]}}`

// validates reports whether the API server asks istiod about routes, and refuses what istiod refuses. istiod arranges this some time after
// it says that it is ready.
func (s *supervisor) validates(ctx context.Context) bool {
	err := s.kubectl(ctx, []byte(badRoute), "create", "--dry-run=server", "-f", "-")
	return err != nil && strings.Contains(err.Error(), `"validation.istio.io" denied`)
}

// apply applies an embedded manifest. What it is about may have become known to the API server only just now, so it tries again
// for a while.
func (s *supervisor) apply(ctx context.Context, name string) error {
	data, err := manifests.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := s.kubectl(ctx, data, "apply", "--server-side", "-f", "-")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *supervisor) kubectl(ctx context.Context, stdin []byte, args ...string) error {
	cmd := exec.CommandContext(ctx, s.dir.Path("bin", "kubectl"), args...)
	cmd.Env = s.dir.Environ(os.Environ())
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// killAll ends everything that runs in the mesh.
func (s *supervisor) killAll() {
	s.endStrays()
	for _, name := range Names() {
		if err := s.procs[name].kill(); err != nil {
			log.Printf("Ending %s: %v", name, err)
		}
	}
}

// writeOptions and readOptions hand the options from the process that was called to the supervisor it starts.
func writeOptions(dir state.Dir, o Options) error {
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encoding the options: %w", err)
	}
	return os.WriteFile(dir.Path("options.json"), data, 0o644)
}

// ReadOptions returns the options that the mesh in dir was brought up with.
func ReadOptions(dir state.Dir) (Options, error) {
	var o Options
	data, err := os.ReadFile(dir.Path("options.json"))
	if err != nil {
		return o, fmt.Errorf("reading the options: %w", err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("reading the options: %w", err)
	}
	return o, nil
}
