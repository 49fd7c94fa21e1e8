package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
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

// CompleteServices offers the names of managed Services; none when the cluster does not answer.
func CompleteServices(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		cluster, err := Connect(flags)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := cluster.names(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
