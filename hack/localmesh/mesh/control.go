package mesh

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// The verbs of fault injection.
const (
	Pause   = "pause"   // SIGSTOP: connections hang.
	Resume  = "resume"  // SIGCONT.
	Kill    = "kill"    // SIGKILL: connections are refused.
	Start   = "start"   // After kill, or after it ended by itself. Its data is still there.
	Restart = "restart" // Kill and start.
)

// Report is what a mesh says of itself.
type Report struct {
	PID        int       `json:"pid"` // The supervisor; its network namespace is the mesh's.
	Ready      bool      `json:"ready"`
	Since      time.Time `json:"since"`
	Components []Status  `json:"components"`
}

// listen takes commands on the control socket: HTTP, so that curl is a client too.
//
//	GET  /status               Report
//	POST /down                 ends the mesh
//	POST /fault/VERB/COMPONENT
//	POST, GET, DELETE /rules              of the faulty API server
//	POST, GET, DELETE /prometheus-fault
func (s *supervisor) listen() (end func(), err error) {
	// A socket's path has room for some 100 bytes; relative to the folder it always fits.
	if err := os.Chdir(string(s.dir)); err != nil {
		return nil, fmt.Errorf("entering the mesh's folder: %w", err)
	}
	l, err := net.Listen("unix", socketName)
	if err != nil {
		return nil, fmt.Errorf("listening for commands: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.serveStatus)
	mux.HandleFunc("POST /down", s.serveDown)
	mux.HandleFunc("POST /fault/{verb}/{component}", s.serveFault)
	mux.HandleFunc("POST /rules", s.serveAddRule)
	mux.HandleFunc("GET /rules", s.serveRules)
	mux.HandleFunc("DELETE /rules", s.serveClearRules)
	mux.HandleFunc("POST /prometheus-fault", s.serveSetPrometheusFault)
	mux.HandleFunc("GET /prometheus-fault", s.servePrometheusFault)
	mux.HandleFunc("DELETE /prometheus-fault", s.serveClearPrometheusFault)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peer(c))
		},
	}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("Serving commands: %v", err)
		}
	}()
	return func() { _ = server.Close() }, nil
}

// peerKey is the context key of the process that sent a command.
type peerKey struct{}

func (s *supervisor) serveDown(_ http.ResponseWriter, r *http.Request) {
	if pid, ok := r.Context().Value(peerKey{}).(int); ok {
		s.mu.Lock()
		s.requester = pid
		s.mu.Unlock()
	}
	s.stop(errDown)
}

func (s *supervisor) serveStatus(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	r := Report{PID: os.Getpid(), Ready: s.ready, Since: s.begun}
	s.mu.Unlock()
	for _, name := range names {
		r.Components = append(r.Components, s.procs[name].status())
	}
	answer(w, r)
}

func (s *supervisor) serveFault(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("component")
	p, ok := s.procs[name]
	if !ok {
		http.Error(w, fmt.Sprintf("there is no component %q; the components are %v", name, names), http.StatusNotFound)
		return
	}
	if err := s.fault(p, r.PathValue("verb")); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

func (s *supervisor) fault(p *process, verb string) error {
	switch verb {
	case Pause:
		return p.signal(syscall.SIGSTOP, Running, Paused)
	case Resume:
		return p.signal(syscall.SIGCONT, Paused, Running)
	case Kill:
		return p.kill()
	case Start:
		return p.start(s.launch)
	case Restart:
		if err := p.kill(); err != nil {
			return err
		}
		return p.start(s.launch)
	}
	return fmt.Errorf("there is no fault %q; the faults are pause, resume, kill, start and restart", verb)
}
