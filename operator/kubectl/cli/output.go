package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

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

// The outputs that are text.
const (
	OutputText Output = ""
	OutputWide Output = "wide"
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
	var printer printers.ResourcePrinter
	switch o {
	case "json":
		printer = &printers.JSONPrinter{}
	case "yaml":
		printer = &printers.YAMLPrinter{}
	default:
		return (&printers.NamePrinter{}).PrintObj(object, out)
	}
	return (&printers.OmitManagedFieldsPrinter{Delegate: printer}).PrintObj(object, out)
}

// PrintValue writes a value as JSON or YAML where that is asked for, else its text.
func PrintValue(as Output, env Env, value any, text func() string) error {
	var data []byte
	var err error
	switch as {
	case "json":
		data, err = json.MarshalIndent(value, "", "  ")
		data = append(data, '\n')
	case "yaml":
		data, err = yaml.Marshal(value)
	default:
		return Write(env.Streams.Out, text())
	}
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	return Write(env.Streams.Out, string(data))
}

// Write writes a text, such as an answer to the standard output.
func Write(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}
