package clitest

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Run runs the plugin as if the words had been typed.
func Run(t *testing.T, config string, words ...string) (code int, out, talk string) {
	t.Helper()
	return RunIn(t.Context(), t, config, words...)
}

// RunIn is Run until the context ends, as by Ctrl-C.
func RunIn(ctx context.Context, t *testing.T, config string, words ...string) (code int, out, talk string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = kubectl.Main(ctx, append([]string{"--kubeconfig", config}, words...), cli.Env{
		Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr},
		Now:     func() time.Time { return Now },
		Token:   func() string { return "t0ken" },
		Getenv:  func(string) string { return "" },
		Version: "v0.1.0",
	})
	return code, stdout.String(), stderr.String()
}

// Golden compares an answer with the file of its name in testdata; -update writes it anew.
func Golden(t *testing.T, name string, code int, out, talk string) {
	t.Helper()
	got := out + "--- standard error\n" + talk + "--- exit code " + string(rune('0'+code)) + "\n"
	path := filepath.Join("testdata", strings.NewReplacer(", ", "-", " ", "-").Replace(name)+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading the golden answer (write it with -update): %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// File is a file of a name with a content.
func File(t *testing.T, name, content string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// ErrorCase is what is typed, and the one sentence that is said instead of doing it.
type ErrorCase struct {
	Words []string
	// With changes the server first; it may be nil.
	With func(*Server)
	Want string
}

// Errors plays cases on a server with some Services: checkout in shop and orders in books are managed, plain and young in shop are not.
func Errors(t *testing.T, cases map[string]ErrorCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := NewServer(t, Shift("shop", "checkout"), Shift("books", "orders"))
			s.Services["shop/plain"] = service("plain", nil)
			s.Services["shop/young"] = Young()
			if c.With != nil {
				c.With(s)
			}
			code, out, talk := Run(t, s.Kubeconfig(), c.Words...)
			if code != cli.ExitError || out != "" {
				t.Errorf("exit code %d and output %q, want %d and none", code, out, cli.ExitError)
			}
			if diff := cmp.Diff("error: "+c.Want+"\n", talk); diff != "" {
				t.Errorf("talk (-want +got):\n%s", diff)
			}
		})
	}
}

// ShownCase is what is typed, and whether nothing is managed where it is.
type ShownCase struct {
	Words []string
	Empty bool
}

// Shown plays cases on a server with TrafficShifts in many states, and compares the answers with the golden files of their names.
func Shown(t *testing.T, cases map[string]ShownCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := NewServer(t)
			if !c.Empty {
				s = NewServer(t, As(Shift("shop", "checkout"), Measured), As(Shift("shop", "emails"), Aborted), As(Shift("shop", "alone"), Unattended), Shift("books", "orders"),
					As(Shift("books", "old"), func(s *v1alpha1.TrafficShift) {
						s.Status.Release.Objectives, s.Status.Release.LiveWeight, s.Status.Release.PeakWeight = nil, "", ""
					}),
					As(Shift("shop", "basket"), func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }),
					As(Shift("shop", "payments"), Promoted, func(s *v1alpha1.TrafficShift) { s.Spec.Service.Name = "pay" }))
			}
			code, out, talk := Run(t, s.Kubeconfig(), c.Words...)
			Golden(t, name, code, out, talk)
		})
	}
}

// repository is where the go.mod is, above the package that is tested.
func repository() string {
	for dir := "."; ; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || len(dir) > 30 {
			return dir
		}
	}
}
