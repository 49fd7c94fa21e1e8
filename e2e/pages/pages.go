// Package pages reads the pages of the docs as their readers type them. The stories type the commands of a page, and compare what is said with
// what the page shows, or record it there.
//
//	## Pause it                                       a section, by its heading
//
//	```yaml title="policy.yaml"                       a file to be written
//	```console
//	$ kubectl stagger pause checkout --reason sale    typed, also over lines that end in \
//	checkout: paused; no weight is …                  shown: … stands for the rest of a word or a line, […] for lines that are left out
//	$ echo $?                                         the exit status of the command before is 3; without it, 0
//	3
//	$ kubectl stagger dashboard
//	http://127.0.0.1:40613/#token=…
//	^C                                                interrupted when it has said what stands above
//	```
//	```console title="Back"                           typed to go back from a step
//	| pods | 4 | 0 |                                  a row, by its first cell
package pages

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Section is a part of a page, from one heading to the next.
type Section struct {
	// Heading is the text of the heading, without marks.
	Heading string
	// Level is the level of the heading, from 1; 0 before the first.
	Level int
	// Commands are what is typed, in order.
	Commands []Command
	// Back is what is typed to go back.
	Back []Command
	// Files are the texts of the files to be written before, by name.
	Files map[string]string
	// Rows are the rows of its tables: the other cells, by the first.
	Rows map[string][]string
}

func section(level int, heading string) Section {
	return Section{Level: level, Heading: heading, Files: map[string]string{}, Rows: map[string][]string{}}
}

// Steps returns the steps of a page, which are its sections of the second level whose headings begin with "Step". What stands there under
// headings of the third level belongs to a step where it is one of the parts, which are named by their headings.
func Steps(page []Section, parts ...string) []Section {
	var steps []Section
	inside := false
	for _, s := range page {
		if s.Level < 3 {
			if inside = strings.HasPrefix(s.Heading, "Step "); inside {
				steps = append(steps, section(s.Level, s.Heading))
			}
		}
		if inside && (s.Level < 3 || slices.Contains(parts, s.Heading)) {
			step := &steps[len(steps)-1]
			step.Commands, step.Back = append(step.Commands, s.Commands...), append(step.Back, s.Back...)
			maps.Copy(step.Files, s.Files)
			maps.Copy(step.Rows, s.Rows)
		}
	}
	return steps
}

// Command is one command line of a page.
type Command struct {
	// Line is where it stands, from 1.
	Line int
	// Typed is what stands behind the prompt, with lines that are continued joined.
	Typed string
	// Shown is what the page shows of its output; empty: nothing is shown, and anything may be said.
	Shown []string
	// Status is the exit status that the page shows, else 0.
	Status int
	// Interrupted says that it runs until Ctrl-C.
	Interrupted bool
	// shownAt is the line at which Shown begins; 0 where nothing is shown.
	shownAt int
	at      position
}

// Plugin says whether it is a command of the plugin.
func (c Command) Plugin() bool { return strings.Contains(c.Typed, "kubectl stagger") }

var (
	elsewhere = regexp.MustCompile(`^(make|install|git|export) |&$`)
	looks     = regexp.MustCompile(`^(curl|kubectl( -n \S+)? get|kubectl stagger( -n \S+)? (status|why|history|report|check|adopt .*--dry-run))\b`)
)

// Elsewhere says whether it is no story's business: building, and what runs beside, such as a port that is forwarded.
func (c Command) Elsewhere() bool { return elsewhere.MatchString(c.Typed) }

// Look says whether it only shows what is there. It may be typed again until that is what the page shows.
func (c Command) Look() bool { return len(c.Shown) > 0 && looks.MatchString(c.Typed) }

// Read reads the sections of a page.
func Read(file string) ([]Section, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a page: %w", err)
	}
	sections, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return sections, nil
}

var (
	fence   = regexp.MustCompile("^```([a-z]*)(?: title=\"([^\"]+)\")?$")
	heading = regexp.MustCompile(`^(#+) +(.+?) *$`)
)

func parse(text string) ([]Section, error) {
	sections := []Section{section(0, "")}
	var in block
	inside := false
	for i, line := range strings.Split(text, "\n") {
		s := &sections[len(sections)-1]
		begins, head := fence.FindStringSubmatch(line), heading.FindStringSubmatch(line)
		switch {
		case inside && line == "```":
			in, inside = block{}, false
		case !inside && begins != nil:
			in, inside = block{language: begins[1], title: begins[2]}, true
		case !inside && head != nil:
			sections = append(sections, section(len(head[1]), head[2]))
		case !inside && strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			s.Rows[cells[0]] = cells[1:]
		default:
			if err := in.add(s, i+1, line); err != nil {
				return nil, err
			}
		}
	}
	if inside {
		return nil, fmt.Errorf("a block that begins with ``` does not end")
	}
	placed(sections)
	return sections, nil
}

// placed tells each command where it stands.
func placed(sections []Section) {
	for i, s := range sections {
		for j := range s.Commands {
			s.Commands[j].at = position{section: i, command: j}
		}
		for j := range s.Back {
			s.Back[j].at = position{section: i, command: j, back: true}
		}
	}
}

// block is a block of a page; without a language and a title, it is what stands between the blocks too.
type block struct{ language, title string }

// add adds a line of the block to a section.
func (b block) add(s *Section, number int, line string) error {
	switch {
	case b == block{language: "console"}:
		return add(&s.Commands, number, line)
	case b == block{language: "console", title: "Back"}:
		return add(&s.Back, number, line)
	case b.language == "console":
		return fmt.Errorf("line %d: a block of a console has no title but Back, not %q", number, b.title)
	case b.title != "":
		s.Files[b.title] += line + "\n"
	case strings.HasPrefix(strings.TrimSpace(line), "$ "):
		return fmt.Errorf("line %d: what is typed stands in a block that begins with ```console", number)
	}
	return nil
}

// add adds a line of a block to commands.
func add(commands *[]Command, number int, line string) error {
	typed, prompt := strings.CutPrefix(line, "$ ")
	if prompt && typed != "echo $?" {
		typed, _, _ = strings.Cut(typed, " # ")
		*commands = append(*commands, Command{Line: number, Typed: strings.TrimSpace(typed)})
		return nil
	}
	if len(*commands) == 0 {
		return fmt.Errorf("line %d: a block of a console begins with a command: $ …", number)
	}
	last := &(*commands)[len(*commands)-1]
	switch before, continued := strings.CutSuffix(last.Typed, "\\"); {
	case prompt:
		last.Status = -1 // the next line has it
	case last.Status == -1:
		status, err := strconv.Atoi(line)
		if err != nil || status < 0 {
			return fmt.Errorf("line %d: below echo $? stands an exit status, not %q", number, line)
		}
		last.Status = status
	case continued && len(last.Shown) == 0:
		line, _, _ = strings.Cut(line, " # ")
		last.Typed = before + strings.TrimSpace(line)
	case line == "^C":
		last.Interrupted = true
	case line != "" || len(last.Shown) > 0:
		if len(last.Shown) == 0 {
			last.shownAt = number
		}
		last.Shown = append(last.Shown, line)
	}
	return nil
}

var (
	// varies is what differs from one time to the next: numbers, shares and times, bars, names that end in a hash, and that of the operator's
	// machine. Versions, and the numbers of releases and steps, are kept.
	varies = regexp.MustCompile(`\S+ leads;|releases? \d+|step \d+ of \d+|\d+\.\d+\.\d+[-\w]*|\bcheckout-[bcdf-hj-np-tv-xz2-9]{6,10}\b|[▰▱]+|` +
		`[<±]?\d[\d,]*(?:\.\d+)?%?(?:ms|[smhd])?(?:\d+[smhd])*`)
	// kept is what of that is compared all the same.
	kept   = regexp.MustCompile(`^(?:release|step|\d+\.\d+\.\d)`)
	spaces = regexp.MustCompile(`[ \t]+`)
)

// plain is a line without what varies.
func plain(line string) string {
	line = varies.ReplaceAllStringFunc(line, func(is string) string {
		if kept.MatchString(is) {
			return is
		}
		return "#"
	})
	return strings.TrimSpace(spaces.ReplaceAllString(line, " "))
}

// Differs says in what an output differs from what a page shows, line by line, with what varies left out of account; empty where it does not.
// A page may show the beginning alone, when it ends in […].
func Differs(shown []string, said string) string {
	if len(shown) == 0 {
		return ""
	}
	lines := slices.DeleteFunc(strings.Split(said, "\n"), blank)
	var wanted []wantedLine
	apart := false
	for _, want := range slices.DeleteFunc(slices.Clone(shown), blank) {
		if strings.TrimSpace(want) == leftOut {
			apart = true
			continue
		}
		wanted, apart = append(wanted, wantedLine{text: want, line: pattern(want), apart: apart}), false
	}
	m := match{wanted: wanted, lines: lines, apart: apart, failed: map[[2]int]bool{}, deepest: -1}
	if m.from(0, 0) {
		return ""
	}
	next := "nothing more"
	if m.at < len(lines) {
		next = fmt.Sprintf("%q", lines[m.at])
	}
	if m.deepest == len(wanted) {
		return "want no more, got " + next
	}
	return fmt.Sprintf("want %q, got %s", wanted[m.deepest].text, next)
}

// wantedLine is a line that a page shows; apart: lines before it may be left out.
type wantedLine struct {
	text string
	line
	apart bool
}

// match looks for the lines of a page among those that were said.
type match struct {
	wanted []wantedLine
	lines  []string
	apart  bool // lines after the last may be left out
	failed map[[2]int]bool
	// deepest is the wanted line at which the best try failed, and at the line that was said there.
	deepest, at int
}

// from says whether what is wanted from i on is said from j on.
func (m *match) from(i, j int) bool {
	if m.failed[[2]int{i, j}] {
		return false
	}
	if i == len(m.wanted) && (j == len(m.lines) || m.apart) {
		return true
	}
	for k := j; i < len(m.wanted) && k < len(m.lines) && (k == j || m.wanted[i].apart); k++ {
		if m.wanted[i].fits(m.lines[k]) && m.from(i+1, k+1) {
			return true
		}
	}
	m.failed[[2]int{i, j}] = true
	if i > m.deepest {
		m.deepest, m.at = i, j
	}
	return false
}

// leftOut stands for lines that a page leaves out.
const leftOut = "[…]"

func blank(line string) bool { return strings.TrimSpace(line) == "" }

// line is a line that a page shows, as a pattern.
type line struct{ *regexp.Regexp }

func pattern(shown string) line {
	parts := strings.Split(shown, "…")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(plain(p))
	}
	return line{regexp.MustCompile(`^` + strings.Join(parts, " ?.* ?") + `$`)}
}

func (l line) fits(said string) bool { return l.MatchString(plain(said)) }
