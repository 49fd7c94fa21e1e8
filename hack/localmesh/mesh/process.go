package mesh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// The states of a component.
const (
	Stopped = "stopped" // Killed on request, or not started yet.
	Running = "running"
	Paused  = "paused" // SIGSTOP: alive, silent.
	Failed  = "failed" // Ended by itself.
)

// process is one component that can be started again and again.
type process struct {
	name string
	argv []string
	env  []string
	log  string
	dir  string

	mu      sync.Mutex
	state   string
	pid     int
	since   time.Time
	ended   chan struct{} // Closed when the current run has ended.
	lastErr error
}

// launcher starts processes from one thread that never ends. The kernel kills a child with PDEATHSIG when the thread that
// started it ends, not when the process does.
type launcher chan func()

func newLauncher() launcher {
	l := make(launcher)
	go func() {
		runtime.LockOSThread()
		for f := range l {
			f()
		}
	}()
	return l
}

func (l launcher) start(cmd *exec.Cmd) error {
	result := make(chan error)
	l <- func() { result <- cmd.Start() }
	return <-result
}

// start runs the component. It is an error if it runs already.
func (p *process) start(l launcher) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == Running || p.state == Paused {
		return fmt.Errorf("%s is %s already", p.name, p.state)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.name, err)
	}
	defer log.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := l.start(cmd); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.state, p.pid, p.since, p.ended, p.lastErr = Running, cmd.Process.Pid, time.Now(), make(chan struct{}), nil
	go p.wait(cmd, p.ended)
	return nil
}

func (p *process) wait(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != Stopped {
		p.state = Failed
		p.lastErr = err
	}
	p.pid, p.since = 0, time.Now()
	close(ended)
}

// kill ends the component at once and waits until it is gone. One that does not run is left alone.
func (p *process) kill() error {
	p.mu.Lock()
	if p.pid == 0 {
		p.state = Stopped
		p.mu.Unlock()
		return nil
	}
	p.state = Stopped
	ended := p.ended
	err := syscall.Kill(-p.pid, syscall.SIGKILL)
	p.mu.Unlock()
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	<-ended
	return nil
}

// signal pauses (SIGSTOP) or resumes (SIGCONT) a component that is in the state from.
func (p *process) signal(sig syscall.Signal, from, to string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == to {
		return nil
	}
	if p.state != from {
		return fmt.Errorf("%s is %s, not %s", p.name, p.state, from)
	}
	if err := syscall.Kill(-p.pid, sig); err != nil {
		return fmt.Errorf("signalling %s: %w", p.name, err)
	}
	p.state = to
	return nil
}

// failure says why the component ended by itself, or nil while it has not.
func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != Failed {
		return nil
	}
	return fmt.Errorf("%s ended: %w", p.name, errors.Join(p.lastErr, errors.New("see "+p.log)))
}

// Status is what is known of one component.
type Status struct {
	Name   string    `json:"name"`
	State  string    `json:"state"`
	PID    int       `json:"pid,omitempty"`
	RSSMiB int       `json:"rssMiB,omitempty"`
	Since  time.Time `json:"since"`
	Error  string    `json:"error,omitempty"`
}

func (p *process) status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Name: p.name, State: p.state, PID: p.pid, Since: p.since}
	if s.State == "" {
		s.State = Stopped
	}
	if p.lastErr != nil {
		s.Error = p.lastErr.Error()
	}
	if p.pid != 0 {
		s.RSSMiB = residentMiB(p.pid)
	}
	return s
}
