package kubectl

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// LookVerbs are the verbs that only look, in the order of the help.
func LookVerbs(env Env, flags *genericclioptions.ConfigFlags) []*cobra.Command {
	return []*cobra.Command{newStatus(env, flags), newWatch(env, flags), newWhy(env, flags), newHistory(env, flags), newReport(env, flags)}
}
