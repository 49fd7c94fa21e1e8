package dashboard

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/steer"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/view"
)

const (
	// redraw is how often the times on a page are brought up to date.
	redraw = time.Second
	// pause is the least time between two pieces of a stream.
	pause = 150 * time.Millisecond
	// beat is how often an idle stream says that it is alive.
	beat = 10 * time.Second
	// replot is how often the time axis moves on while nothing else is new.
	replot = 5 * time.Second
)

// Health is whether a page can be believed.
type Health struct {
	// Waiting says that the cluster was not read yet.
	Waiting bool `json:"waiting"`
	// Trouble is why the cluster does not answer, "" when it does.
	Trouble string `json:"trouble"`
	// Place is what is shown: a namespace or all.
	Place string `json:"place"`
	// Odd are objects that cannot be shown, and why.
	Odd []string `json:"odd"`
}

func (s *server) showBoard(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.list())
}

func (s *server) showService(w http.ResponseWriter, r *http.Request) {
	ns, name := r.PathValue("ns"), r.PathValue("name")
	shift, odd := s.board.one(ns + "/" + name)
	switch {
	case odd != "":
		refuse(w, http.StatusNotFound, odd)
	case shift == nil:
		refuse(w, http.StatusNotFound, s.absent(ns, name))
	default:
		answer(w, http.StatusOK, s.page(r.Context(), shift, s.looks()))
	}
}

// beside is what is known of a Service beside its object: the footprint of its release, and how its requests are counted.
type beside struct {
	cli.FootprintCache
	// arms are those of the release of that number.
	arms   counting.Pair
	number int64
}

// looks is for one page, so that what is known beside an object goes with the page.
func (s *server) looks() *beside {
	return &beside{FootprintCache: cli.FootprintCache{Cluster: s.cluster, Now: s.env.Now}}
}

// queries are those of the release. How its requests are counted is read once; while it cannot be, there are fewer of them.
func (b *beside) queries(ctx context.Context, shift *v1alpha1.TrafficShift) []view.Query {
	r := shift.Status.Release
	if r == nil {
		return nil
	}
	if b.number != r.Number {
		in := b.Cluster
		in.Namespace = shift.Namespace
		if arms, err := in.Arms(ctx, shift); err == nil {
			b.arms, b.number = arms, r.Number
		}
	}
	return view.QueriesOf(shift, b.arms)
}

func (s *server) list() view.Board {
	shifts, _ := s.board.all()
	return s.board.beside().Board(shifts, s.cluster.Namespace, s.env.Now())
}

// page is one Service. The cluster is not waited for long: what is seen of pods and routes can be from before.
func (s *server) page(ctx context.Context, shift *v1alpha1.TrafficShift, cache *beside) view.ServicePage {
	ctx, cancel := context.WithTimeout(ctx, redraw)
	defer cancel()
	cache.Refresh(ctx, shift, cli.FootprintMaxAge)
	now := s.env.Now()
	p := s.board.beside().ServicePage(shift, now, cache.Of(shift), func(v view.Verb) string { return steer.Refused(s.cluster, v, shift, now) })
	p.Queries, p.Commands = cache.queries(ctx, shift), view.CommandsOf(p, s.cluster.Flags)
	return p
}

// report is the record of the newest release, or of the one that is asked for by its number, as the verb report writes it.
func (s *server) report(w http.ResponseWriter, r *http.Request) {
	ns, name := r.PathValue("ns"), r.PathValue("name")
	shift, odd := s.board.one(ns + "/" + name)
	if shift == nil {
		refuse(w, http.StatusNotFound, cmp.Or(odd, s.absent(ns, name)))
		return
	}
	asked := r.URL.Query().Get("number")
	number, err := strconv.ParseInt(cmp.Or(asked, "0"), 10, 64)
	record, known := view.ReportOf(shift, number, s.env.Now())
	switch {
	case err != nil || number < 0:
		refuse(w, http.StatusBadRequest, "number must be that of a release, from 1, not "+strconv.Quote(asked))
		return
	case !known && number > 0:
		refuse(w, http.StatusNotFound, fmt.Sprintf("release %d of %s is not known", number, name))
		return
	case !known:
		refuse(w, http.StatusNotFound, name+" has had no release yet")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), redraw)
	defer cancel()
	if record.Cluster, err = s.cluster.Identity(ctx); err != nil {
		refuse(w, http.StatusBadGateway, err.Error())
		return
	}
	if r.URL.Query().Get("as") == "json" {
		w.Header().Set("Content-Type", "application/json")
		lines := json.NewEncoder(w)
		lines.SetIndent("", "  ")
		_ = lines.Encode(record) // a browser that has gone does not miss it
		return
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	_, _ = io.WriteString(w, record.Markdown())
}

func (s *server) absent(ns, name string) string {
	if s.cluster.Namespace != "" && ns != s.cluster.Namespace {
		return "this dashboard shows namespace " + s.cluster.Namespace + " only; start another one with -n " + ns + " or -A"
	}
	return fmt.Sprintf("no Service named %s is managed in namespace %s; manage it with: kubectl annotate service %s -n %s %s=standard",
		name, ns, name, ns, v1alpha1.PolicyAnnotation)
}

// stream sends what a page shows whenever it changes, until the browser goes or the dashboard ends.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pages are open already; close one", maxStreams))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	o := outlet{w: w, control: http.NewResponseController(w), sent: map[string][]byte{}}
	if o.control.SetReadDeadline(time.Time{}) != nil {
		return // the connection is gone
	}
	key := ""
	if r.PathValue("name") != "" {
		key = r.PathValue("ns") + "/" + r.PathValue("name")
	}
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	next, cache := &replots{}, s.looks()
	for {
		_, _, changed := s.board.health()
		if o.send("health", s.health()) != nil || s.show(&o, key, r, next, cache) != nil || o.alive(s.env.Now()) != nil {
			return
		}
		rest := time.NewTimer(pause)
		select {
		case <-rest.C:
		case <-r.Context().Done():
			rest.Stop()
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// replots says when plots are drawn anew: with each new sample, and now and then.
type replots struct {
	version int
	at      time.Time
}

func (s *server) health() Health {
	listed, trouble, _ := s.board.health()
	_, odd := s.board.all()
	h := Health{Waiting: !listed, Trouble: trouble, Place: "All namespaces", Odd: odd}
	if s.cluster.Namespace != "" {
		h.Place = "Namespace " + s.cluster.Namespace
	}
	return h
}

// show sends the list, or one Service with its plots.
func (s *server) show(o *outlet, key string, r *http.Request, next *replots, cache *beside) error {
	if listed, _, _ := s.board.health(); !listed {
		return nil
	}
	if key == "" {
		return o.send("board", s.list())
	}
	shift, odd := s.board.one(key)
	if shift == nil {
		if odd == "" {
			odd = s.absent(r.PathValue("ns"), r.PathValue("name"))
		}
		delete(o.sent, "service")
		return o.send("gone", map[string]string{"error": odd})
	}
	delete(o.sent, "gone")
	s.recall(r.Context(), key, shift)
	if err := o.send("service", s.page(r.Context(), shift, cache)); err != nil {
		return err
	}
	version := s.board.version(key)
	if now := s.env.Now(); version != next.version || now.Sub(next.at) >= replot {
		next.version, next.at = version, now
		plots, seen := s.board.plots(key)
		if !seen {
			return o.send("plots", nil)
		}
		return o.send("plots", plots)
	}
	return nil
}

// outlet is one stream of server-sent events. What was sent last is not sent again.
type outlet struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    map[string][]byte
	last    time.Time
}

func (o *outlet) send(event string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing %s: %w", event, err)
	}
	if before, known := o.sent[event]; known && bytes.Equal(before, data) {
		return nil
	}
	o.sent[event] = data
	return o.write("event: " + event + "\ndata: " + string(data) + "\n\n")
}

// alive sends a comment when nothing else was sent for long.
func (o *outlet) alive(now time.Time) error {
	if now.Sub(o.last) < beat {
		return nil
	}
	o.last = now
	return o.write(": alive\n\n")
}

func (o *outlet) write(text string) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("bounding a stream: %w", err)
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("writing a stream: %w", err)
	}
	if err := o.control.Flush(); err != nil {
		return fmt.Errorf("writing a stream: %w", err)
	}
	return nil
}
