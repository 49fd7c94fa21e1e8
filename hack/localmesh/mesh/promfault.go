package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/promfault"
	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

// replica is the component that is started when somebody wants answers from one of two Prometheuses.
const replica = "prometheus-replica"

// replicaLimit bounds the start of the replica: its discovery alone takes five seconds.
const replicaLimit = time.Minute

// serveFaultyPrometheus is a second address of Prometheus, whose answers can be spoiled.
func (s *supervisor) serveFaultyPrometheus() (end func(), err error) {
	var urls [3]*url.URL
	for i, address := range []string{state.Prometheus, state.PrometheusReplica, state.FaultyPrometheus} {
		if urls[i], err = url.Parse(address); err != nil {
			return nil, fmt.Errorf("parsing the address of Prometheus: %w", err)
		}
	}
	l, err := net.Listen("tcp", urls[2].Host)
	if err != nil {
		return nil, fmt.Errorf("listening for questions to spoil: %w", err)
	}
	proxy := &http.Server{Handler: promfault.Handler(urls[0], urls[1], &s.prometheus), ReadHeaderTimeout: 30 * time.Second}
	go func() {
		if err := proxy.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("Serving the faulty Prometheus: %v", err)
		}
	}()
	return func() { _ = proxy.Close() }, nil
}

func (s *supervisor) serveSetPrometheusFault(w http.ResponseWriter, r *http.Request) {
	var f promfault.Fault
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		http.Error(w, fmt.Sprintf("reading the fault: %v", err), http.StatusBadRequest)
		return
	}
	if f.Replicas {
		if err := s.startReplica(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
	}
	if err := s.prometheus.Of(r.FormValue("name")).Set(f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *supervisor) servePrometheusFault(w http.ResponseWriter, r *http.Request) {
	answer(w, s.prometheus.Of(r.FormValue("name")).State())
}

func (s *supervisor) serveClearPrometheusFault(_ http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("name") {
		s.prometheus.Of(r.FormValue("name")).Clear()
		return
	}
	s.prometheus.Clear()
}

// startReplica starts the replica where it has not run yet, and returns when it has scraped what there is. One that was killed or paused
// stays so: that is a fault of its own.
func (s *supervisor) startReplica(ctx context.Context) error {
	p := s.procs[replica]
	if !p.status().Since.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, replicaLimit, fmt.Errorf("it did not scrape within %s", replicaLimit))
	defer cancel()
	if err := p.start(s.launch); err != nil {
		return err
	}
	return until(ctx, replica, p, scraped(state.PrometheusReplica))
}

// SetPrometheusFault puts a fault into force for those who ask the faulty Prometheus of the mesh in dir by a name, in place of the one before.
func SetPrometheusFault(ctx context.Context, dir state.Dir, name string, f promfault.Fault) error {
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding the fault: %w", err)
	}
	_, err = ask(ctx, dir, http.MethodPost, prometheusFault(name), data)
	return err
}

// PrometheusFault returns the fault that was set last for a name.
func PrometheusFault(ctx context.Context, dir state.Dir, name string) (promfault.State, error) {
	var st promfault.State
	body, err := ask(ctx, dir, http.MethodGet, prometheusFault(name), nil)
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return st, fmt.Errorf("reading the mesh's answer: %w", err)
	}
	return st, nil
}

// ClearPrometheusFault ends the fault of a name.
func ClearPrometheusFault(ctx context.Context, dir state.Dir, name string) error {
	_, err := ask(ctx, dir, http.MethodDelete, prometheusFault(name), nil)
	return err
}

// ClearPrometheusFaults ends the faults of all names.
func ClearPrometheusFaults(ctx context.Context, dir state.Dir) error {
	_, err := ask(ctx, dir, http.MethodDelete, "/prometheus-fault", nil)
	return err
}

func prometheusFault(name string) string { return "/prometheus-fault?name=" + url.QueryEscape(name) }
