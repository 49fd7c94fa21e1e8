package kubectl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// annotationsPath is where the annotation is that puts a Service under management.
var annotationsPath = patch.Pointer("metadata", "annotations")

// adoption changes the annotation of a Service, after it was shown what that touches.
type adoption struct {
	yes bool
	writing
}

// adopted is a Service before its annotation is changed.
type adopted struct {
	service string
	// screen is what is touched, patch what is written, done what is said of the Service then.
	screen view.Adoption
	patch  patch.Patch
	done   string
	// next is what to type then, "" for nothing.
	next string
}

func newAdopt(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	policy := ""
	c := &cobra.Command{
		Use:   "adopt <service>",
		Short: "Release a Service step by step from now on, after showing what that touches",
		Long: "Release a Service step by step from now on: write the annotation " + v1alpha1.PolicyAnnotation + " on it. What that touches is shown\n" +
			"first, and asked for. Nothing is released and no pod is touched by it; the next change of the pod template is.\n\n" + exitHelp,
		Example: "  kubectl stagger adopt checkout\n  kubectl stagger adopt checkout --policy cautious --yes",
		Args:    one,
	}
	c.Flags().StringVar(&policy, "policy", "standard", "the ShiftPolicy by which releases go")
	return adoptionVerb(c, w, flags, func(ctx context.Context, c cluster, service string) (adopted, error) {
		return c.lookBefore(ctx, service, policy)
	})
}

// adoptionVerb makes a verb that looks first, asks, and writes what the look has found.
func adoptionVerb(c *cobra.Command, w World, flags *genericclioptions.ConfigFlags, look func(context.Context, cluster, string) (adopted, error)) *cobra.Command {
	a := adoption{}
	c.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	a.writing.flags(c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.writing.check(); err != nil {
			return err
		}
		cluster, err := connect(flags)
		if err != nil {
			return err
		}
		found, err := look(cmd.Context(), cluster, serviceName(args[0]))
		if err != nil {
			return err
		}
		return a.run(cmd.Context(), cluster, w, found)
	}
	return c
}

func (a *adoption) run(ctx context.Context, c cluster, w World, found adopted) error {
	// What is asked about is talk; what was done is the answer.
	if err := write(w.Streams.ErrOut, found.screen.Text(paper(w, false))); err != nil {
		return err
	}
	if !a.dryRun {
		if err := a.confirmed(w); err != nil {
			return err
		}
	}
	service, err := c.patch(ctx, servicesResource, found.service, found.patch, a.dryRun)
	switch {
	case raced(err):
		return fmt.Errorf("the Service %s was changed meanwhile, so nothing was written; look and say it again", found.service)
	case err != nil:
		return fmt.Errorf("annotating Service %s: %w", found.service, err)
	}
	d := done{written: written{object: service}, text: a.said(found.service + ": " + found.done)}
	if err := d.tell(a.output, w); err != nil {
		return err
	}
	if found.next != "" && !a.dryRun {
		say(w.Streams.ErrOut, "look with: %s", found.next)
	}
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

// lookBefore shows what managing a Service by a policy touches.
func (c cluster) lookBefore(ctx context.Context, name, policy string) (adopted, error) {
	service, err := c.service(ctx, name)
	if err != nil {
		return adopted{}, err
	}
	switch has := service.Annotations[v1alpha1.PolicyAnnotation]; has {
	case "":
	case policy:
		return adopted{}, fmt.Errorf("the Service %s is released by policy %s already; look with: %s", name, policy, c.line("status", name))
	default:
		return adopted{}, fmt.Errorf("the Service %s is released by policy %s already; to change it: kubectl annotate service %s -n %s --overwrite %s=%s",
			name, has, name, c.namespace, v1alpha1.PolicyAnnotation, policy)
	}
	if _, err := c.policy(ctx, policy); err != nil {
		return adopted{}, err
	}
	a := view.Adoption{Namespace: c.namespace, Name: name, Policy: policy, Does: []string{"Service " + name + " is annotated, and gets a TrafficShift of its name"}}
	if err := c.workloadOf(ctx, service, &a); err != nil {
		return adopted{}, err
	}
	if err := c.routesOf(ctx, service, &a); err != nil {
		return adopted{}, err
	}
	return adopted{service: name, screen: a, done: "released by policy " + policy + " from now on",
		next:  c.line("status", name),
		patch: patch.SetIn(annotationsPath, service.Annotations, v1alpha1.PolicyAnnotation, policy)}, nil
}

// workloadOf looks at the Deployment behind the Service and at what else is in front of its pods.
func (c cluster) workloadOf(ctx context.Context, service *corev1.Service, a *view.Adoption) error {
	namespace, err := c.client.Resource(namespacesResource).Get(ctx, c.namespace, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		namespace, err = &unstructured.Unstructured{}, nil // its labels are only looked at for a waypoint
	}
	if err != nil {
		return fmt.Errorf("getting namespace %s: %w", c.namespace, err)
	}
	deployments, err := listed[appsv1.Deployment](ctx, c, deploymentsResource, "")
	if err != nil {
		return err
	}
	sets, err := listed[appsv1.ReplicaSet](ctx, c, replicaSetsResource, "")
	if err != nil {
		return err
	}
	w, problem := workload.Find(service, namespace.GetLabels(), deployments, sets)
	if problem != nil {
		a.Obstacle = problem.Message
	}
	if w.Deployment == nil {
		return nil
	}
	a.Does = append(a.Does, fmt.Sprintf("Deployment %s gets the label %s, by which a change of its pod template rolls out by nobody but Stagger", w.Deployment.Name, v1alpha1.HeldLabel))
	if w.Stable != nil {
		a.Leaves = append(a.Leaves, fmt.Sprintf("its %d pods, of ReplicaSet %s, serve on as the stable", w.Replicas, w.Stable.Name))
	}
	a.Later = append(a.Later, "a ReplicaSet with the new template beside the stable one, and the selector of Service "+service.Name+" narrowed to the stable until the end")
	services, err := c.services(ctx)
	if err != nil {
		return err
	}
	if siblings := workload.Siblings(service, &w.Deployment.Spec.Template, services); len(siblings) > 0 {
		a.Careful = append(a.Careful, view.Named("Service", siblings)+" selects these pods too, and would see canary pods in proportion to their number")
	}
	return nil
}

// routesOf looks at the routes to the Service.
func (c cluster) routesOf(ctx context.Context, service *corev1.Service, a *view.Adoption) error {
	t := routing.Target{Namespace: c.namespace, Service: service.Name}
	all, err := c.ofMesh(ctx, virtualServicesResource)
	if err != nil {
		return err
	}
	var names []string
	for _, vs := range all {
		if !routing.Allows(vs, c.namespace) || len(routing.Routes(vs, t)) == 0 {
			continue
		}
		names = append(names, vs.GetNamespace()+"/"+vs.GetName())
		if problem := routing.Unsupported(vs, t); problem != "" && a.Obstacle == "" {
			a.Obstacle = "VirtualService " + vs.GetName() + ": " + problem
		}
	}
	slices.Sort(names)
	canary := routing.CanaryName(service.Name)
	a.Later = append(a.Later, "Service "+canary+" for the canary")
	if len(names) > 0 {
		a.Later = append(a.Later, "weights between both Services in "+view.Named("VirtualService", names))
	}
	switch covered := routing.Covers(all, t); {
	case covered && len(names) == 0 && a.Obstacle == "":
		a.Obstacle = fmt.Sprintf("a VirtualService covers the host %s, but none that namespace %s may write has a route to it: annotate one of another namespace with %s: %s",
			t.Host(), c.namespace, v1alpha1.AllowAnnotation, c.namespace)
	case !covered:
		if problem := routing.Unmakeable(service.Spec.Ports, t); problem != "" && a.Obstacle == "" {
			a.Obstacle = problem
		}
		a.Later = append(a.Later, "VirtualService "+canary+" for callers inside the mesh, because none is there for them")
	}
	a.Leaves = append(a.Leaves, "when a release ends, routes and Service are as they were written")
	return c.ruleOf(ctx, t, a)
}

// ruleOf looks at the DestinationRule of the Service.
func (c cluster) ruleOf(ctx context.Context, t routing.Target, a *view.Adoption) error {
	rules, err := c.ofMesh(ctx, rulesResource)
	if err != nil {
		return err
	}
	if rule, found := routing.RuleFor(rules, t); found {
		a.Later = append(a.Later, "a copy of DestinationRule "+rule.GetName()+" for the canary")
	}
	return nil
}
