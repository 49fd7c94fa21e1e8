package steer

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// newPromote leaves the present weight for the next step, or all of them, before the evidence says so.
func newPromote(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	full := false
	c := &cobra.Command{
		Use:   "promote <service>",
		Short: "Leave the present weight for the next step, or hand over",
		Long: "Leave the present weight for the next step, without waiting for its hold. Where the evidence does not clear the next step,\n" +
			"--reason has to say why it is to be left all the same. The command is for the weight that was seen: when the release has moved\n" +
			"by itself, or somebody else promoted it, nothing more happens. The last step is left by evidence only. Before the first weight it is\n" +
			"for a release that waits for pods of the stable, which it may be the cure of.\n\n" +
			"With --full all steps are left: the version gets all of the traffic as soon as its pods are there, and is handed over without\n" +
			"waiting for evidence. Suspicious counts, failing pods and contested routes still stand in its way, and an abort still ends it.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger promote checkout --reason 'checked by hand, the fix cannot wait'\n" +
			"  kubectl stagger promote checkout --full --reason 'the old version is down' --wait --timeout 10m",
	}
	c.Flags().BoolVar(&full, "full", false, "leave all steps and hand over; needs --reason")
	return newVerb(env, flags, c, func() verb {
		if full {
			return promoteFullVerb()
		}
		return promoteVerb()
	})
}

func promoteVerb() verb {
	return verb{name: "promote", perWeight: true, check: checkPromote, describe: func(r *v1alpha1.Release) string {
		return fmt.Sprintf("release %d told to leave %s", r.Number, r.Weight)
	}}
}

func promoteFullVerb() verb {
	return verb{name: "promote-full", needsReason: true, check: checkPromoteFull, describe: func(r *v1alpha1.Release) string {
		return fmt.Sprintf("release %d told to leave %s and all steps after it", r.Number, r.Weight)
	}}
}

// checkPromote refuses to leave a step where there is none to leave.
func checkPromote(c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	climbs := r.Outcome == nil && r.State != v1alpha1.StateHandover && !r.State.Ended()
	switch _, more := r.NextStop(); {
	case climbs && r.Step > 0 && !more:
		return fmt.Errorf("release %d of %s is at its last step, which only evidence ends, or --full with a reason; see: %s",
			r.Number, shift.Name, c.CommandLine("status", shift.Name))
	case climbs && r.Step == 0 && !awaitsStable(shift):
		return fmt.Errorf("release %d of %s has no traffic yet, so there is no step to leave; see: %s",
			r.Number, shift.Name, c.CommandLine("status", shift.Name))
	}
	return checkPromoteFull(c, shift)
}

// checkPromoteFull refuses to promote what has no steps, or none any more.
func checkPromoteFull(c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case r.State.Ended():
		return fmt.Errorf("no release of %s is running, so there is no step to leave: release %d ended %s; see: %s",
			shift.Name, r.Number, r.State, c.CommandLine("status", shift.Name))
	case r.Outcome != nil || r.State == v1alpha1.StateHandover:
		return fmt.Errorf("release %d of %s is past its steps (it is %s), so there is none to leave; see: %s",
			r.Number, shift.Name, r.State, c.CommandLine("status", shift.Name))
	case shift.Spec.Control == v1alpha1.ControlPaused:
		return fmt.Errorf("%s is paused, and no weight is raised until then: %s", shift.Name, c.CommandLine("resume", shift.Name))
	}
	return nil
}

// awaitsStable says whether pods of the stable are missing, so that a release before its first weight may need a word to go on.
func awaitsStable(shift *v1alpha1.TrafficShift) bool {
	c := meta.FindStatusCondition(shift.Status.Conditions, v1alpha1.ConditionWorkloadReady)
	return c != nil && c.Reason == string(v1alpha1.ReasonStableNotReady)
}
