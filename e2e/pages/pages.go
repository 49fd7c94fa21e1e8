// Package pages reads the pages of the docs as their readers type them. The stories type the commands of a page, and compare what is said with
// what the page shows.
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
package pages

import (
	"fmt"
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
	// Commands are what is typed, in order.
	Commands []Command
	// Files are the texts of the files to be written before, by name.
	Files map[string]string
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
}

// Plugin says whether it is a command of the plugin.
func (c Command) Plugin() bool { return strings.Contains(c.Typed, "kubectl stagger") }

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
	heading = regexp.MustCompile(`^#+ +(.+?) *$`)
)

func parse(text string) ([]Section, error) {
	sections := []Section{{Files: map[string]string{}}}
	var language, title string
	inside := false
	for i, line := range strings.Split(text, "\n") {
		s := &sections[len(sections)-1]
		switch {
		case !inside:
			if m := fence.FindStringSubmatch(line); m != nil {
				inside, language, title = true, m[1], m[2]
			} else if m := heading.FindStringSubmatch(line); m != nil {
				sections = append(sections, Section{Heading: m[1], Files: map[string]string{}})
			}
		case line == "```":
			inside = false
		case title != "":
			s.Files[title] += line + "\n"
		case language == "console":
			if err := s.add(i+1, line); err != nil {
				return nil, err
			}
		}
	}
	if inside {
		return nil, fmt.Errorf("a block that begins with ``` does not end")
	}
	return sections, nil
}

// add adds a line of a block to the commands.
func (s *Section) add(number int, line string) error {
	typed, prompt := strings.CutPrefix(line, "$ ")
	if prompt && typed != "echo $?" {
		typed, _, _ = strings.Cut(typed, " # ")
		s.Commands = append(s.Commands, Command{Line: number, Typed: strings.TrimSpace(typed)})
		return nil
	}
	if len(s.Commands) == 0 {
		return fmt.Errorf("line %d: a block of a console begins with a command: $ …", number)
	}
	last := &s.Commands[len(s.Commands)-1]
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
		last.Shown = append(last.Shown, line)
	}
	return nil
}

var (
	// varies is what differs from one time to the next: numbers, shares and times, bars, and names that end in a hash. Versions, and the
	// numbers of releases and steps, are kept.
	varies = regexp.MustCompile(`releases? \d+|step \d+ of \d+|\d+\.\d+\.\d+[-\w]*|\bcheckout-[bcdf-hj-np-tv-xz2-9]{6,10}\b|[▰▱]+|` +
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
	apart := false
	for _, want := range slices.DeleteFunc(slices.Clone(shown), blank) {
		if strings.TrimSpace(want) == "[…]" {
			apart = true
			continue
		}
		at := slices.IndexFunc(lines, pattern(want).fits)
		if at < 0 || at > 0 && !apart {
			next := "nothing more"
			if len(lines) > 0 {
				next = fmt.Sprintf("%q", lines[0])
			}
			return fmt.Sprintf("want %q, got %s", want, next)
		}
		lines, apart = lines[at+1:], false
	}
	if len(lines) > 0 && !apart {
		return fmt.Sprintf("want no more, got %q", lines[0])
	}
	return ""
}

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
