package build

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// heartbeat is the longest silence while something is being built.
const heartbeat = 10 * time.Second

// progress tells a person which step runs and for how long.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	steps int
	start time.Time
}

func (p *progress) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// step is one step of several. Its detail, when set, is shown with each heartbeat.
type step struct {
	p      *progress
	index  int
	name   string
	detail atomic.Pointer[string]
}

func (s *step) say(detail string) { s.detail.Store(&detail) }

// run calls f and reports its beginning, its end, and that it still runs.
func (s *step) run(what string, f func(*step) error) error {
	begun := time.Now()
	s.p.printf("[%d/%d] %s: %s", s.index, s.p.steps, s.name, what)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				detail := ""
				if d := s.detail.Load(); d != nil {
					detail = ", " + *d
				}
				s.p.printf("[%d/%d] %s: %s so far%s", s.index, s.p.steps, s.name, seconds(time.Since(begun)), detail)
			}
		}
	})
	err := f(s)
	close(done)
	wg.Wait()
	if err != nil {
		return err
	}
	s.p.printf("[%d/%d] %s: done in %s (%s in all)", s.index, s.p.steps, s.name, seconds(time.Since(begun)), seconds(time.Since(s.p.start)))
	return nil
}

func seconds(d time.Duration) string { return d.Round(time.Second).String() }
