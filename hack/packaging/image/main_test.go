package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const version = "v0.0.0-test"

// image runs the program, and returns the digest that it prints last.
func image(t *testing.T, args ...string) string {
	t.Helper()
	var out, talk bytes.Buffer
	if err := run(t.Context(), append([]string{"-root", "../../..", "-version", version}, args...), &out, &talk); err != nil {
		t.Fatalf("%v\n%s", err, &talk)
	}
	words := strings.Fields(out.String())
	if len(words) != 2 || !strings.HasPrefix(words[1], "sha256:") {
		t.Fatalf("it printed %q, want a place and a digest", &out)
	}
	return words[1]
}

func TestTheImageInARegistry(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/stagger"
	digest := image(t, "-push", repository, "-plain-http")
	pulled, err := remote.Index(must(name.ParseReference(repository + ":" + version))(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := must(pulled.Digest())(t); got.String() != digest {
		t.Errorf("the registry has %s, and %s was printed", got, digest)
	}

	var platforms []string
	for _, each := range must(pulled.IndexManifest())(t).Manifests {
		platforms = append(platforms, each.Platform.String())
		one := must(pulled.Image(each.Digest))(t)
		config := must(one.ConfigFile())(t)
		if config.Config.User != user {
			t.Errorf("%s: it runs as %q, want %s: a cluster must see that it is not root", each.Platform, config.Config.User, user)
		}
		sbom := strings.Replace(each.Digest.String(), ":", "-", 1) + ".sbom"
		if _, err := remote.Head(must(name.ParseReference(repository + ":" + sbom))(t)); err != nil {
			t.Errorf("%s: no SBOM is beside it: %v", each.Platform, err)
		}
		if each.Platform.Architecture == runtime.GOARCH {
			says(t, one, config.Config.Entrypoint[0])
		}
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("it is for %v, want %v", platforms, want)
	}

	t.Run("again as an archive", func(t *testing.T) {
		dir := t.TempDir()
		if again := image(t, "-archive", filepath.Join(dir, "stagger.tar"), "-sbom", dir); again != digest {
			t.Errorf("the same source gives %s, and gave %s before", again, digest)
		}
		files := names(t, filepath.Join(dir, "stagger.tar"))
		for _, want := range []string{"index.json", "oci-layout", "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:")} {
			if !slices.Contains(files, want) {
				t.Errorf("the archive has no %s but %v", want, files)
			}
		}
		if found := must(filepath.Glob(filepath.Join(dir, "*.spdx.json")))(t); len(found) != 3 {
			t.Errorf("beside it are %v, want an SBOM for the index and for each platform", found)
		}
	})
}

// says runs the program of the image's layers: it must be the operator, and know its version.
func says(t *testing.T, image v1.Image, entrypoint string) {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	files := tar.NewReader(content)
	for {
		header, err := files.Next()
		if err != nil {
			t.Fatalf("looking for %s in the layers: %v", entrypoint, err)
		}
		if "/"+strings.TrimPrefix(header.Name, "/") == entrypoint {
			break
		}
	}
	program := filepath.Join(t.TempDir(), "operator")
	if err := os.WriteFile(program, must(io.ReadAll(files))(t), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), version+" ") && strings.TrimSpace(string(out)) != version {
		t.Errorf("%s --version says %q, %v; want %s", entrypoint, out, err, version)
	}
}

func names(t *testing.T, archive string) []string {
	t.Helper()
	file := must(os.Open(archive))(t)
	defer file.Close()
	var found []string
	for files := tar.NewReader(file); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, header.Name)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for says, args := range map[string][]string{
		"-version is missing":    {"-push", "example.com/stagger"},
		"give either -push":      {"-version", version},
		"give either":            {"-version", version, "-push", "example.com/stagger", "-archive", "x.tar"},
		`argument "now" is`:      {"-version", version, "-push", "example.com/stagger", "now"},
		`-version is "nonsense"`: {"-version", "nonsense", "-push", "example.com/stagger"},
		`-platforms: `:           {"-version", version, "-archive", "x.tar", "-platforms", "a/b/c/d"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want an error with %q", args, err, says)
		}
	}
}

// Nobody waits for a build to hear that its image cannot be pushed.
func TestARegistryThatDoesNotAnswerIsNamedBeforeTheBuild(t *testing.T) {
	server := httptest.NewServer(registry.New())
	repository := strings.TrimPrefix(server.URL, "http://") + "/stagger"
	server.Close()
	err := run(t.Context(), []string{"-version", version, "-root", t.TempDir(), "-push", repository, "-plain-http"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "push to "+repository) || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
