package mesh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

// Exec replaces this process by argv, run in the network namespace of the mesh in dir with the mesh's environment. It returns
// only when that fails.
func Exec(ctx context.Context, dir state.Dir, argv []string) error {
	if len(argv) == 0 {
		return errors.New("name a command to run: localmesh exec -- CMD")
	}
	r, err := Look(ctx, dir)
	if err != nil {
		return err
	}
	env := dir.Environ(os.Environ())
	inside, err := sameNetwork(r.PID)
	if err != nil {
		return err
	}
	if !inside {
		if argv, err = nsenter(r.PID, argv); err != nil {
			return err
		}
	}
	// LookPath searches the PATH of this process, which becomes the command's.
	if err := os.Setenv("PATH", dir.Path("bin")+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return fmt.Errorf("setting PATH: %w", err)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("running %s: %w", argv[0], err)
	}
	return syscall.Exec(path, argv, env)
}

// Inside reports whether this process is in the network namespace of the mesh in dir.
func Inside(ctx context.Context, dir state.Dir) (bool, error) {
	r, err := Look(ctx, dir)
	if err != nil {
		return false, err
	}
	return sameNetwork(r.PID)
}

func sameNetwork(pid int) (bool, error) {
	mine, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return false, fmt.Errorf("reading this process's network namespace: %w", err)
	}
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return false, fmt.Errorf("reading the mesh's network namespace: %w", err)
	}
	return mine == theirs, nil
}

// nsenter is used because a program of several threads, as every Go program is, cannot join a user namespace.
func nsenter(pid int, argv []string) ([]string, error) {
	if _, err := exec.LookPath("nsenter"); err != nil {
		return nil, errors.New("nsenter is not on PATH; it is part of util-linux")
	}
	args := []string{"nsenter", "--target", strconv.Itoa(pid), "--net"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--preserve-credentials")
	}
	return append(append(args, "--"), argv...), nil
}
