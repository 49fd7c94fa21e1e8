package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/text"
	"github.com/stagger-dev/stagger/pkg/view"
)

// LayoutOf is how text is laid out on the standard output: as wide as the terminal, in colours unless NO_COLOR is set. Where it is no terminal,
// COLUMNS and CLICOLOR_FORCE ask for the same.
func LayoutOf(env Env, wide bool) view.Layout {
	p := view.Layout{Wide: wide}
	if columns, err := strconv.Atoi(env.Getenv("COLUMNS")); err == nil && columns > 0 {
		p.Width = columns
	}
	if file, ok := env.Streams.Out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.Color = env.Getenv("TERM") != "dumb"
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			p.Width = columns
		}
	}
	if forced := env.Getenv("CLICOLOR_FORCE"); forced != "" && forced != "0" {
		p.Color = true
	}
	if env.Getenv("NO_COLOR") != "" {
		p.Color = false
	}
	return p
}

// Output is the value of -o.
type Output string

// The outputs that are text, and those that many verbs have.
const (
	OutputText Output = ""
	OutputWide Output = "wide"

	outputJSON Output = "json"
	outputYAML Output = "yaml"
)

// AddTo adds --output with its help; what the Output is until then is its default.
func (o *Output) AddTo(set *pflag.FlagSet, help string) {
	set.StringVarP((*string)(o), "output", "o", string(*o), help)
}

// Check refuses what is not in the list.
func (o Output) Check(allowed ...string) error {
	if o == OutputText || slices.Contains(allowed, string(o)) {
		return nil
	}
	return fmt.Errorf("-o %s is not known; use one of %s", string(o), strings.Join(allowed, ", "))
}

// IsObject says whether objects are asked for, as JSON, YAML or by their names.
func (o Output) IsObject() bool { return o != OutputText && o != OutputWide }

// PrintObject writes the object as it is stored.
func (o Output) PrintObject(object runtime.Object, out io.Writer) error {
	var printer printers.ResourcePrinter = &printers.NamePrinter{}
	switch o {
	case outputJSON:
		printer = &printers.OmitManagedFieldsPrinter{Delegate: &printers.JSONPrinter{}}
	case outputYAML:
		printer = &printers.OmitManagedFieldsPrinter{Delegate: &printers.YAMLPrinter{}}
	}
	var data bytes.Buffer
	if err := printer.PrintObj(object, &data); err != nil {
		return fmt.Errorf("encoding the object: %w", err)
	}
	return o.write(out, data.String())
}

// PrintValue writes a value as JSON or YAML where that is asked for, else its text.
func PrintValue(as Output, env Env, value any, said func() string) error {
	var data []byte
	var err error
	switch as {
	case outputJSON:
		data, err = json.MarshalIndent(value, "", "  ")
		data = append(data, '\n')
	case outputYAML:
		data, err = yaml.Marshal(value)
	default:
		return Write(env.Streams.Out, said())
	}
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	return as.write(env.Streams.Out, string(data))
}

// PrintScreen writes a value as JSON or YAML where that is asked for, else its screen.
func PrintScreen(as Output, env Env, value any, screen func(view.Layout) string) error {
	if as.IsObject() {
		return PrintValue(as, env, value, nil)
	}
	return Paint(env.Streams.Out, screen(LayoutOf(env, false)))
}

// write writes what is encoded. What a terminal would obey can only be in texts, where JSON has another form for it.
func (o Output) write(out io.Writer, encoded string) error {
	if o != outputJSON {
		return Write(out, encoded)
	}
	var b strings.Builder
	for _, r := range encoded {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return Write(out, b.String())
}

// Write writes a text, such as an answer to the standard output. Nothing in it does more to a terminal than be read, whoever wrote parts of it.
func Write(out io.Writer, s string) error { return Paint(out, text.Shown(s)) }

// Paint writes a screen of pkg/view, with the colours that are laid out there around texts that are clean.
func Paint(out io.Writer, screen string) error {
	if _, err := io.WriteString(out, screen); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}
