package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/pages"
)

// The demo prints what its page shows, and ends well. As the session does, it raises a mesh of its own, so nothing else is told beside it.
func TestTheDemoPrintsWhatItsPageShows(t *testing.T) {
	newSession(t).follows("tutorials/the-demo.md", "The demo on your machine")
}

// The session of the README goes as the README shows it: load, a version that is promoted, and one that is taken back.
func TestTheSessionOfTheReadme(t *testing.T) {
	newSession(t).follows("../../README.md", "In a session")
}

// session is a shell at the root of the repository, with nothing but what a newcomer has who raises meshes of his own there. Its commands may
// begin a shell within the shell, which the next ones are typed to.
type session struct {
	t    *testing.T
	in   io.Writer
	out  screen
	said int // how much of out was looked at
	n    int // commands so far
}

// silent is how long a session may say nothing: it builds programs, and looks on while a release goes through its steps.
const silent = 10 * time.Minute

func newSession(t *testing.T) *session {
	t.Helper()
	if _, err := os.Stat(filepath.Join(adm.programs, "localmesh")); err != nil {
		t.Skip("told where there is a local mesh only")
	}
	s := &session{t: t}
	shell := exec.Command("bash")
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	shell.Dir, shell.Stdout, shell.Stderr, shell.Env = "..", &s.out, &s.out, append(os.Environ(), "SHELL=bash", "MAKEFLAGS=", "MAKELEVEL=", "FAULT=errors")
	shell.SysProcAttr, shell.WaitDelay = &syscall.SysProcAttr{Setpgid: true}, patience
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the session has said:\n%s", tail(s.out.String(), 60))
			_ = syscall.Kill(-shell.Process.Pid, syscall.SIGTERM) // whatever it is at; the meshes end by the traps of their shells
		}
		_ = in.Close() // the shells end, and their meshes with them
		if err := shell.Wait(); err != nil && !t.Failed() {
			t.Errorf("the session ended with %v", err)
		}
	})
	return s
}

// follows types the commands of sections of a page, and checks what each says and how it ends.
func (s *session) follows(page string, headings ...string) {
	s.t.Helper()
	sections, err := pages.Read(filepath.Join(docs, page))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, section := range sections {
		if !slices.Contains(headings, section.Heading) {
			continue
		}
		headings = slices.DeleteFunc(headings, func(h string) bool { return h == section.Heading })
		for _, c := range section.Commands {
			said := s.sees(page, c)
			s.t.Logf("$ %s\n%s", c.Typed, said)
			if strings.Contains(c.Typed, "stagger.dev/policy=") {
				s.types("kubectl wait --for=create trafficshift/checkout && kubectl wait --for=condition=Ready trafficshift/checkout --timeout=2m")
			}
		}
	}
	if len(headings) > 0 {
		s.t.Fatalf("%s has no section %q", page, headings)
	}
}

// sees types a command, a look again and again, until it says what the page shows.
func (s *session) sees(page string, c pages.Command) (said string) {
	s.t.Helper()
	status, differs, looks, most, shown := 0, "", enough, -1, ""
	waitFor(s.t, fmt.Sprintf("%s:%d: $ %s", page, c.Line, c.Typed), func() (bool, string) {
		said, status = s.types(c.Typed)
		differs = pages.Differs(c.Shown, said)
		if n := c.Fits(said); n >= most {
			shown, most = said, n
		}
		looks--
		return !c.Look() || differs == "" || *update && looks == 0, differs + " in\n" + said
	})
	switch {
	case status != c.Status:
		s.t.Fatalf("%s:%d: $ %s\nexit status %d, want %d, in\n%s", page, c.Line, c.Typed, status, c.Status, said)
	case *update:
		recording.Add(filepath.Join(docs, page), c, shown)
	case differs != "":
		s.t.Fatalf("%s:%d: $ %s\n%s in\n%s", page, c.Line, c.Typed, differs, said)
	}
	return said
}

// types enters a command, and returns what it says until it ends, and its exit status. One that begins a shell ends when that can be typed to.
func (s *session) types(command string) (said string, status int) {
	s.t.Helper()
	s.n++
	mark := fmt.Sprintf("-- end of command %d of the session --", s.n)
	s.enters(command)
	if command == "make shell" {
		s.until("You are inside the mesh", command)
		s.enters("PS1= PS2=; set +o emacs +o vi") // neither prompts nor what is typed stands among what is said
	}
	s.enters(fmt.Sprintf(`printf '\n%%s %%d\n' '%s' $?`, mark))
	said = s.until(mark+" ", command)
	rest := s.until("\n", command)
	status, err := strconv.Atoi(strings.TrimSpace(rest))
	if err != nil {
		s.t.Fatalf("$ %s ends with %q", command, rest)
	}
	return strings.TrimSuffix(said, "\n"), status
}

// enters writes a line to the shell.
func (s *session) enters(line string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.in, line); err != nil {
		s.t.Fatalf("typing to the shell: %v", err)
	}
}

// until waits for a text, and returns what was said before it and after what was waited for last.
func (s *session) until(text, command string) (said string) {
	s.t.Helper()
	waitWithin(s.t, silent, "$ "+command+" says "+text, func() (bool, string) {
		var found bool
		said, _, found = strings.Cut(s.out.String()[s.said:], text)
		return found, said
	})
	s.said += len(said) + len(text)
	return said
}
