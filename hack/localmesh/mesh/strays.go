package mesh

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// strayGrace is how long programs that were run with `exec` have to end before they are killed.
const strayGrace = 2 * time.Second

// endStrays ends whatever else runs in the mesh's network namespace, but for the process that asked for the end and its ancestors.
// Components are left alone, so that a program can still say goodbye to the API server.
func (s *supervisor) endStrays() {
	spare, components := map[int]bool{os.Getpid(): true}, map[int]bool{}
	for _, p := range s.procs {
		if pid := p.status().PID; pid != 0 {
			spare[pid], components[pid] = true, true
		}
	}
	s.mu.Lock()
	for pid := s.requester; pid > 1; pid = parentOf(pid) {
		spare[pid] = true
	}
	s.mu.Unlock()
	told := map[int]bool{}
	for begun := time.Now(); ; time.Sleep(pollInterval) {
		left := strays(spare, components)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			sig := syscall.SIGTERM
			switch {
			case time.Since(begun) > strayGrace:
				sig = syscall.SIGKILL
			case told[pid]:
				continue
			}
			log.Printf("Ending process %d, which runs in the mesh: %v", pid, sig)
			told[pid] = true
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				log.Printf("Ending process %d: %v", pid, err)
				spare[pid] = true
			}
		}
	}
}

// strays are the processes in this process's network namespace that are not spared, nor children of components, such as pods' proxies.
func strays(spare, components map[int]bool) []int {
	mine, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		return nil
	}
	var out []int
	for _, link := range links {
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil || spare[pid] || components[parentOf(pid)] {
			continue
		}
		if theirs, err := os.Readlink(link); err == nil && theirs == mine {
			out = append(out, pid)
		}
	}
	return out
}

// parentOf returns 0 when it cannot tell.
func parentOf(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field, a name in brackets, may hold anything.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return ppid
}

// peer is the process at the other end of a unix socket, or 0.
func peer(c net.Conn) int {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	if err := raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	}); err != nil {
		return 0
	}
	return pid
}
