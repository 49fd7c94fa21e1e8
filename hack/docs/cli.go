package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// commands writes one page for each verb of the plugin.
func commands(folder string) error {
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return fmt.Errorf("making the folder of the verbs: %w", err)
	}
	root := kubectl.NewRoot(cli.Env{})
	root.DisableAutoGenTag = true
	return command(folder, root)
}

// command writes the pages of a verb and of those below it. Cobra's headings begin at the second level, where a page's title belongs on the
// first.
func command(folder string, c *cobra.Command) error {
	var page bytes.Buffer
	if err := doc.GenMarkdown(c, &page); err != nil {
		return fmt.Errorf("describing %s: %w", c.CommandPath(), err)
	}
	title, rest, _ := strings.Cut(page.String(), "\n")
	text := title[1:] + "\n\n<!-- Generated from operator/kubectl by make generate. Do not edit. -->\n" + strings.ReplaceAll(rest, "\n### ", "\n## ")
	name := strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
		return err
	}
	for _, below := range c.Commands() {
		if !below.IsAvailableCommand() || below.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := command(folder, below); err != nil {
			return err
		}
	}
	return nil
}
