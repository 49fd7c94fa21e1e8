// Package prepare holds the verbs for the time before a release: one file for each.
//
//	verb        reads                                            writes
//	adopt       Service, Deployment, routes                      the annotation stagger.dev/policy of the Service
//	let-go      Service, TrafficShift                            takes it off again
//	plan        TrafficShift, policy, Prometheus                 nothing
//	simulate    TrafficShift, policy, Prometheus                 nothing
//	lint        files; the cluster's own checks by dry runs      nothing
//	config set  one ConfigMap or Secret, Deployments, Services   its next version, and the names of it in Deployments
package prepare

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// Verbs are those of this package, in the order of the help.
func Verbs(env cli.Env, flags *genericclioptions.ConfigFlags) []*cobra.Command {
	return []*cobra.Command{newAdopt(env, flags), newLetGo(env, flags), newPlan(env, flags), newSimulate(env, flags), newLint(env, flags),
		newConfig(env, flags)}
}
