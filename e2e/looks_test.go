package e2e

import (
	"errors"
	"os/exec"
	"strings"
)

// shows takes a look with the plugin, and checks that it ends with a status and says all of these words.
func (s *story) shows(status int, look string, words ...string) string {
	s.t.Helper()
	out, ended := s.looks(look)
	s.t.Logf("$ kubectl stagger %s\n%s", look, out)
	for _, w := range words {
		if !strings.Contains(out, w) {
			s.t.Errorf("kubectl stagger %s does not say %q:\n%s", look, w, out)
		}
	}
	if ended != status {
		s.t.Errorf("kubectl stagger %s ends with %d, want %d:\n%s", look, ended, status, out)
	}
	return out
}

// looks takes a look with the plugin, and returns what it says and with which status it ends.
func (s *story) looks(look string) (said string, status int) {
	s.t.Helper()
	out, err := plugin(s.t, s.ns, strings.Fields(look)...)
	if err == nil {
		return out, 0
	}
	exit, exited := errors.AsType[*exec.ExitError](err)
	if !exited {
		s.t.Fatalf("kubectl stagger %s: %v", look, err)
	}
	return out, exit.ExitCode()
}
