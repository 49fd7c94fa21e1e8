package kubectl

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// SteerVerbs are the verbs that steer a release, in the order of the help.
func SteerVerbs(env Env, flags *genericclioptions.ConfigFlags) []*cobra.Command {
	return []*cobra.Command{newPause(env, flags), newResume(env, flags), newPromote(env, flags), newAbort(env, flags), newUndo(env, flags),
		newRetry(env, flags), newReplan(env, flags)}
}
