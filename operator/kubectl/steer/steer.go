// Package steer holds the verbs that command the operator: one file for each.
//
//	verb                                      writes
//	pause, resume                             spec.control of the TrafficShift
//	promote, approve, abort, undo, retry,     the annotation stagger.dev/command, for the release that was seen
//	replan
//
// The dashboard does the same by Do, and asks Refused which of them make sense.
package steer

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// Verbs are those of this package, in the order of the help.
func Verbs(env cli.Env, flags *genericclioptions.ConfigFlags) []*cobra.Command {
	return []*cobra.Command{newPause(env, flags), newResume(env, flags), newPromote(env, flags), newApprove(env, flags), newAbort(env, flags), newUndo(env, flags),
		newRetry(env, flags), newReplan(env, flags)}
}
