// Package look holds the verbs that show releases and write nothing: one file for each.
//
//	verb      shows
//	status    one Service, or all of a namespace, as of now
//	watch     the same until it changes no more
//	why       the reasons of a verdict or of a wait
//	history   the releases of a Service
//	report    one release as a record to hand on
package look

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// Verbs are those of this package, in the order of the help.
func Verbs(env cli.Env, flags *genericclioptions.ConfigFlags) []*cobra.Command {
	return []*cobra.Command{newStatus(env, flags), newWatch(env, flags), newWhy(env, flags), newHistory(env, flags), newReport(env, flags)}
}
