package release

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "../../.."

// fails runs make, which must fail, and returns what it said for itself.
func fails(t *testing.T, dir string, env []string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"-s", "-C", dir}, args...)...)
	around := slices.DeleteFunc(os.Environ(), func(v string) bool { // what the make that runs this test was told
		return strings.HasPrefix(v, "VERSION=") || strings.HasPrefix(v, "PUSH=") || strings.HasPrefix(v, "MAKE")
	})
	cmd.Env = slices.Concat(around, env)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("make %v does it: %s", args, out)
	}
	var said []string
	for line := range strings.Lines(string(out)) {
		// What make adds, and go of a tool that failed.
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "make") && !strings.HasPrefix(line, "==>") && !strings.HasPrefix(line, "exit status") {
			said = append(said, line)
		}
	}
	return said
}

// copied is a folder with what make release needs, in which go is a program that leaves half of what it was asked for and fails.
func copied(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	for _, file := range []string{"Makefile", "hack/release.sh"} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, file), string(text))
	}
	write(t, filepath.Join(dir, "dist", "stagger-v0.0.9.yaml"), "of the release before")
	write(t, filepath.Join(dir, "programs", "go"), `#!/usr/bin/env bash
while [ $# -gt 0 ]; do
	[ "$1" != -archive ] || echo half >"$2"
	shift
done
echo "there is no space left" >&2
exit 1
`)
	return dir, []string{"PATH=" + filepath.Join(dir, "programs") + string(os.PathListSeparator) + os.Getenv("PATH")}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestAVersionThatIsNoneIsRefused(t *testing.T) {
	for _, args := range [][]string{{"VERSION=nonsense"}, {"VERSION=0.1.0"}, {"VERSION=v01.0.0"}, {"VERSION=v0.1"}, {"VERSION="}, {}} {
		dir, env := copied(t)
		said := fails(t, dir, env, append(args, "release")...)
		if len(said) != 1 || !strings.Contains(said[0], "VERSION is \"") || !strings.Contains(said[0], "such as VERSION=v0.1.0") {
			t.Errorf("make release %v says %q", args, said)
		}
		if _, err := os.Stat(filepath.Join(dir, "dist", "stagger-v0.0.9.yaml")); err != nil {
			t.Errorf("make release %v has done something before: %v", args, err)
		}
	}
	for _, value := range []string{"nonsense", "latest", ""} {
		said := fails(t, repository, nil, "VERSION="+value, "image")
		if len(said) != 1 || !strings.Contains(said[0], "-version is ") || !strings.Contains(said[0], "such as v0.1.0") {
			t.Errorf("make image VERSION=%s says %q", value, said)
		}
	}
}

func TestAReleaseThatFailsLeavesNothing(t *testing.T) {
	dir, env := copied(t)
	if said := fails(t, dir, env, "VERSION=v0.1.0", "release"); said[len(said)-1] != "there is no space left" {
		t.Errorf("it says %q last", said)
	}
	for _, folder := range []string{"dist", "bin"} {
		if files, err := os.ReadDir(filepath.Join(dir, folder)); err != nil && !errors.Is(err, fs.ErrNotExist) || len(files) > 0 {
			t.Errorf("%s has %v, %v", folder, files, err)
		}
	}
}

func TestARegistryThatDoesNotAnswerIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := taken.Addr().String() + "/stagger"
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	said := fails(t, repository, nil, "VERSION=v0.1.0", "PUSH="+name, "image")
	if len(said) != 1 || !strings.Contains(said[0], "asking for the right to push to "+name) || !strings.Contains(said[0], "connection refused") {
		t.Errorf("it says %q", said)
	}
}
