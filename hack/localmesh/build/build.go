package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Binaries are the paths of everything a mesh runs.
type Binaries struct {
	Envoy      string // Envoy itself, unmodified.
	Kube       string // One program that is etcd, kube-apiserver, controllers or kubectl by the name it is called by.
	Istiod     string // Istio's control plane.
	CRDs       string // The manifest of Istio's custom resource definitions.
	Prometheus string
	Promtool   string
}

// All returns the programs of a mesh and builds those that are neither in the cache nor named by a variable. It tells of its
// progress on out. Only one process builds at a time; others wait for it. The error names the program that could not be made.
func All(ctx context.Context, out io.Writer) (Binaries, error) {
	b, missing, err := find()
	if err != nil || len(missing) == 0 {
		return b, err
	}
	return b, buildMissing(ctx, out, missing)
}

// Cached returns the programs of a mesh and whether all of them are there, so that nothing would have to be built.
func Cached() (Binaries, bool, error) {
	b, missing, err := find()
	return b, len(missing) == 0, err
}

// place is a program and the folder of the cache it belongs in.
type place struct {
	program
	dir string
}

// find returns where all programs are or will be, and those that are not there yet.
func find() (Binaries, []place, error) {
	cache, err := cacheDir()
	if err != nil {
		return Binaries{}, nil, err
	}
	var missing []place
	binaries, dirs := map[string]string{}, map[string]string{}
	for _, p := range programs() {
		if given := os.Getenv(p.variable); given != "" {
			if _, err := os.Stat(given); err != nil {
				return Binaries{}, nil, fmt.Errorf("%s names a program that is not there: %w", p.variable, err)
			}
			binaries[p.name], dirs[p.name] = given, filepath.Dir(given)
			continue
		}
		key, err := p.key()
		if err != nil {
			return Binaries{}, nil, err
		}
		dir := filepath.Join(cache, p.name+"-"+key)
		binaries[p.name], dirs[p.name] = filepath.Join(dir, p.name), dir
		if !p.complete(dir) {
			missing = append(missing, place{p, dir})
		}
	}
	return Binaries{
		Envoy: binaries["envoy"], Kube: binaries["kube"],
		Istiod: binaries["istiod"], CRDs: filepath.Join(dirs["istiod"], "crds.yaml"),
		Prometheus: binaries["prometheus"], Promtool: filepath.Join(dirs["prometheus"], "promtool"),
	}, missing, nil
}

func buildMissing(ctx context.Context, out io.Writer, missing []place) error {
	cache := filepath.Dir(missing[0].dir)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("making the cache: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock"), func() { fmt.Fprintln(out, "Waiting for another build to end") })
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Fprintf(out, "Building %d programs into %s, once; from nothing that takes some eight minutes on two cores\n", len(missing), cache)
	p := &progress{out: out, steps: len(missing), start: time.Now()}
	for i, m := range missing {
		if m.complete(m.dir) { // Somebody else built it while we waited.
			continue
		}
		s := &step{p: p, index: i + 1, name: m.name}
		if err := s.run("building", func(s *step) error { return makeWhole(ctx, m.program, m.dir, s) }); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// makeWhole builds m beside dir and moves it there when complete, so that dir never holds half a program.
func makeWhole(ctx context.Context, m program, dir string, s *step) error {
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("removing what an earlier build left: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", tmp, err)
	}
	defer os.RemoveAll(tmp)
	if err := m.makeIn(ctx, tmp, s); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replacing %s: %w", dir, err)
	}
	return os.Rename(tmp, dir)
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder; set XDG_CACHE_HOME: %w", err)
	}
	return filepath.Join(base, "stagger", "localmesh"), nil
}
