package view

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/stagger-dev/stagger/pkg/text"
)

// Layout says how lines are laid out: for a terminal of some width, with or without colours.
type Layout struct {
	// Width is the number of columns, 0 for as many as it takes. Below leastWidth it counts as that.
	Width int
	// Color allows ANSI colours.
	Color bool
	// Wide asks for everything that is known.
	Wide bool
}

const (
	leastWidth = 24
	// page is the width that right-aligned things use when there is room.
	page = 96
)

func (p Layout) width() int {
	switch {
	case p.Width <= 0:
		return 1 << 16
	case p.Width < leastWidth:
		return leastWidth
	}
	return p.Width
}

// piece is text of one tone; a line is some of them.
type piece struct {
	text string
	tone Tone
	bold bool
	// whole keeps the text from being cut, whatever the width: it is there to be pasted.
	whole bool
}

type line []piece

func plainText(text string) piece        { return piece{text: text} }
func toned(text string, tone Tone) piece { return piece{text: text, tone: tone} }

func (l line) width() int {
	n := 0
	for _, p := range l {
		n += ansi.StringWidth(p.text)
	}
	return n
}

var colours = map[Tone]string{ToneFaint: "2", ToneBusy: "36", ToneGood: "32", ToneCareful: "33", ToneBad: "31"}

// write joins lines to text that is safe to show, cutting what is wider than the layout, without blanks at the ends of lines.
func (p Layout) write(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		room := p.width()
		var out strings.Builder
		for _, part := range l {
			shown := text.Shown(part.text) // here all that stands on a screen goes through
			if !part.whole {
				shown = ansi.Truncate(shown, room, "")
			}
			room -= ansi.StringWidth(shown)
			out.WriteString(p.paint(part, shown))
		}
		b.WriteString(strings.TrimRight(out.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (p Layout) paint(part piece, text string) string {
	code := colours[part.tone]
	if part.bold {
		code = strings.Trim("1;"+code, ";")
	}
	body := strings.TrimRight(text, " ")
	if !p.Color || code == "" || body == "" {
		return text
	}
	return "\x1b[" + code + "m" + body + "\x1b[0m" + text[len(body):]
}

// pad fills text with blanks on the right, lead on the left.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}

func lead(text string, width int) string {
	return strings.Repeat(" ", max(width-ansi.StringWidth(text), 0)) + text
}

// wrap breaks text between words, and inside words that are wider than a line. Flags and names are not broken at their hyphens.
func wrap(text string, width int) []string {
	var lines []string
	now := ""
	for _, word := range strings.Fields(text) {
		if now != "" && ansi.StringWidth(now)+1+ansi.StringWidth(word) <= width {
			now += " " + word
			continue
		}
		if now != "" {
			lines = append(lines, now)
		}
		parts := strings.Split(ansi.Hardwrap(word, width, true), "\n")
		lines, now = append(lines, parts[:len(parts)-1]...), parts[len(parts)-1]
	}
	return append(lines, now)
}
