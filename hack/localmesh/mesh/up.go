package mesh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

// readyLine is what a supervisor's last line of progress ends with.
const readyLine = "ready"

// Up brings a mesh up in dir and returns when requests are routed; with Foreground it returns when the mesh has ended, which it
// does at the latest when ctx ends or this process dies. Progress goes to out.
func Up(ctx context.Context, dir state.Dir, o Options, out io.Writer) error {
	if o.ScrapeInterval < 100*time.Millisecond {
		return fmt.Errorf("--scrape-interval %s is too short; use at least 100ms", o.ScrapeInterval)
	}
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return fmt.Errorf("making the mesh's folder: %w", err)
	}
	holdCtx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	l, err := hold(holdCtx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	self, err := prepare(dir, o)
	if err != nil {
		return err
	}
	s, err := spawn(dir, self, l)
	if err != nil {
		return err
	}
	defer s.alive.Close()
	ended := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		relay(s.progress, out, started)
		ended <- s.cmd.Wait()
	}()
	select {
	case <-started:
	case err := <-ended:
		return failed(dir, err)
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.end(ended))
	}
	if !o.Foreground {
		return nil
	}
	select {
	case err := <-ended:
		return failed(dir, err)
	case <-ctx.Done():
		return s.end(ended)
	}
}

// prepare makes an empty folder with everything a supervisor needs and returns the program to run as one: a copy, so that a mesh
// outlives the file it was started from (`go run` deletes it).
func prepare(dir state.Dir, o Options) (string, error) {
	if err := dir.Clear(); err != nil {
		return "", err
	}
	self := dir.Path("components", "localmesh")
	if err := copySelf(self); err != nil {
		return "", err
	}
	if err := links(dir, o.Binaries.Kube, o.Binaries.Promtool, self); err != nil {
		return "", err
	}
	return self, writeOptions(dir, o)
}

func copySelf(to string) error {
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("opening this program: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("copying this program: %w", err)
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return fmt.Errorf("copying this program: %w", err)
	}
	return out.Close()
}

// spawned is a supervisor seen by the process that started it.
type spawned struct {
	cmd      *exec.Cmd
	progress *os.File
	alive    *os.File // A foreground supervisor ends when this is closed.
}

// spawn starts the supervisor in a network namespace of its own; where this is not root, in a user namespace too, which makes it
// root over that network only. The lock goes with it.
func spawn(dir state.Dir, self string, lock *os.File) (*spawned, error) {
	log, err := os.OpenFile(dir.Log("supervisor"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the supervisor's log: %w", err)
	}
	defer log.Close()
	progressIn, progressOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer progressOut.Close()
	aliveIn, aliveOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer aliveIn.Close()
	cmd := exec.Command(self, "supervise", "--state", string(dir))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{progressOut, aliveIn, lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the supervisor in a network namespace of its own "+
			"(not root? then the kernel must allow unprivileged user namespaces): %w", err)
	}
	return &spawned{cmd: cmd, progress: progressIn, alive: aliveOut}, nil
}

func (s *spawned) end(ended <-chan error) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending the mesh: %w", err)
	}
	<-ended
	return nil
}

// relay copies progress to out, a line at a time, and closes started at the line that says ready.
func relay(progress io.Reader, out io.Writer, started chan<- struct{}) {
	told := false
	for sc := bufio.NewScanner(progress); sc.Scan(); {
		fmt.Fprintln(out, sc.Text())
		if !told && strings.HasSuffix(sc.Text(), "  "+readyLine) {
			told = true
			close(started)
		}
	}
}

func failed(dir state.Dir, err error) error {
	if err == nil {
		return nil
	}
	data, readErr := os.ReadFile(dir.Log("supervisor"))
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return fmt.Errorf("the mesh ended: %w\n%s", err, strings.TrimSpace(string(data)))
}

// RunSupervisor is the process that Up starts. Descriptor 3 takes progress, 4 ends when the caller has died, 5 is the lock.
func RunSupervisor(ctx context.Context, dir state.Dir) error {
	o, err := ReadOptions(dir)
	if err != nil {
		return err
	}
	for fd := 3; fd <= 5; fd++ {
		syscall.CloseOnExec(fd)
	}
	if o.Ahead {
		if err := GoAhead(); err != nil {
			return err
		}
	}
	progress, alive := os.NewFile(3, "progress"), os.NewFile(4, "alive")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if o.Foreground {
		go func() {
			_, err := alive.Read(make([]byte, 1))
			cancel(fmt.Errorf("%w: its caller has gone (%w)", errDown, err))
		}()
	}
	return Supervise(ctx, dir, o, quiet{progress})
}

// quiet drops what nobody reads any more: the caller of a background mesh leaves when it is ready.
type quiet struct{ w io.Writer }

func (q quiet) Write(p []byte) (int, error) {
	_, _ = q.w.Write(p)
	return len(p), nil
}
