package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stagger-dev/stagger/e2e/pages"
)

// docs is the folder of the pages.
const docs = "../manifests/docs"

// update has what is said to the commands of pages written to the pages, where the stories compare it otherwise: make transcripts.
var (
	update    = flag.Bool("update", false, "write the pages whose commands are typed anew with what is said")
	recording pages.Recording
)

// reader types the commands of pages into a shell of its own, with the plugin and everything else as a user has it.
type reader struct {
	t   *testing.T
	dir string // where the files of the pages are
	env []string
	// here says what is called otherwise here than on the pages, back what the pages call it.
	here, back *strings.Replacer
}

// newReader is a reader in a namespace, which the pages call shop. Pairs are further words of the pages and what they are here.
func newReader(t *testing.T, ns string, pairs ...string) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir()}
	kubeconfig := filepath.Join(r.dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(kubectl(t, "config", "view", "--raw", "--minify", "--flatten")), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "--kubeconfig", kubeconfig, "config", "set-context", "--current", "--namespace="+ns)
	r.env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+r.dir)
	r.here = strings.NewReplacer(append(pairs, "http://127.0.0.1:9090", prometheus(), "-n shop", "-n "+ns, `namespace="shop"`, `namespace="`+ns+`"`,
		"adopt checkout --policy standard", "adopt checkout --policy "+ns, "policy=standard", "policy="+ns)...)
	r.back = strings.NewReplacer("policy "+ns, "policy standard", "ShiftPolicy "+ns, "ShiftPolicy standard", "policy="+ns, "policy=standard",
		ns, "shop", prometheus(), "http://127.0.0.1:9090")
	return r
}

// reads is a reader of pages about the story's Service.
func (s *story) reads(pairs ...string) *reader {
	s.t.Helper()
	return newReader(s.t, s.ns, pairs...)
}

// page reads a page of the docs.
func (r *reader) page(name string) []pages.Section {
	r.t.Helper()
	sections, err := pages.Read(filepath.Join(docs, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return sections
}

// follows types the commands of sections of a page, and checks what each says and how it ends.
func (r *reader) follows(page string, headings ...string) {
	r.t.Helper()
	for _, s := range r.page(page) {
		r.writes(s.Files)
		if slices.Contains(headings, s.Heading) {
			headings = slices.DeleteFunc(headings, func(h string) bool { return h == s.Heading })
			r.types(page, s.Commands)
		}
	}
	if len(headings) > 0 {
		r.t.Fatalf("%s has no section %q", page, headings)
	}
}

// writes makes the files that a page shows.
func (r *reader) writes(files map[string]string) {
	r.t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(r.here.Replace(text)), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// types enters commands of a page, a look again and again, until it shows what the page shows.
func (r *reader) types(page string, commands []pages.Command) {
	r.t.Helper()
	for _, c := range commands {
		if c.Elsewhere() {
			continue
		}
		at, said := fmt.Sprintf("%s:%d: $ %s", page, c.Line, c.Typed), ""
		switch {
		case *update:
			said = r.records(page, c)
		case c.Look():
			waitFor(r.t, at, func() (bool, string) {
				var differs string
				said, differs = r.run(c)
				return differs == "", differs + " in\n" + said
			})
		default:
			var differs string
			if said, differs = r.run(c); differs != "" {
				r.t.Fatalf("%s\n%s in\n%s", at, differs, said)
			}
		}
		r.t.Logf("$ %s\n%s", c.Typed, said)
	}
}

// enough is how many looks are taken, when a page is written anew, at what does not become what the page shows.
const enough = int(patience/between) / 2

// records types a command and keeps what is said for the page. A look is typed until it shows what the page shows, or else the most of it.
func (r *reader) records(page string, c pages.Command) (said string) {
	r.t.Helper()
	looks, most := 1, -1
	if c.Look() {
		looks = enough
	}
	waitFor(r.t, "$ "+c.Typed, func() (bool, string) {
		now, differs := r.run(c)
		looks--
		if looks == 0 && strings.HasPrefix(differs, exitStatus) {
			r.t.Fatalf("%s:%d: $ %s\n%s in\n%s", page, c.Line, c.Typed, differs, now)
		}
		if n := c.Fits(now); n >= most {
			said, most = now, n
		}
		return differs == "" || looks == 0, differs
	})
	recording.Add(filepath.Join(docs, page), c, said)
	return said
}

// exitStatus begins what is said of a command that ended otherwise than the page shows.
const exitStatus = "exit status "

// run types a command once, and returns what it says, and how that differs from the page.
func (r *reader) run(c pages.Command) (said, differs string) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), promotion)
	defer stop()
	cmd := exec.CommandContext(ctx, "nice", "bash", "-c", r.here.Replace(c.Typed)) // a simulation on all processors keeps pods from answering
	var out screen
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	if c.Interrupted {
		looks := enough
		waitFor(r.t, "$ "+c.Typed+" says what the page shows", func() (bool, string) {
			differs := pages.Differs(c.Shown, r.back.Replace(out.String()))
			looks--
			return differs == "" || *update && looks == 0, differs
		})
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
			r.t.Errorf("interrupting %s: %v", c.Typed, err)
		}
	}
	err := cmd.Wait()
	said = r.back.Replace(out.String())
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited || ctx.Err() != nil {
		r.t.Fatalf("$ %s: %v\n%s", c.Typed, errors.Join(err, ctx.Err()), said)
	}
	if got := cmd.ProcessState.ExitCode(); !c.Interrupted && got != c.Status {
		return said, fmt.Sprintf(exitStatus+"%d, want %d", got, c.Status)
	}
	return said, pages.Differs(c.Shown, said)
}

// screen is what a command says, while it says it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
