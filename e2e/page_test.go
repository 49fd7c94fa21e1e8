package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is a line that a page of the docs lets its reader type, and what it says that is then to be read.
type command struct {
	line  string
	wants []string
}

// pageStep is a step of a page, for one kind of reader: the files to write, what to type, what to type to go back, and the numbers in its table.
type pageStep struct {
	title    string
	files    map[string]string
	do, back []command
	table    map[string][]string // by the word in front of a row
}

var fence = regexp.MustCompile("^```([a-z]*)(?: title=\"(.*)\")?$")

// readPage reads the steps of a page: its sections whose titles begin with "Step". Of their parts under headings of the third level those
// count that are named, and those that are for everybody. In a block of the language console, a line that begins with $ is typed, and what
// follows it is to be read; … stands for anything.
func readPage(t *testing.T, file string, everybody, ways []string) []pageStep {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var steps []pageStep
	mine, language, title, block := false, "", "", ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch at := fence.FindStringSubmatch(line); {
		case language != "" && line == "```":
			if mine {
				steps[len(steps)-1].add(t, language, title, block)
			}
			language, title, block = "", "", ""
		case language != "":
			block += line + "\n"
		case at != nil:
			language, title = at[1], at[2]
		case strings.HasPrefix(line, "## "):
			if mine = strings.HasPrefix(line, "## Step "); mine {
				steps = append(steps, pageStep{title: strings.TrimPrefix(line, "## "), files: map[string]string{}, table: map[string][]string{}})
			}
		case strings.HasPrefix(line, "### ") && len(steps) > 0:
			name := strings.TrimPrefix(line, "### ")
			mine = slices.Contains(ways, name) || slices.Contains(everybody, name)
		case len(steps) > 0 && strings.HasPrefix(line, "| "):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			steps[len(steps)-1].table[cells[0]] = cells[1:]
		}
	}
	return steps
}

// add takes a block of a page.
func (p *pageStep) add(t *testing.T, language, title, block string) {
	t.Helper()
	switch {
	case language == "console" && title == "Back":
		p.back = append(p.back, commands(t, block)...)
	case language == "console":
		p.do = append(p.do, commands(t, block)...)
	case title != "":
		p.files[title] = block
	default:
		t.Fatalf("%s: nobody runs a block of the language %q", p.title, language)
	}
}

func commands(t *testing.T, block string) []command {
	t.Helper()
	var all []command
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		typed, is := strings.CutPrefix(line, "$ ")
		switch {
		case is:
			all = append(all, command{line: typed})
		case len(all) == 0:
			t.Fatalf("%q follows nothing that was typed", line)
		case line != "":
			all[len(all)-1].wants = append(all[len(all)-1].wants, line)
		}
	}
	return all
}

// pathReader types what a page says, in a folder of his own and in the namespace of his context.
type pathReader struct {
	t           *testing.T
	dir, config string
}

func newPathReader(t *testing.T, namespace string) pathReader {
	t.Helper()
	r := pathReader{t: t, dir: t.TempDir(), config: filepath.Join(t.TempDir(), "kubeconfig")}
	if err := os.WriteFile(r.config, []byte(kubectl(t, "config", "view", "--raw")), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "--kubeconfig", r.config, "config", "set-context", "--current", "--namespace="+namespace)
	return r
}

func (r pathReader) write(files map[string]string) {
	r.t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// pathLooks are the beginnings of lines that change nothing: they may be typed again until what is to be read is there.
var pathLooks = regexp.MustCompile(`^kubectl (get|stagger (status|adopt .*--dry-run))\b`)

// do types lines and reads what they say.
func (r pathReader) do(typed []command) {
	r.t.Helper()
	for _, c := range typed {
		if pathLooks.MatchString(c.line) {
			waitFor(r.t, "$ "+c.line, func() (bool, string) {
				out, err := r.run(c.line)
				return err == nil && reads(out, c.wants), fmt.Sprintf("%v: %s", err, out)
			})
		} else if out, err := r.run(c.line); err != nil || !reads(out, c.wants) {
			r.t.Fatalf("$ %s\n%s\n%v; the page says:\n%s", c.line, out, err, strings.Join(c.wants, "\n"))
		}
	}
}

func (r pathReader) run(line string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), promotion)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", line)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "KUBECONFIG="+r.config)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// reads says whether lines stand in a text in their order, between others, however they are spaced; … stands for anything.
func reads(text string, lines []string) bool {
	text = strings.Join(strings.Fields(text), " ")
	for _, line := range lines {
		for piece := range strings.SplitSeq(strings.Join(strings.Fields(line), " "), "…") {
			piece = strings.TrimSpace(piece)
			at := strings.Index(text, piece)
			if at < 0 {
				return false
			}
			text = text[at+len(piece):]
		}
	}
	return true
}

func TestWhatIsReadIsLookedForInOrder(t *testing.T) {
	for text, want := range map[string]bool{
		"NAME   STATUS\ncheckout   Succeeded  0  2026": true,
		"checkout Succeeded 0 2026 NAME STATUS":        false,
		"NAME STATUS checkout Failed 1 2026":           false,
		"":                                             false,
	} {
		if got := reads(text, []string{"NAME STATUS", "checkout … 0 …", "2026"}); got != want {
			t.Errorf("reads(%q) = %t", text, got)
		}
	}
	if !reads("a b c", []string{"a … c"}) || !reads("", nil) {
		t.Error("what is there is not read")
	}
}
