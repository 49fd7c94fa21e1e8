package kubectl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/view"
)

// adoption annotates a Service, or takes the annotation off it, after it was shown what that touches.
type adoption struct {
	service string
	// policy is the ShiftPolicy to be released by; "" lets the Service go.
	policy string
	yes    bool
	dryRun bool
}

func newAdopt(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	a := adoption{}
	c := &cobra.Command{
		Use:   "adopt <service>",
		Short: "Release a Service step by step from now on, after showing what that touches",
		Long: "Release a Service step by step from now on: write the annotation " + v1alpha1.PolicyAnnotation + " on it. What that touches is shown\n" +
			"first, and asked for. Nothing is released and no pod is touched by it; the next change of the pod template is.\n\n" + exitHelp,
		Example: "  kubectl stagger adopt checkout\n  kubectl stagger adopt checkout --policy cautious --yes",
		Args:    one,
	}
	c.Flags().StringVar(&a.policy, "policy", "standard", "the ShiftPolicy by which releases go")
	return a.verb(c, w, flags)
}

func newLetGo(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	a := adoption{}
	return a.verb(&cobra.Command{
		Use:   "let-go <service>",
		Short: "Stop releasing a Service step by step, after showing what is put back",
		Long: "Stop releasing a Service step by step: take the annotation " + v1alpha1.PolicyAnnotation + " off it. What is put back is shown\n" +
			"first, and asked for. A running release is taken back; nothing is released by it.\n\n" + exitHelp,
		Example:           "  kubectl stagger let-go checkout",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
	}, w, flags)
}

func (a *adoption) verb(c *cobra.Command, w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	c.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&a.dryRun, "dry-run", false, "show what would be touched, and write nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		a.service = serviceName(args[0])
		cluster, err := connect(flags)
		if err != nil {
			return err
		}
		return a.run(c.Context(), cluster, w)
	}
	return c
}

func (a *adoption) run(ctx context.Context, c cluster, w World) error {
	look := c.lookBefore
	if a.policy == "" {
		look = c.lookBack
	}
	found, err := look(ctx, a.service, a.policy)
	if err != nil {
		return err
	}
	// What is asked about is talk; what was done is the answer.
	if err := write(w.Streams.ErrOut, found.screen.Text(paper(w, false))); err != nil {
		return err
	}
	if a.dryRun {
		return nil
	}
	if err := a.confirmed(w); err != nil {
		return err
	}
	if err := a.annotate(ctx, c, found); err != nil {
		return err
	}
	if a.policy == "" {
		return write(w.Streams.Out, fmt.Sprintf("%s: let go; everything is put back by the operator\n", a.service))
	}
	if err := write(w.Streams.Out, fmt.Sprintf("%s: released by policy %s from now on\n", a.service, a.policy)); err != nil {
		return err
	}
	say(w.Streams.ErrOut, "look with: %s", c.line("status", a.service))
	return nil
}

// confirmed asks on a terminal; where there is none, --yes has to say it.
func (a *adoption) confirmed(w World) error {
	if a.yes {
		return nil
	}
	file, is := w.Streams.In.(*os.File)
	if !is || !term.IsTerminal(int(file.Fd())) {
		return errors.New("nobody can be asked here; say --yes to write it, or --dry-run to look only")
	}
	if _, err := fmt.Fprint(w.Streams.ErrOut, "Write it? [y/N] "); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	answer, err := bufio.NewReader(w.Streams.In).ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}
	return nil
}

// annotate writes the annotation if the Service's is still what was seen.
func (a *adoption) annotate(ctx context.Context, c cluster, found adopted) error {
	path, annotations := patch.Pointer("metadata", "annotations"), found.service.Annotations
	p := patch.UnsetIn(path, annotations, v1alpha1.PolicyAnnotation)
	if a.policy != "" {
		p = patch.SetIn(path, annotations, v1alpha1.PolicyAnnotation, a.policy)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding the patch: %w", err)
	}
	_, err = c.client.Resource(servicesResource).Namespace(c.namespace).Patch(ctx, a.service, types.JSONPatchType, body, metav1.PatchOptions{FieldManager: fieldManager})
	if raced(err) {
		return fmt.Errorf("the Service %s was changed meanwhile, so nothing was written; look and say it again", a.service)
	}
	if err != nil {
		return fmt.Errorf("annotating Service %s: %w", a.service, err)
	}
	return nil
}

// letGo is what putting a Service back means, of the TrafficShift that it has.
func letGo(shift *v1alpha1.TrafficShift) view.Adoption {
	a := view.Adoption{Namespace: shift.Namespace, Name: shift.Spec.Service.Name}
	r := shift.Status.Release
	if r != nil && !r.State.Ended() {
		a.Does = append(a.Does, fmt.Sprintf("release %d, which is %s, is taken back: its traffic goes to the stable, then its pods go", r.Number, r.State))
		a.Does = append(a.Does, "routes and the Service are put back as they were written")
	}
	a.Does = append(a.Does, "the label that holds the Deployment is taken off", "TrafficShift "+shift.Name+" is deleted, and what is known of past releases with it")
	if shift.Status.Refused != "" && waits(shift) || r != nil && !r.State.Ended() {
		a.Careful = append(a.Careful, "the Deployment stays paused, because it asks for a version that was never released; unpausing it rolls that out at once (kubectl rollout resume), "+
			"or put the version before it back first: kubectl stagger undo "+shift.Name+" -n "+shift.Namespace)
	} else {
		a.Leaves = append(a.Leaves, "no pod starts or ends; the next change of the pod template is a rollout of Kubernetes's own")
	}
	return a
}
