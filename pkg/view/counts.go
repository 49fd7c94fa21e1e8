package view

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// objectives writes the comparison of both arms: a table, or some lines for each objective where that is too wide.
func (w *writer) objectives(s Screen) {
	if len(s.Objectives) == 0 {
		return
	}
	for _, head := range []struct {
		text string
		bars bool
	}{
		{fmt.Sprintf("EVIDENCE (abort at %g, pass at %g)", s.AbortAt, s.PassAt), true},
		{fmt.Sprintf("EVIDENCE (abort %g, pass %g)", s.AbortAt, s.PassAt), false},
	} {
		if lines, fits := table(comparison(s, head.text, head.bars), indent, w.layout.width()); fits {
			w.lines = append(w.lines, lines...)
			return
		}
	}
	for _, o := range s.Objectives {
		w.objectiveOnLines(s, o)
	}
}

func comparison(s Screen, evidence string, bars bool) []column {
	objectives := s.Objectives
	columns := []column{{head: "OBJECTIVE"}, {head: "STABLE"}, {head: "CANARY"}, {head: "VERDICT"}, {head: evidence}}
	var stable, canary, sides [][2]string
	for _, o := range objectives {
		stable, canary = append(stable, o.Stable.parts()), append(canary, o.Canary.parts())
		sides = append(sides, [2]string{o.Against, o.For})
	}
	stables, canaries := aligned(stable), aligned(canary)
	for i, o := range objectives {
		proof := "against " + pad(sides[i][0], widest(sides, 0)) + "   for " + sides[i][1]
		if bars {
			proof = "against " + pad(sides[i][0], widest(sides, 0)) + " " + barText(o.Against, s.AbortAt) +
				"  for " + pad(sides[i][1], widest(sides, 1)) + " " + barText(o.For, s.PassAt)
		}
		for c, cell := range []piece{plainText(o.title()), plainText(stables[i]), plainText(canaries[i]), toned(verdict(o), o.Tone()), plainText(proof)} {
			columns[c].cells = append(columns[c].cells, cell)
		}
	}
	return columns
}

func (w *writer) objectiveOnLines(s Screen, o Objective) {
	name := line{plainText(indent + ansi.Truncate(o.title(), w.layout.width()-4, "") + "  "), toned(verdict(o), o.Tone())}
	w.lines = append(w.lines, name)
	w.sideBySide("stable "+o.Stable.String(), "canary "+o.Canary.String())
	w.sideBySide(fmt.Sprintf("against %s (abort at %g)", o.Against, s.AbortAt), fmt.Sprintf("for %s (pass at %g)", o.For, s.PassAt))
}

// sideBySide writes two texts on one line where they fit, else below each other.
func (w *writer) sideBySide(a, b string) {
	texts := []string{a, b}
	if both := a + "   " + b; ansi.StringWidth(both)+4 <= w.layout.width() {
		w.lines = append(w.lines, line{plainText(indent + indent + both)})
		return
	}
	for _, text := range texts {
		for _, part := range wrap(text, w.layout.width()-4) {
			w.lines = append(w.lines, line{plainText(indent + indent + part)})
		}
	}
}

func verdict(o Objective) string {
	if o.Verdict == "" {
		return "unknown"
	}
	return o.Verdict
}

// String is the bad share of how many requests: "0.11% of 182,204".
func (a Arm) String() string {
	if a.Requests == 0 {
		return "no requests"
	}
	return rate(ratio(a.Bad, a.Requests)) + " of " + count(a.Requests)
}

func (a Arm) parts() [2]string {
	if a.Requests == 0 {
		return [2]string{}
	}
	return [2]string{rate(ratio(a.Bad, a.Requests)), count(a.Requests)}
}

// aligned writes rates and counts so that their last digits stand below each other.
func aligned(arms [][2]string) []string {
	texts := make([]string, len(arms))
	for i, a := range arms {
		texts[i] = "no requests"
		if a[1] != "" {
			texts[i] = lead(a[0], widest(arms, 0)) + " of " + lead(a[1], widest(arms, 1))
		}
	}
	return texts
}

func widest(cells [][2]string, i int) int {
	n := 0
	for _, c := range cells {
		n = max(n, ansi.StringWidth(c[i]))
	}
	return n
}

// cells is how many parts a bar has.
const cells = 5

// barText is how far evidence is on its way from saying nothing to its limit.
func barText(value string, limit float64) string {
	n := int(progress(value, limit)*cells + 1e-9)
	return strings.Repeat("▰", n) + strings.Repeat("▱", cells-n)
}
