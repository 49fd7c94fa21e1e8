package prepare

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

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// annotationsPath is where the annotation is that puts a Service under management.
var annotationsPath = patch.Pointer("metadata", "annotations")

// annotationChange writes the annotation of a Service or takes it off, after showing what that touches and asking.
type annotationChange struct {
	yes bool
	cli.WriteFlags
}

// preview is what changing the annotation of a Service would do.
type preview struct {
	service string
	// screen shows what is touched, patch is what is written, done the answer that follows the Service's name.
	screen view.Adoption
	patch  patch.Patch
	done   string
	// next is what to type then, "" for nothing.
	next string
}

func newAdopt(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	policy := ""
	c := &cobra.Command{
		Use:   "adopt <service>",
		Short: "Release a Service step by step from now on, after showing what that touches",
		Long: "Release a Service step by step from now on: write the annotation " + v1alpha1.PolicyAnnotation + " on it. What that touches is shown\n" +
			"first, and asked for. Nothing is released and no pod is touched by it; the next change of the pod template is.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger adopt checkout\n  kubectl stagger adopt checkout --policy cautious --yes",
		Args:    cli.OneService,

		ValidArgsFunction: cli.CompleteUnmanagedServices(flags),
	}
	c.Flags().StringVar(&policy, "policy", "standard", "the ShiftPolicy by which releases go")
	return newAnnotationVerb(c, env, flags, func(ctx context.Context, c cli.Cluster, service string) (preview, error) {
		return previewAdoption(ctx, c, service, policy)
	})
}

// newAnnotationVerb adds to a command its flags and what it does: make a preview, ask, and write.
func newAnnotationVerb(c *cobra.Command, env cli.Env, flags *genericclioptions.ConfigFlags, makePreview func(context.Context, cli.Cluster, string) (preview, error)) *cobra.Command {
	a := annotationChange{}
	c.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	a.WriteFlags.AddTo(c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.WriteFlags.Check(); err != nil {
			return err
		}
		cluster, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		found, err := makePreview(cmd.Context(), cluster, cli.ServiceName(args[0]))
		if err != nil {
			return err
		}
		return a.run(cmd.Context(), cluster, env, found)
	}
	return c
}

func (a *annotationChange) run(ctx context.Context, c cli.Cluster, env cli.Env, found preview) error {
	// The preview goes to the standard error: the answer of the verb is what was done.
	if err := cli.Paint(env.Streams.ErrOut, found.screen.Text(cli.LayoutOf(env, false))); err != nil {
		return err
	}
	if !a.DryRun {
		if err := a.confirmed(env); err != nil {
			return err
		}
	}
	service, err := c.Patch(ctx, cli.ServicesResource, found.service, found.patch, a.DryRun)
	switch {
	case cli.IsConflict(err):
		return fmt.Errorf("the Service %s was changed meanwhile, so nothing was written; look and say it again", found.service)
	case err != nil:
		return fmt.Errorf("annotating Service %s: %w", found.service, err)
	}
	d := cli.Result{Written: cli.Written{Object: service}, Text: a.Describe(found.service + ": " + found.done)}
	if err := d.Print(a.Output, env); err != nil {
		return err
	}
	if found.next != "" && !a.DryRun {
		cli.Say(env.Streams.ErrOut, "look with: %s", found.next)
	}
	return nil
}

// confirmed asks on a terminal; where there is none, --yes has to say it.
func (a *annotationChange) confirmed(env cli.Env) error {
	if a.yes {
		return nil
	}
	file, is := env.Streams.In.(*os.File)
	if !is || !term.IsTerminal(int(file.Fd())) {
		return errors.New("nobody can be asked here; say --yes to write it, or --dry-run to look only")
	}
	if _, err := fmt.Fprint(env.Streams.ErrOut, "Write it? [y/N] "); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	answer, err := bufio.NewReader(env.Streams.In).ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}
	return nil
}

// previewAdoption shows what managing a Service by a policy touches.
func previewAdoption(ctx context.Context, c cli.Cluster, name, policy string) (preview, error) {
	service, err := c.Service(ctx, name)
	if err != nil {
		return preview{}, err
	}
	switch has := service.Annotations[v1alpha1.PolicyAnnotation]; has {
	case "":
	case policy:
		return preview{}, fmt.Errorf("the Service %s is released by policy %s already; look with: %s", name, policy, c.CommandLine("status", name))
	default:
		return preview{}, fmt.Errorf("the Service %s is released by policy %s already; to change it: kubectl annotate service %s -n %s --overwrite %s=%s",
			name, has, name, c.Namespace, v1alpha1.PolicyAnnotation, policy)
	}
	a := view.Adoption{Namespace: c.Namespace, Name: name, Policy: policy, Does: []string{"Service " + name + " is annotated, and gets a TrafficShift of its name"}}
	switch _, err := readPolicy(ctx, c, policy); {
	case apierrors.IsForbidden(err):
		a.Careful = append(a.Careful, "whether there is a ShiftPolicy "+policy+" cannot be seen with your rights; nothing is released while there is none")
	case err != nil:
		return preview{}, err
	}
	if err := previewWorkload(ctx, c, service, &a); err != nil {
		return preview{}, err
	}
	if err := previewRoutes(ctx, c, service, &a); err != nil {
		return preview{}, err
	}
	return preview{service: name, screen: a, done: "released by policy " + policy + " from now on",
		next:  c.CommandLine("status", name),
		patch: patch.SetIn(annotationsPath, service.Annotations, v1alpha1.PolicyAnnotation, policy)}, nil
}

// previewWorkload looks at the Deployment behind the Service and at what else is in front of its pods.
func previewWorkload(ctx context.Context, c cli.Cluster, service *corev1.Service, a *view.Adoption) error {
	namespace, err := c.Client.Resource(cli.NamespacesResource).Get(ctx, c.Namespace, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		namespace, err = &unstructured.Unstructured{}, nil // its labels are only looked at for a waypoint
	}
	if err != nil {
		return fmt.Errorf("getting namespace %s: %w", c.Namespace, err)
	}
	deployments, err := cli.List[appsv1.Deployment](ctx, c, cli.DeploymentsResource, c.Namespace, "")
	if err != nil {
		return err
	}
	sets, err := cli.List[appsv1.ReplicaSet](ctx, c, cli.ReplicaSetsResource, c.Namespace, "")
	if err != nil {
		return err
	}
	w, problem := workload.Find(service, namespace.GetLabels(), deployments, sets)
	if problem != nil {
		a.Obstacle = problem.Message
	}
	if err := previewOthers(ctx, c, service, a); err != nil {
		return err
	}
	if w.Deployment == nil {
		return nil
	}
	if err := previewVolumes(ctx, c, w.Deployment, a); err != nil {
		return err
	}
	a.Does = append(a.Does, fmt.Sprintf("Deployment %s gets the label %s, by which a change of its pod template rolls out by nobody but Stagger", w.Deployment.Name, v1alpha1.HeldLabel))
	if w.Stable != nil {
		a.Leaves = append(a.Leaves, fmt.Sprintf("its %d pods, of ReplicaSet %s, serve on as the stable", w.Replicas, w.Stable.Name))
	}
	a.Later = append(a.Later, "a ReplicaSet with the new template beside the stable one, and the selector of Service "+service.Name+" narrowed to the stable until the end")
	services, err := c.Services(ctx)
	if err != nil {
		return err
	}
	if siblings := workload.Siblings(service, &w.Deployment.Spec.Template, services); len(siblings) > 0 {
		careful := view.Named("Service", siblings) + " selects these pods too, and would see canary pods in proportion to their number"
		if len(workload.Unconfirmed(service, siblings)) > 0 {
			careful += fmt.Sprintf("; nothing is released until that is confirmed by the annotation %s: %s", v1alpha1.SiblingsAnnotation, strings.Join(siblings, ","))
		}
		a.Careful = append(a.Careful, careful)
	}
	return nil
}

// previewVolumes looks whether two versions of the Deployment can run side by side. Of claims that nobody may read the operator decides.
func previewVolumes(ctx context.Context, c cli.Cluster, d *appsv1.Deployment, a *view.Adoption) error {
	var claims []*corev1.PersistentVolumeClaim
	for _, name := range workload.ClaimsOf(&d.Spec.Template) {
		claim, err := cli.Get[corev1.PersistentVolumeClaim](ctx, c, cli.ClaimsResource, name)
		switch {
		case apierrors.IsForbidden(err):
			a.Careful = append(a.Careful, "whether two versions may mount PersistentVolumeClaim "+name+" cannot be seen with your rights")
			claim = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: name},
				Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}}}
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return err
		}
		claims = append(claims, claim)
	}
	if problem := workload.Exclusive(d, claims); problem != nil {
		obstruct(a, problem.Message)
	}
	return nil
}

// previewRoutes looks at the routes to the Service.
func previewRoutes(ctx context.Context, c cli.Cluster, service *corev1.Service, a *view.Adoption) error {
	t := routing.Target{Namespace: c.Namespace, Service: service.Name, Invites: service.Annotations[v1alpha1.AllowAnnotation]}
	all, whole, err := c.ListVisible(ctx, cli.VirtualServicesResource)
	if apierrors.IsForbidden(err) {
		a.Careful = append(a.Careful, "the VirtualServices cannot be seen with your rights, so the routes to the Service are not shown here; the operator looks at them")
		return previewRules(ctx, c, t, a)
	}
	if err != nil {
		return err
	}
	if !whole {
		a.Careful = append(a.Careful, "VirtualServices of other namespaces cannot be seen with your rights; the operator looks at them")
	}
	var names []string
	for _, vs := range all {
		left := t.LeftAlone(vs)
		switch {
		case len(routing.Routes(vs, t)) == 0:
			continue
		case left != "":
			if routing.Allows(vs, c.Namespace) {
				a.Careful = append(a.Careful, left)
			}
			continue
		}
		names = append(names, vs.GetNamespace()+"/"+vs.GetName())
		obstruct(a, workload.ReleasedBy(vs.GetKind(), vs))
		if problem := routing.Unsupported(vs, t); problem != "" {
			obstruct(a, "VirtualService "+vs.GetName()+": "+problem)
		}
	}
	slices.Sort(names)
	canary := routing.CanaryName(service.Name)
	a.Later = append(a.Later, "Service "+canary+" for the canary")
	if len(names) > 0 {
		a.Later = append(a.Later, "weights between both Services in "+view.Named("VirtualService", names))
	}
	switch covered := routing.Covers(all, t); {
	case covered && len(names) == 0:
		obstruct(a, routing.Unrouted(all, t))
	case !covered:
		obstruct(a, routing.Unmakeable(service.Spec.Ports, t))
		a.Later = append(a.Later, "VirtualService "+canary+" for callers inside the mesh, because none is there for them")
	}
	a.Leaves = append(a.Leaves, "when a release ends, routes and Service are as they were written")
	if relaxed := workload.Relaxed(service); relaxed != "" {
		a.Careful = append(a.Careful, relaxed)
	}
	return previewRules(ctx, c, t, a)
}

// previewRules looks at the DestinationRules that callers of the Service go by.
func previewRules(ctx context.Context, c cli.Cluster, t routing.Target, a *view.Adoption) error {
	rules, whole, err := c.ListVisible(ctx, cli.DestinationRulesResource)
	if apierrors.IsForbidden(err) {
		a.Careful = append(a.Careful, "the DestinationRules cannot be seen with your rights; the operator looks whether they allow a canary")
		return nil
	}
	if err != nil {
		return err
	}
	if !whole {
		a.Careful = append(a.Careful, "DestinationRules of other namespaces cannot be seen with your rights; the operator looks whether they allow a canary")
	}
	needed := routing.RulesFor(rules, t)
	obstruct(a, needed.Problem)
	a.Careful = append(a.Careful, needed.Relaxed...)
	for _, rule := range needed.Copies {
		a.Later = append(a.Later, "DestinationRule "+rule.GetNamespace()+"/"+rule.GetName()+", a copy of the one there for the Service")
	}
	return nil
}
