package pages

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// position is where a command stands on a page, whatever stands above it: the numbers of its section and, there, of the command, from 0.
type position struct {
	section, command int
	back             bool
}

// in finds the command of the place.
func (p position) in(sections []Section) Command {
	if p.back {
		return sections[p.section].Back[p.command]
	}
	return sections[p.section].Commands[p.command]
}

// Recording is what was said to commands of pages. It may be added to from several goroutines.
type Recording struct {
	mu   sync.Mutex
	said map[string]map[position]string // by file
}

// machine is that of the operator, which pages do not name.
var machine = regexp.MustCompile(`\S+ leads;`)

// Add keeps what was said to a command of the page in a file, where the page shows something.
func (r *Recording) Add(file string, c Command, said string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == nil {
		r.said = map[string]map[position]string{}
	}
	if r.said[file] == nil {
		r.said[file] = map[position]string{}
	}
	if len(c.Shown) > 0 {
		r.said[file][c.at] = machine.ReplaceAllString(said, "localhost leads;")
	}
}

// Write writes the pages anew with what was said. What stands between stays as it is. A page with a command to which nothing is said any more
// that it shows stays as a whole, and is an error.
func (r *Recording) Write() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []error
	for file, said := range r.said {
		all = append(all, rewrite(file, said))
	}
	return errors.Join(all...)
}

func rewrite(file string, said map[position]string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	sections, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	lines := strings.Split(string(text), "\n")
	// From below, so that no line above moves.
	places := slices.SortedFunc(maps.Keys(said), func(a, b position) int { return b.in(sections).Line - a.in(sections).Line })
	for _, at := range places {
		c := at.in(sections)
		anew, err := c.record(said[at])
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, c.Line, err)
		}
		lines = slices.Replace(lines, c.shownAt-1, c.shownAt-1+len(c.Shown), anew...)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		return fmt.Errorf("writing a page: %w", err)
	}
	return nil
}

// record returns what the page shows of the command, as it was said now: each line that is shown whole, lines that came to stand between such,
// and no line that is not said any more. What the page leaves out, by … and […], it goes on to leave out.
func (c Command) record(said string) ([]string, error) {
	lines := slices.DeleteFunc(strings.Split(said, "\n"), blank)
	with := alike(c.Shown, lines)
	if !slices.ContainsFunc(with, func(at int) bool { return at >= 0 }) {
		return nil, fmt.Errorf("nothing that is shown of $ %s is said any more, but %q; write anew by hand what it shows", c.Typed, said)
	}
	var anew []string
	next, apart := 0, false // the line that comes next, and whether lines before it may be left out
	for i, shown := range c.Shown {
		at := with[i]
		switch {
		case blank(shown):
			anew = append(anew, shown)
		case shown == leftOut && apart: // what stood between is not said any more
		case shown == leftOut:
			anew, apart = append(anew, shown), true
		case at >= 0:
			if !apart {
				anew = append(anew, trimmed(lines[next:at])...)
			}
			if strings.Contains(shown, "…") && pattern(shown).fits(lines[at]) {
				anew = append(anew, shown)
			} else {
				anew = append(anew, trimmed(lines[at:at+1])...)
			}
			next, apart = at+1, false
		}
	}
	if !apart {
		anew = append(anew, trimmed(lines[next:])...)
	}
	return anew, nil
}

func trimmed(lines []string) []string {
	out := slices.Clone(lines)
	for i, l := range out {
		out[i] = strings.TrimRight(l, " ")
	}
	return out
}

// alike finds for each line that is shown the one that was said in its place, -1 for none, in the same order: as many as can be that fit, then
// those that begin with the same word and have the most words in common, and of these those that follow one another as on the page.
func alike(shown, said []string) []int {
	score, n := scores(shown, said), len(shown)
	// here is the best sum of the rest when a line that is shown stands for one that was said, from the best sum when it may stand further down.
	here, from := make([][]int, n+1), make([][]int, n+1)
	for i := range from {
		here[i], from[i] = make([]int, len(said)+1), make([]int, len(said)+1)
	}
	follows := func(i, j int) bool { return i+1 < n && here[i+1][j+1] > 0 && here[i+1][j+1] >= from[i+1][j+1] }
	for i := n - 1; i >= 0; i-- {
		for j := len(said) - 1; j >= 0; j-- {
			if score[i][j] > 0 {
				here[i][j] = 2*score[i][j] + from[i+1][j+1]
			}
			if score[i][j] > 0 && follows(i, j) {
				here[i][j]++
			}
			from[i][j] = max(here[i][j], from[i+1][j], from[i][j+1])
		}
	}
	with := make([]int, n)
	for i, j := 0, 0; i < n; i++ {
		with[i] = -1
		for k := j; k < len(said) && with[i] < 0 && from[i][k] == from[i][j]; k++ {
			if here[i][k] > 0 && here[i][k] == from[i][k] {
				with[i] = k
			}
		}
		j = max(j, with[i]+1)
	}
	return with
}

// scores are how much each line that is shown is like each that was said; 0: not at all.
func scores(shown, said []string) [][]int {
	const fits = 1000
	score := make([][]int, len(shown))
	for i, s := range shown {
		score[i] = make([]int, len(said))
		if blank(s) || s == leftOut {
			continue
		}
		whole, words := pattern(s), strings.Fields(plain(s))
		for j, line := range said {
			others := strings.Fields(plain(line))
			switch {
			case whole.fits(line):
				score[i][j] = fits
			case words[0] == others[0] && words[0] != "…":
				for _, w := range words {
					if slices.Contains(others, w) {
						score[i][j]++
					}
				}
			}
		}
	}
	return score
}

// Fits is how many of the lines that the page shows were said.
func (c Command) Fits(said string) int {
	lines, n := strings.Split(said, "\n"), 0
	for _, shown := range c.Shown {
		if !blank(shown) && shown != leftOut && slices.ContainsFunc(lines, pattern(shown).fits) {
			n++
		}
	}
	return n
}
