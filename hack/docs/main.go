// Docs writes the pages of the reference that are made from code and manifests, below a root that has manifests/chart/values.schema.json:
//
//	metrics.md          pkg/metrics
//	cli/*.md            the verbs of kubectl stagger
//	configuration.md    operator/options, by the schema of the chart's values, and its defaults
//	values.md           manifests/chart/values.yaml
//	alerts.md           manifests/monitoring/alerts.yaml
//
// It is run in the folder of the repository, by make generate. What is written by hand is tested beside it: that each reason is explained,
// that the navigation has each page, and that what is named is there.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docs ROOT")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	to := filepath.Join(root, "manifests/docs/reference")
	settings, err := configuration(filepath.Join(root, "manifests/chart/values.schema.json"))
	if err != nil {
		return err
	}
	values, err := chartValues("manifests/chart/values.yaml")
	if err != nil {
		return err
	}
	alerts, err := alerts("manifests/monitoring/alerts.yaml")
	if err != nil {
		return err
	}
	write := func(name, text string) error {
		return os.WriteFile(filepath.Join(to, name), []byte(text), 0o644)
	}
	return errors.Join(
		commands(filepath.Join(to, "cli")),
		write("metrics.md", metrics.Reference()),
		write("configuration.md", settings),
		write("values.md", values),
		write("alerts.md", alerts))
}

// cell makes a text one cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.Join(strings.Fields(text), " "))
}

// row is one line of a table.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// code is a text in code font; nothing stays nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
