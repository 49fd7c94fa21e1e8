package mesh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

const socketName = "control.sock"

// ErrDown is returned when no mesh runs in a folder.
var ErrDown = errors.New("no mesh is up")

// client speaks to the supervisor of the mesh in dir.
func client(dir state.Dir) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			// The folder's path may be longer than a socket address can hold; its descriptor's is not.
			folder, err := os.Open(string(dir))
			if err != nil {
				return nil, err
			}
			defer folder.Close()
			var d net.Dialer
			return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName))
		},
	}}
}

func ask(ctx context.Context, dir state.Dir, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://localmesh"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the mesh: %w", err)
	}
	resp, err := client(dir).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w in %s (bring one up with: localmesh up --state %s): %w", ErrDown, dir, dir, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the mesh's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(strings.TrimSpace(string(answer)))
	}
	return answer, nil
}

// Look returns what the mesh in dir says of itself. The error is ErrDown when there is none.
func Look(ctx context.Context, dir state.Dir) (Report, error) {
	var r Report
	body, err := ask(ctx, dir, http.MethodGet, "/status", nil)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return r, fmt.Errorf("reading the mesh's answer: %w", err)
	}
	return r, nil
}

// Fault does verb (Pause, Resume, Kill, Start or Restart) to a component of the mesh in dir.
func Fault(ctx context.Context, dir state.Dir, verb, component string) error {
	_, err := ask(ctx, dir, http.MethodPost, "/fault/"+verb+"/"+component, nil)
	return err
}

// Down ends the mesh in dir, waits until its supervisor is gone, and removes its data. Logs stay. Without a mesh it only
// removes the data.
func Down(ctx context.Context, dir state.Dir) error {
	if _, err := os.Stat(string(dir)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := ask(ctx, dir, http.MethodPost, "/down", nil); err != nil && !errors.Is(err, ErrDown) {
		return err
	}
	l, err := hold(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	return dir.Remove()
}

// hold takes the lock of the folder; a living supervisor has it. It waits for one that is ending until ctx ends.
func hold(ctx context.Context, dir state.Dir) (*os.File, error) {
	f, err := os.OpenFile(dir.Path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the mesh's lock: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("a mesh is up in %s (end it with: localmesh down --state %s)", dir, dir)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
