package kubectl

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// PrepareVerbs are the verbs for the time before a release, in the order of the help.
func PrepareVerbs(env Env, flags *genericclioptions.ConfigFlags) []*cobra.Command {
	return []*cobra.Command{newAdopt(env, flags), newLetGo(env, flags), newPlan(env, flags), newSimulate(env, flags), newLint(env, flags),
		newConfig(env, flags)}
}
