package prepare

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/view"
)

func newLetGo(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newAnnotationVerb(&cobra.Command{
		Use:   "let-go <service>",
		Short: "Stop releasing a Service step by step, after showing what is put back",
		Long: "Stop releasing a Service step by step: take the annotation " + v1alpha1.PolicyAnnotation + " off it. What is put back is shown\n" +
			"first, and asked for. A running release is taken back; nothing is released by it.\n\n" + cli.ExitHelp,
		Example:           "  kubectl stagger let-go checkout",
		Args:              cli.OneService,
		ValidArgsFunction: cli.CompleteServices(flags),
	}, env, flags, previewLetGo)
}

// previewLetGo shows what letting a Service go puts back.
func previewLetGo(ctx context.Context, c cli.Cluster, name string) (preview, error) {
	shift, err := c.Shift(ctx, name)
	if err != nil {
		return preview{}, err
	}
	if shift.Labels[v1alpha1.ServiceLabel] == "" {
		return preview{}, fmt.Errorf("the TrafficShift %s was written by hand; to let its traffic go: kubectl delete trafficshift %s -n %s", shift.Name, shift.Name, c.Namespace)
	}
	service, err := c.Service(ctx, shift.Spec.Service.Name)
	if err != nil {
		return preview{}, err
	}
	return preview{service: service.Name, screen: letGo(shift), done: "let go; everything is put back by the operator",
		patch: patch.UnsetIn(annotationsPath, service.Annotations, v1alpha1.PolicyAnnotation)}, nil
}

// letGo is what putting a Service back means, of the TrafficShift that it has.
func letGo(shift *v1alpha1.TrafficShift) view.Adoption {
	a := view.Adoption{Namespace: shift.Namespace, Name: shift.Spec.Service.Name}
	r := shift.Status.Release
	if r.Running() {
		a.Does = append(a.Does, fmt.Sprintf("release %d, which is %s, is taken back: its traffic goes to the stable, then its pods go", r.Number, r.State))
		a.Does = append(a.Does, "routes and the Service are put back as they were written")
	}
	a.Does = append(a.Does, "the label that holds the Deployment is taken off", "TrafficShift "+shift.Name+" is deleted, and what is known of past releases with it")
	if shift.Status.Refused != "" && cli.TemplateWaits(shift) || r.Running() {
		a.Careful = append(a.Careful, "the Deployment stays paused, because it asks for a version that was never released; unpausing it rolls that out at once (kubectl rollout resume), "+
			"or put the version before it back first: kubectl stagger undo "+shift.Name+" -n "+shift.Namespace)
	} else {
		a.Leaves = append(a.Leaves, "no pod starts or ends; the next change of the pod template is a rollout of Kubernetes's own")
	}
	return a
}
