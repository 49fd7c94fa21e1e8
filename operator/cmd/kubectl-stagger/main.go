// kubectl-stagger is a plugin of kubectl: see and steer staggered releases.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credentials of every kind that kubectl takes

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := kubectl.Main(ctx, os.Args[1:], cli.Env{
		Streams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Now:     time.Now,
		Token:   func() string { return strings.ToLower(rand.Text()) },
		Getenv:  os.Getenv,
		Open:    open,
		Version: version.String(),
	})
	stop()
	os.Exit(code)
}

// open starts the program that shows a file in the user's browser.
func open(path string) error {
	program := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		program = []string{"open"}
	case "windows":
		program = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	c := exec.Command(program[0], append(program[1:], path)...)
	if err := c.Start(); err != nil {
		return err
	}
	go func() { _ = c.Wait() }() // how the browser ends is its own business
	return nil
}
