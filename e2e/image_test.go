package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// builtVersion is the version that the image of the stories is built as.
const builtVersion = "v0.0.0-e2e"

// imageProgram builds the operator's image for this machine, pushes it to a registry, pulls it, and puts its program into the folder as
// stagger: the stories are told with what a cluster would run.
func imageProgram(dir string) error {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/stagger"
	var talk bytes.Buffer
	cmd := exec.Command(filepath.Join(dir, "image"), "-root", "..", "-version", builtVersion, "-platforms", "linux/"+runtime.GOARCH,
		"-push", repository, "-plain-http")
	cmd.Stdout, cmd.Stderr = &talk, &talk
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building the image: %w\n%s", err, &talk)
	}
	tag, err := name.ParseReference(repository + ":" + builtVersion)
	if err != nil {
		return fmt.Errorf("naming the image: %w", err)
	}
	image, err := remote.Image(tag, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return fmt.Errorf("pulling the image: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading what the image runs: %w", err)
	}
	if len(config.Config.Entrypoint) != 1 {
		return fmt.Errorf("the image runs %q, want one program", config.Config.Entrypoint)
	}
	return extract(image, config.Config.Entrypoint[0], filepath.Join(dir, "stagger"))
}

// extract writes a file of the image's layers to a program of this machine.
func extract(image v1.Image, path, program string) (err error) {
	content := mutate.Extract(image)
	defer func() { err = errors.Join(err, content.Close()) }()
	for files := tar.NewReader(content); ; {
		header, err := files.Next()
		if err != nil {
			return fmt.Errorf("looking for %s in the image: %w", path, err)
		}
		if "/"+strings.TrimPrefix(header.Name, "/") != path {
			continue
		}
		out, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
		if err != nil {
			return fmt.Errorf("making the program: %w", err)
		}
		_, err = io.Copy(out, files)
		return errors.Join(err, out.Close())
	}
}
