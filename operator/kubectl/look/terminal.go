package look

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// display is where a live screen is written.
type display struct {
	out io.Writer
	// terminal says that a screen takes the place of the one before; else each change is written below the last.
	terminal bool
	// lines is how many the terminal has, 0 for as many as it takes.
	lines func() int
	// shown is the last screen.
	shown string
}

func newDisplay(env cli.Env) *display {
	s := &display{out: env.Streams.Out, lines: func() int { return 0 }}
	if file, ok := env.Streams.Out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.terminal = true
		s.lines = func() int {
			_, lines, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 0
			}
			return lines
		}
	}
	return s
}

// draw puts a screen in the place of the last one, line by line, so that nothing flickers.
func (d *display) draw(text string) error {
	if d.terminal {
		text = crop(text, d.lines())
	}
	if text == d.shown {
		return nil
	}
	before := d.shown
	d.shown = text
	if !d.terminal {
		if before != "" {
			text = "\n" + text
		}
		return cli.Paint(d.out, text)
	}
	const up, clearLine, clearBelow = "\x1b[%dA", "\x1b[K\n", "\x1b[J"
	out := strings.ReplaceAll(text, "\n", clearLine) + clearBelow
	if n := strings.Count(before, "\n"); n > 0 {
		out = fmt.Sprintf(up, n) + out
	}
	return cli.Paint(d.out, out)
}

// crop leaves of a text what a terminal of so many lines can show, and says what is missing. The cursor's line stays empty.
func crop(text string, lines int) string {
	const least = 4
	n := strings.Count(text, "\n")
	if lines < least || n < lines {
		return text
	}
	kept := strings.SplitAfter(text, "\n")[:lines-2]
	return strings.Join(kept, "") + fmt.Sprintf("… %d more lines\n", n-len(kept))
}
