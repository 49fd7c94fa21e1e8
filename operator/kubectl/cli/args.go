package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// ServiceName takes the name as people give it: "checkout", "service/checkout", "svc/checkout".
func ServiceName(arg string) string {
	return arg[strings.LastIndexByte(arg, '/')+1:]
}

// OneService takes exactly one Service, and says so in a sentence.
func OneService(c *cobra.Command, args []string) error {
	if len(args) != 1 || ServiceName(args[0]) == "" {
		return fmt.Errorf("%s needs the name of one Service: %s checkout", c.Name(), c.CommandPath())
	}
	return nil
}
