// kubectl-stagger is a plugin of kubectl: see and steer staggered releases.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credentials of every kind that kubectl takes

	"github.com/stagger-dev/stagger/operator/kubectl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := kubectl.Main(ctx, os.Args[1:], kubectl.World{
		Streams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Now:     time.Now,
		Token:   func() string { return strings.ToLower(rand.Text()) },
		Getenv:  os.Getenv,
		Version: version(),
	})
	stop()
	os.Exit(code)
}

// release is set by the linker in builds that are published.
var release string

// version is what the build says of itself.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
