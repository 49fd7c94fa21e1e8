package prepare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/restmapper"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/policy"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// lint looks at manifests before they are applied.
type lint struct {
	files     []string
	recursive bool
	local     bool
	output    cli.Output
}

// finding is what was found out about one object of the files.
type finding struct {
	Source    string `json:"source"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Problem is one sentence; "" when there is none.
	Problem string `json:"problem,omitempty"`
}

func newLint(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	l := lint{}
	c := &cobra.Command{
		Use:   "lint -f <file or folder>",
		Short: "Check policies and manifests before they are applied",
		Long: "Check policies and manifests before they are applied. The cluster checks each object as if it were applied, and stores nothing;\n" +
			"the plugin checks what takes more than one field to see: whether releases can go by a policy, whether the policy that a Service\n" +
			"names is there, whether its routes can be shifted. With --local no cluster is asked.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger lint -f policy.yaml\n  kubectl kustomize . | kubectl stagger lint --local -f -",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(l.files) == 0 {
				return errors.New("lint needs a file, a folder or - for the standard input: kubectl stagger lint -f policy.yaml")
			}
			if err := l.output.Check("json", "yaml"); err != nil {
				return err
			}
			objects, err := l.read(env)
			if err != nil {
				return err
			}
			return l.run(c.Context(), flags, env, objects)
		},
	}
	c.Flags().StringSliceVarP(&l.files, "filename", "f", nil, "files or folders with manifests, - for the standard input")
	c.Flags().BoolVarP(&l.recursive, "recursive", "R", false, "look into folders of folders too")
	c.Flags().BoolVar(&l.local, "local", false, "ask no cluster")
	l.output.AddTo(c.Flags(), "json or yaml")
	return c
}

// read takes the objects of the files.
func (l *lint) read(env cli.Env) ([]*resource.Info, error) {
	b := resource.NewLocalBuilder().Unstructured().ContinueOnError().Flatten()
	for _, f := range l.files {
		if f == "-" {
			b = b.Stream(env.Streams.In, "the standard input")
			continue
		}
		b = b.FilenameParam(false, &resource.FilenameOptions{Filenames: []string{f}, Recursive: l.recursive})
	}
	infos, err := b.Do().Infos()
	if err != nil {
		return nil, err
	}
	if len(infos) == 0 {
		return nil, fmt.Errorf("no object is in %s", strings.Join(l.files, ", "))
	}
	return infos, nil
}

// check finds a problem of an object, "" when there is none; an error when that could not be found out.
type check func(ctx context.Context, o *unstructured.Unstructured) (string, error)

func (l *lint) run(ctx context.Context, flags *genericclioptions.ConfigFlags, env cli.Env, infos []*resource.Info) error {
	together := manifestsOf(infos)
	checks := []check{together.policy, together.routes}
	if l.local {
		checks = append(checks, together.policyExists(nil))
	} else {
		c, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		server, err := checksOfServer(c)
		if err != nil {
			return err
		}
		checks = append([]check{server}, append(checks, together.policyExists(&c))...)
	}
	var all []finding
	bad := 0
	for _, info := range infos {
		o, is := info.Object.(*unstructured.Unstructured)
		if !is {
			return fmt.Errorf("%s: what is in it is no object", info.Source)
		}
		f := finding{Source: info.Source, Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
		for _, look := range checks {
			problem, err := look(ctx, o)
			if err != nil {
				return err
			}
			if f.Problem = problem; problem != "" {
				bad++
				break
			}
		}
		all = append(all, f)
	}
	return l.print(env, all, bad)
}

// print writes what was found, and says by the exit code whether anything was.
func (l *lint) print(env cli.Env, all []finding, bad int) error {
	if err := cli.PrintValue(l.output, env, all, func() string { return lines(all) }); err != nil {
		return err
	}
	if bad == 0 {
		return nil
	}
	if bad == 1 {
		return fmt.Errorf("1 of %d objects cannot be used as it is", len(all))
	}
	return fmt.Errorf("%d of %d objects cannot be used as they are", bad, len(all))
}

// lines is one for each object.
func lines(all []finding) string {
	var b strings.Builder
	for _, f := range all {
		mark, problem := "✔", ""
		if f.Problem != "" {
			mark, problem = "✖", ": "+f.Problem
		}
		fmt.Fprintf(&b, "%s %s: %s %s%s\n", mark, f.Source, f.Kind, f.Name, problem)
	}
	return b.String()
}

// checksOfServer has the cluster apply an object without storing it.
func checksOfServer(c cli.Cluster) (check, error) {
	kinds, err := restmapper.GetAPIGroupResources(c.Discovery)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(kinds)
	return func(ctx context.Context, o *unstructured.Unstructured) (string, error) {
		gvk := o.GroupVersionKind()
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if meta.IsNoMatchError(err) {
			return fmt.Sprintf("the cluster does not know %s of %s", gvk.Kind, gvk.GroupVersion()), nil
		}
		if err != nil {
			return "", err
		}
		data, err := json.Marshal(o)
		if err != nil {
			return "", fmt.Errorf("encoding %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		force := true
		options := metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: cli.FieldManager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
		resources := c.Client.Resource(mapping.Resource)
		if mapping.Scope.Name() == meta.RESTScopeNameRoot {
			_, err = resources.Patch(ctx, o.GetName(), types.ApplyPatchType, data, options)
		} else {
			namespace := o.GetNamespace()
			if namespace == "" {
				namespace = c.Namespace
			}
			_, err = resources.Namespace(namespace).Patch(ctx, o.GetName(), types.ApplyPatchType, data, options)
		}
		return refusedFor(err)
	}, nil
}

// refusedFor is what the cluster says against an object; an error when it says nothing about the object.
func refusedFor(err error) (string, error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "", err
	}
	switch status.Status().Code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "", err
	}
	// A field that a kind does not have is 500 to an apply.
	return strings.ReplaceAll(status.Status().Message, "\n", " "), nil
}

// manifests are the objects of the files, to be looked at together.
type manifests struct {
	policies map[string]bool
	// managed are the annotated Services.
	managed []routing.Target
}

func manifestsOf(infos []*resource.Info) manifests {
	m := manifests{policies: map[string]bool{}}
	for _, info := range infos {
		o, is := info.Object.(*unstructured.Unstructured)
		switch {
		case !is:
		case o.GetKind() == "ShiftPolicy":
			m.policies[o.GetName()] = true
		case o.GetKind() == "Service" && o.GetAnnotations()[v1alpha1.PolicyAnnotation] != "":
			m.managed = append(m.managed, routing.Target{Namespace: o.GetNamespace(), Service: o.GetName()})
		}
	}
	return m
}

// policy checks that releases can go by a ShiftPolicy.
func (m manifests) policy(_ context.Context, o *unstructured.Unstructured) (string, error) {
	if o.GetKind() != "ShiftPolicy" || o.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
		return "", nil
	}
	p := &v1alpha1.ShiftPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, p, true); err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " "), nil
	}
	p.Spec.Defaults()
	return policy.Contradiction(p.Spec, counting.Edges()), nil
}

// routes checks that a VirtualService can be shifted for the annotated Services of the files.
func (m manifests) routes(_ context.Context, o *unstructured.Unstructured) (string, error) {
	if o.GetKind() != "VirtualService" {
		return "", nil
	}
	for _, t := range m.managed {
		if problem := routing.Unsupported(o, t); problem != "" && routing.Allows(o, t.Namespace) {
			return problem, nil
		}
	}
	return "", nil
}

// policyExists checks that the policy which a Service or TrafficShift names is there: in the files, or in a cluster if there is one.
func (m manifests) policyExists(c *cli.Cluster) check {
	return func(ctx context.Context, o *unstructured.Unstructured) (string, error) {
		name := ""
		switch o.GroupVersionKind().GroupKind() {
		case corev1.SchemeGroupVersion.WithKind("Service").GroupKind():
			name = o.GetAnnotations()[v1alpha1.PolicyAnnotation]
		case v1alpha1.GroupVersion.WithKind("TrafficShift").GroupKind():
			name, _, _ = unstructured.NestedString(o.Object, "spec", "policyRef", "name")
		}
		if name == "" || m.policies[name] || c == nil {
			return "", nil
		}
		var unknown noPolicy
		_, err := readPolicy(ctx, *c, name)
		if errors.As(err, &unknown) {
			return unknown.Error(), nil
		}
		return "", err
	}
}
