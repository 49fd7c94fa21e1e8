package dashboard

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

//go:embed page
var page embed.FS

// server is one dashboard.
type server struct {
	// cluster is what is shown: one namespace, or all where that is "".
	cluster cli.Cluster
	env     cli.Env
	host    string
	// token is what a browser has to know.
	token string
	board *board
	// past tells what was before the first look, nil where nobody does.
	past *past
	// slots bounds the streams that are open at once.
	slots chan struct{}
}

const (
	maxStreams = 64
	// patience bounds how long a browser may take for a request or a piece of an answer.
	patience = 10 * time.Second
)

// newServer is a dashboard for the address, "127.0.0.1:" and the port.
func newServer(c cli.Cluster, env cli.Env, address string, p *past) *server {
	host := strings.TrimSuffix(address, ":80") // which browsers leave out
	s := &server{cluster: c, env: env, host: host, token: env.Token(), board: newBoard(env.Now), past: p, slots: make(chan struct{}, maxStreams)}
	if p == nil {
		s.board.hint = "To see the counts of that time, start the dashboard with --prometheus and the address of the mesh's Prometheus."
	}
	return s
}

// address is where a browser finds the dashboard. It holds the token.
func (s *server) address() string { return "http://" + s.host + "/#token=" + s.token }

// run watches the cluster and answers until the context ends.
func (s *server) run(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	handler, err := s.handler()
	if err != nil {
		return err
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: patience, ReadTimeout: patience, WriteTimeout: patience,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0), BaseContext: func(net.Listener) context.Context { return ctx }}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		var aside sync.WaitGroup
		aside.Go(func() { s.lookBeside(ctx) })
		s.watch(ctx)
		aside.Wait()
	}()
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		// Streams end with the context, so that nothing keeps the server.
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer stop()
		err = errors.Join(web.Shutdown(grace), <-ended)
	}
	cancel()
	<-watched
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the dashboard: %w", err)
	}
	return nil
}

// lookBeside looks at what is beside the TrafficShifts until the context ends.
func (s *server) lookBeside(ctx context.Context) {
	k := cli.BesideCache{Cluster: s.cluster, Now: s.env.Now}
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		shifts, _ := s.board.all()
		k.Refresh(ctx, cli.BesideMaxAge, cli.Pointers(shifts)...)
		s.board.looked(k.Known)
	}, redraw)
}

// source lists and watches, and keeps whether that works.
type source struct {
	*cache.ListWatch
}

// IsWatchListSemanticsUnSupported makes the first look a list, which every API server knows.
func (source) IsWatchListSemanticsUnSupported() bool { return true }

// watch keeps the board up to date until the context ends. A watch that breaks off is begun again, which only the page tells.
func (s *server) watch(ctx context.Context) {
	quiet := logr.Discard()
	ctx = logr.NewContext(ctx, quiet)
	heard := func(err error) {
		switch {
		case err == nil:
			s.board.heard("")
		case ctx.Err() == nil:
			s.board.heard(cli.Explain(err).Error())
		}
	}
	lw := source{&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := s.cluster.Shifts().List(ctx, o)
			if heard(err); err != nil {
				return nil, err
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := s.cluster.Shifts().Watch(ctx, o)
			heard(err)
			return w, err
		},
	}}
	backoff := wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 10 * time.Second}
	cache.NewReflectorWithOptions(lw, &unstructured.Unstructured{}, s.board, cache.ReflectorOptions{Logger: &quiet, Name: "dashboard",
		TypeDescription: "TrafficShift", Backoff: &backoff}).RunWithContext(ctx)
}

// handler answers a browser.
func (s *server) handler() (http.Handler, error) {
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("GET /api/board", s.showBoard)
	mux.HandleFunc("GET /api/service/{ns}/{name}", s.showService)
	mux.HandleFunc("GET /api/report/{ns}/{name}", s.report)
	mux.HandleFunc("GET /api/stream", s.stream)
	mux.HandleFunc("GET /api/stream/{ns}/{name}", s.stream)
	mux.HandleFunc("POST /api/command", s.command)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, r.Method+" "+r.URL.Path+" is not served here")
	})
	return s.guard(mux), nil
}
