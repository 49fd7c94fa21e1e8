package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what to send.
type Options struct {
	Addr        string        // IP:PORT of the proxy.
	Host        string        // The Host header.
	Path        string        // Path and query, beginning with /.
	Headers     http.Header   // More headers; may be nil.
	Rate        float64       // Requests per second, over 0 and at most 20,000.
	Duration    time.Duration // How long to send; 0: until the context ends.
	Timeout     time.Duration // For one answer.
	Outstanding int           // At most so many unanswered requests; further ones are dropped.
	Cohorts     []Cohort      // Groups of clients, who are recorded by name; may be nil.
}

func (o Options) check() error {
	switch {
	case o.Host == "":
		return errors.New("--host is empty; name the host to ask for, such as checkout.example.com")
	case !(o.Rate > 0 && o.Rate <= 20_000):
		return fmt.Errorf("--rate %v: use requests per second from above 0 to 20000", o.Rate)
	case o.Outstanding < 1:
		return fmt.Errorf("--outstanding %d: use at least 1", o.Outstanding)
	case o.Timeout <= 0:
		return fmt.Errorf("--timeout %s: use a positive duration", o.Timeout)
	case o.Duration < 0:
		return fmt.Errorf("--duration %s: use a positive duration, or 0 for no end", o.Duration)
	}
	if _, err := url.ParseRequestURI(o.Path); err != nil {
		return fmt.Errorf("--path %q: use a path such as /: %w", o.Path, err)
	}
	return checkCohorts(o.Cohorts)
}

// Run sends until the duration is over or ctx ends, waits for the last answers, and returns the sum. It writes one line to record as
// soon as a second is over. An error of single requests is part of the record, not of the result.
func Run(ctx context.Context, o Options, record io.Writer) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: o.Outstanding, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r := newRecorder(record, time.Now)
	ticking, stop := context.WithCancel(context.Background())
	var ticker sync.WaitGroup
	ticker.Go(func() { tickEachSecond(ticking, r) })
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	send(ctx, o, client, r)
	stop()
	ticker.Wait()
	return r.close()
}

// send sends each request when it is due and returns when all are answered. Those on their way when ctx ends are not cut off.
func send(ctx context.Context, o Options, client *http.Client, r *recorder) {
	slots := make(chan struct{}, o.Outstanding)
	var wg sync.WaitGroup
	defer wg.Wait()
	whose := newTurns(o.Cohorts)
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		timer.Reset(time.Until(begun.Add(time.Duration(float64(i) / o.Rate * float64(time.Second)))))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		cohort := whose.next()
		select {
		case slots <- struct{}{}:
		default:
			r.dropped(cohort.Name)
			continue
		}
		r.sent(cohort.Name)
		wg.Go(func() {
			r.done(cohort.Name, one(o, cohort, client))
			<-slots
		})
	}
}

// one sends one request of a cohort and reads its whole answer.
func one(o Options, of Cohort, client *http.Client) result {
	var connections atomic.Int32
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections.Add(1) }}
	begun := time.Now()
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, "http://"+o.Addr+o.Path, nil)
	if err != nil {
		return result{}
	}
	for _, headers := range []http.Header{o.Headers, of.Headers} {
		maps.Copy(req.Header, headers)
	}
	req.Host = o.Host
	resp, err := client.Do(req)
	if err != nil {
		return result{resent: max(0, int(connections.Load())-1)}
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return result{resent: max(0, int(connections.Load())-1)}
	}
	return result{
		code: resp.StatusCode, version: resp.Header.Get("x-version"), revision: resp.Header.Get("x-revision"),
		latency: time.Since(begun), resent: max(0, int(connections.Load())-1),
	}
}

// tickEachSecond has the record written just after each second's end, although nothing may happen then.
func tickEachSecond(ctx context.Context, r *recorder) {
	for {
		now := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now)):
			r.tick()
		}
	}
}
