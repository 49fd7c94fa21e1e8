package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// How a container ended.
type exit struct {
	code   int
	reason string // As a kubelet says it: Completed, Error, OOMKilled, ContainerCannotRun.
	text   string
}

// Exit codes of a program that a signal ended.
const (
	killed     = 137
	terminated = 143
)

// app is one run of one container.
type app struct {
	b        Behaviour
	pod      string
	revision string
	started  time.Time
	sick     func() float64 // Share of requests that fails by order; nil: none.
	proxy    *proxy
	meter    *meter // Nil: what it uses is not measured.
}

// listen opens the container's ports on an address.
func listen(ip string, c corev1.Container, b Behaviour) ([]net.Listener, error) {
	var out []net.Listener
	for _, port := range portsOf(c, b) {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
		if err != nil {
			for _, open := range out {
				_ = open.Close()
			}
			return nil, fmt.Errorf("listening: %w", err)
		}
		out = append(out, l)
	}
	return out, nil
}

// portsOf are the ports that a container listens on: none where it only asks.
func portsOf(c corev1.Container, b Behaviour) []int {
	if b.Request != "" {
		return nil
	}
	if len(c.Ports) == 0 {
		return []int{b.Port}
	}
	var ports []int
	for _, p := range c.Ports {
		if p.Protocol == "" || p.Protocol == corev1.ProtocolTCP {
			ports = append(ports, int(p.ContainerPort))
		}
	}
	return ports
}

// run serves, or asks, until the container ends: by its own fault, or some time after ctx has ended (which is SIGTERM). When kill is closed it
// ends at once.
func (a *app) run(ctx context.Context, kill <-chan struct{}, listeners []net.Listener) exit {
	if a.b.Request != "" {
		return a.request(ctx)
	}
	server := &http.Server{Handler: a.proxy.counted(a), ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	for _, l := range listeners {
		go func() { _ = server.Serve(l) }() // Ends with ErrServerClosed, or when the listener is closed.
	}
	defer server.Close()
	crash, oom := after(a.b.CrashAfter), after(a.b.OOMAfter)
	select {
	case <-crash:
		return exit{code: a.b.ExitCode, reason: reasonOf(a.b.ExitCode), text: "crashed as told"}
	case <-oom:
		return exit{code: killed, reason: "OOMKilled"}
	case <-kill:
		return exit{code: killed, reason: "Error"}
	case <-ctx.Done():
	}
	select {
	case <-kill:
		return exit{code: killed, reason: "Error"}
	case <-time.After(a.b.ShutdownAfter):
	}
	drain, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-kill:
			cancel()
		case <-drain.Done():
		}
	}()
	if err := server.Shutdown(drain); errors.Is(err, context.Canceled) {
		return exit{code: killed, reason: "Error"}
	}
	return exit{code: 0, reason: "Completed"}
}

// after is a channel that delivers after d, or never where d is 0.
func after(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

func reasonOf(code int) string {
	if code == 0 {
		return "Completed"
	}
	return "Error"
}

// ServeHTTP answers /healthz and /readyz as the app's health check, everything else as its work.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	up := time.Since(a.started)
	if health(r) {
		if a.b.NeverReady || up < a.b.ReadyAfter {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
		return
	}
	h := w.Header()
	h.Set("x-pod", a.pod)
	h.Set("x-version", a.b.Version)
	h.Set("x-revision", a.revision)
	defer func() { a.meter.answered(time.Now()) }()
	if !a.wait(r.Context()) {
		return
	}
	if rand.Float64() < a.errorRate(r, up) || a.sick != nil && rand.Float64() < a.sick() {
		http.Error(w, "failed as told", a.b.ErrorCode)
		return
	}
	if err := a.ask(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if grpc(r) {
		a.serveGRPC(w, r)
		return
	}
	fmt.Fprintln(w, a.pod, a.b.Version)
	if hold, err := time.ParseDuration(r.URL.Query().Get("hold")); err == nil && stream(w, r, hold, func() { fmt.Fprint(w, ".") }) {
		fmt.Fprintln(w, "done")
	}
}

// wait is as late as told. False: the client went away.
func (a *app) wait(ctx context.Context) bool {
	late := a.b.Latency
	if a.b.SlowRate > 0 && rand.Float64() < a.b.SlowRate {
		late += a.b.SlowLatency
	}
	if late == 0 {
		return true
	}
	select {
	case <-time.After(late):
		return true
	case <-ctx.Done():
		return false
	}
}

// beat is how often a long answer gives a sign of life.
const beat = 200 * time.Millisecond

// stream goes on with an answer for so long. False: the client went away.
func stream(w http.ResponseWriter, r *http.Request, hold time.Duration, say func()) bool {
	end := time.NewTimer(hold)
	defer end.Stop()
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		if err := http.NewResponseController(w).Flush(); err != nil {
			return false
		}
		select {
		case <-beats.C:
			say()
		case <-end.C:
			return true
		case <-r.Context().Done():
			return false
		}
	}
}

// health says whether the request is about the app's health.
func health(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// patience is how long the dependency may take.
const patience = time.Second

// ask asks the dependency, where there is one.
func (a *app) ask(ctx context.Context) error {
	if a.b.Dependency == "" {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.b.Dependency, nil)
	if err != nil {
		return fmt.Errorf("asking the dependency: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("asking the dependency: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return fmt.Errorf("asking the dependency: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the dependency answers %s", answer.Status)
	}
	return nil
}

// errorRate is the share of requests like this one that fails at this age.
func (a *app) errorRate(r *http.Request, up time.Duration) float64 {
	if up < a.b.ErrorAfter || a.b.ErrorFor > 0 && up >= a.b.ErrorAfter+a.b.ErrorFor {
		return 0
	}
	if a.b.ErrorHeader.on(r.Header) {
		return a.b.ErrorHeaderRate
	}
	return a.b.ErrorRate
}
