package cli

import (
	"fmt"
	"io"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/stagger-dev/stagger/pkg/text"
)

// Env is what the plugin takes from around it.
type Env struct {
	// Streams are where it reads and writes.
	Streams genericiooptions.IOStreams
	// Now is the clock.
	Now func() time.Time
	// Token makes a word without blanks that no other command has.
	Token func() string
	// Getenv reads the environment.
	Getenv func(string) string
	// Open shows a file in the user's browser; nil where there is none.
	Open func(path string) error
	// Version of the plugin.
	Version string
}

// Say writes a line for people, to the standard error; of what others wrote nothing in it does more to a terminal than be read. When that cannot be
// written, nobody is left to tell.
func Say(out io.Writer, format string, args ...any) {
	_, _ = io.WriteString(out, text.Shown(fmt.Sprintf(format, args...))+"\n")
}
