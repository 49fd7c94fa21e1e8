// Image builds the operator's image by ko and pushes it to a registry or writes it as an archive:
//
//	go -C hack/packaging run ./image -version v0.1.0 -push registry.example.com/stagger
//	go -C hack/packaging run ./image -version v0.1.0 -archive dist/stagger.tar -sbom dist
//
// The image holds the operator and nothing else: no shell, no base image of somebody else's. It runs as user 65532. The same source and
// version give the same digest, which is printed last, after the name it was pushed to.
package main

import (
	"archive/tar"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/ko/pkg/build"
	"github.com/google/ko/pkg/publish"
)

const (
	importPath = "github.com/stagger-dev/stagger/operator"
	// user is the numeric user that the operator runs as, so that a cluster can see that it is not root.
	user = "65532:65532"
	// registryWait is how long a registry may take to answer before anything is built.
	registryWait = 10 * time.Second
)

// versions are what the operator may say it is.
var versions = regexp.MustCompile(`^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// request is what the image is to be, and where it goes.
type request struct {
	version, push, archive, sbom string
	platforms                    []string
	root                         string
	plain                        bool // the registry speaks http
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, talk io.Writer) error {
	var r request
	var platforms string
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(talk)
	flags.StringVar(&r.version, "version", "", "the version that the operator says it is, and the tag; such as v0.1.0")
	flags.StringVar(&r.push, "push", "", "the repository to push to, such as registry.example.com/stagger")
	flags.BoolVar(&r.plain, "plain-http", false, "the registry speaks http")
	flags.StringVar(&r.archive, "archive", "", "the OCI archive to write, such as dist/stagger.tar")
	flags.StringVar(&r.sbom, "sbom", "", "the folder to write the lists of what is inside (SPDX) to; a registry gets them anyway")
	flags.StringVar(&platforms, "platforms", "linux/amd64,linux/arm64", "the platforms, separated by commas")
	flags.StringVar(&r.root, "root", "../..", "the folder of the operator's module")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("argument %q is not understood", flags.Arg(0))
	case r.version == "":
		return errors.New("-version is missing; give one such as v0.1.0")
	case !versions.MatchString(r.version):
		return fmt.Errorf("-version is %q; it must be a v and three numbers, such as v0.1.0", r.version)
	case (r.push == "") == (r.archive == ""):
		return errors.New("give either -push with a repository or -archive with a file")
	}
	r.platforms = strings.Split(platforms, ",")
	if r.push != "" {
		if err := r.askRegistry(); err != nil {
			return fmt.Errorf("asking for the right to push to %s: %w", r.push, err)
		}
	}
	image, err := r.build(ctx)
	if err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("reckoning the digest: %w", err)
	}
	where := r.archive
	if r.push != "" {
		where, err = r.toRegistry(ctx, image)
	} else {
		err = r.toArchive(ctx, image)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, where, digest)
	return err
}

// askRegistry says, before anything is built, whether the registry answers within registryWait and takes the image.
func (r request) askRegistry() error {
	var options []name.Option
	if r.plain {
		options = append(options, name.Insecure)
	}
	tag, err := name.NewTag(r.push+":"+r.version, options...)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: registryWait}).DialContext,
		TLSHandshakeTimeout: registryWait, ResponseHeaderTimeout: registryWait,
	}
	defer transport.CloseIdleConnections()
	return remote.CheckPushPermission(tag, authn.DefaultKeychain, transport)
}

// build compiles the operator for each platform and lays it into an image of its own.
func (r request) build(ctx context.Context) (build.Result, error) {
	root, err := filepath.Abs(r.root)
	if err != nil {
		return nil, err
	}
	base, err := r.base()
	if err != nil {
		return nil, err
	}
	options := []build.Option{
		build.WithBaseImages(func(context.Context, string) (name.Reference, build.Result, error) {
			return name.MustParseReference("scratch"), base, nil
		}),
		build.WithPlatforms(r.platforms...),
		build.WithTrimpath(true),
		build.WithLdflags([]string{"-s -w -X " + importPath + "/version.release=" + r.version}),
		build.WithUser(user),
		build.WithSPDX(r.version),
		build.WithLabel("org.opencontainers.image.version", r.version),
		build.WithJobs(1), // each compiles on all cores
	}
	if r.sbom != "" {
		options = append(options, build.WithSBOMDir(r.sbom))
	}
	builder, err := build.NewGo(ctx, root, options...)
	if err != nil {
		return nil, err
	}
	target, err := builder.QualifyImport("./operator")
	if err != nil {
		return nil, err
	}
	return builder.Build(ctx, target)
}

// base is an empty image for each platform. ko wants a base; the operator needs none: it is one static program that brings the
// certificates of the public authorities along.
func (r request) base() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, each := range r.platforms {
		platform, err := v1.ParsePlatform(each)
		if err != nil {
			return nil, fmt.Errorf("-platforms: %w", err)
		}
		image, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{
			OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant, RootFS: v1.RootFS{Type: "layers"},
		})
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, nil
}

// toRegistry pushes the image, with its SBOMs beside it, and returns its name by tag.
func (r request) toRegistry(ctx context.Context, image build.Result) (string, error) {
	publisher, err := publish.NewDefault(r.push, publish.Insecure(r.plain), publish.WithTags([]string{r.version}),
		publish.WithNamer(func(base, _ string) string { return base }))
	if err != nil {
		return "", fmt.Errorf("preparing the push to %s: %w", r.push, err)
	}
	if _, err := publisher.Publish(ctx, image, importPath); err != nil {
		return "", fmt.Errorf("pushing to %s: %w", r.push, err)
	}
	return r.push + ":" + r.version, publisher.Close()
}

// toArchive writes the image as a tar of an OCI layout, which skopeo, crane and containerd read.
func (r request) toArchive(ctx context.Context, image build.Result) error {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := publish.NewLayout(dir).Publish(ctx, image, importPath); err != nil {
		return fmt.Errorf("writing the layout: %w", err)
	}
	return pack(dir, r.archive)
}

// pack writes the files of a folder into a tar, in the order of their names and without times, so that the same files make the same archive.
func pack(dir, file string) (err error) {
	archive, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, archive.Close()); err != nil {
			err = errors.Join(err, os.Remove(file)) // half an archive is none
		}
	}()
	w := tar.NewWriter(archive)
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(inside), Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	return errors.Join(err, w.Close())
}
