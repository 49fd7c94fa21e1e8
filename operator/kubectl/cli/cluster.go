package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/view"
)

// FieldManager is the name under which the plugin writes.
const FieldManager = "kubectl-stagger"

// Cluster is the API server as one verb sees it. The dynamic client asks for nothing before the first request, and keeps
// fields that a later operator writes.
type Cluster struct {
	Client    dynamic.Interface
	Discovery discovery.DiscoveryInterface
	// Namespace of the verb; "" for all of them.
	Namespace string
	// Server is the address of the API server, Context the context of the kubeconfig that named it; "" where none did.
	Server, Context string
	// Flags are those that lead a command line to the same cluster as the same user, each with a blank before it. They hold no credentials.
	Flags string

	clock *clock
}

// Connect is the cluster that kubectl's own flags name. No request is made yet.
func Connect(flags *genericclioptions.ConfigFlags) (Cluster, error) {
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return Cluster{}, err
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return Cluster{}, err
	}
	config.UserAgent = FieldManager
	config.QPS, config.Burst = 50, 100 // as kubectl itself
	k := &clock{}
	config.Wrap(k.watched)
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return Cluster{}, err
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return Cluster{}, err
	}
	named := contextOf(flags)
	return Cluster{Client: client, Discovery: kinds, Namespace: namespace, Server: config.Host, Context: named, Flags: flagsOf(flags, named), clock: k}, nil
}

// contextOf is the context of the kubeconfig that was given, or is the present one; "" without a kubeconfig.
func contextOf(given *genericclioptions.ConfigFlags) string {
	if given.Context != nil && *given.Context != "" {
		return *given.Context
	}
	raw, err := given.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// flagsOf are the flags of a command line that were given, and the context: the present one may be another when the line is typed.
func flagsOf(given *genericclioptions.ConfigFlags, context string) string {
	line := ""
	for _, f := range []struct {
		name  string
		value *string
	}{{"kubeconfig", given.KubeConfig}, {"context", &context}, {"cluster", given.ClusterName}, {"user", given.AuthInfoName}, {"server", given.APIServer}, {"as", given.Impersonate}} {
		if f.value != nil && *f.value != "" {
			line += " --" + f.name + " " + quoted(*f.value)
		}
	}
	return line
}

// quoted is a word as a shell reads it whole.
func quoted(word string) string {
	if regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Identity is how a report tells the cluster from all others: by the UID of its namespace kube-system, which is "" where who asks may not see it,
// and by what the kubeconfig names.
func (c Cluster) Identity(ctx context.Context) (*view.ReportCluster, error) {
	named := &view.ReportCluster{Server: c.Server, Context: c.Context}
	found, err := c.Client.Resource(NamespacesResource).Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return named, nil
	case err != nil:
		return nil, fmt.Errorf("getting namespace %s: %w", metav1.NamespaceSystem, err)
	}
	named.UID = string(found.GetUID())
	return named, nil
}

// CommandLine is what a person types next, in the namespace of this verb.
func (c Cluster) CommandLine(verb, service string) string {
	return "kubectl stagger " + verb + " " + service + " -n " + c.Namespace
}

// Shifts are the TrafficShifts of the namespace.
func (c Cluster) Shifts() dynamic.ResourceInterface {
	return c.Client.Resource(shiftsResource).Namespace(c.Namespace)
}

// Find reads the TrafficShift of a Service; when there is none, the error is a NotManagedError that says why.
func (c Cluster) Find(ctx context.Context, service string) (*unstructured.Unstructured, error) {
	found, err := c.Shifts().Get(ctx, service, metav1.GetOptions{})
	if err == nil || !apierrors.IsNotFound(err) || IsNotServed(err) {
		return found, err
	}
	list, err := c.Shifts().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		shift, err := Decode(&list.Items[i])
		if err != nil {
			return nil, err
		}
		if shift.Spec.Service.Name == service {
			return &list.Items[i], nil // written by hand, under a name of its own
		}
		names = append(names, shift.Name)
	}
	return nil, c.missing(ctx, service, names)
}

// Shift is what Find finds, as this version knows the object.
func (c Cluster) Shift(ctx context.Context, service string) (*v1alpha1.TrafficShift, error) {
	object, err := c.Find(ctx, service)
	if err != nil {
		return nil, err
	}
	return Decode(object)
}

// Edit is what is to be written into a TrafficShift.
type Edit struct {
	Patch patch.Patch
	// Does says what was tried when it fails, as in "commanding abort of release 7".
	Does string
}

// attempts bounds how often an edit is made again because somebody else wrote at the same time.
const attempts = 5

// Edit reads the TrafficShift of a Service and writes the edit that plan makes of it; again when somebody else wrote in between. An
// error of plan is returned as it is, with the object that it is about. In a dry run the API server checks the edit and stores nothing.
func (c Cluster) Edit(ctx context.Context, service string, dryRun bool, plan func(*v1alpha1.TrafficShift) (Edit, error)) (Written, error) {
	for attempt := 1; ; attempt++ {
		shift, err := c.Shift(ctx, service)
		if err != nil {
			return Written{}, err
		}
		e, err := plan(shift)
		if err != nil {
			return Written{Shift: shift}, err
		}
		object, err := c.Patch(ctx, shiftsResource, shift.Name, e.Patch, dryRun)
		switch {
		case err == nil:
			shift, err = Decode(object)
			return Written{shift, object}, err
		case !IsConflict(err) || attempt == attempts:
			return Written{}, fmt.Errorf("%s: %w", e.Does, err)
		}
	}
}

// Patch writes into an object of the namespace. In a dry run the API server checks it and stores nothing.
func (c Cluster) Patch(ctx context.Context, kind schema.GroupVersionResource, name string, p patch.Patch, dryRun bool) (*unstructured.Unstructured, error) {
	options := metav1.PatchOptions{FieldManager: FieldManager}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the patch: %w", err)
	}
	return c.Client.Resource(kind).Namespace(c.Namespace).Patch(ctx, name, types.JSONPatchType, body, options)
}

// IsConflict says that the object was changed since it was read: the API server answers a failed test with 422.
func IsConflict(err error) bool { return apierrors.IsConflict(err) || apierrors.IsInvalid(err) }

// missing says why a Service has no TrafficShift.
func (c Cluster) missing(ctx context.Context, service string, managed []string) error {
	s, err := c.Client.Resource(ServicesResource).Namespace(c.Namespace).Get(ctx, service, metav1.GetOptions{})
	a := NotManagedError{service: service, namespace: c.Namespace}
	switch {
	case err == nil:
		a.Exists, a.Policy = true, s.GetAnnotations()[v1alpha1.PolicyAnnotation]
		return a
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("getting Service %s: %w", service, err)
	}
	if a.near = Nearest(service, managed); a.near != "" {
		return a
	}
	elsewhere, err := c.Client.Resource(shiftsResource).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", service).String()})
	switch {
	case apierrors.IsForbidden(err): // who may see one namespace only gets no hint about the others
	case err != nil:
		return fmt.Errorf("looking in other namespaces: %w", err)
	case len(elsewhere.Items) > 0:
		a.elsewhere = elsewhere.Items[0].GetNamespace()
	}
	return a
}

// Decode reads an object as this version knows it.
func Decode(object *unstructured.Unstructured) (*v1alpha1.TrafficShift, error) {
	shift := &v1alpha1.TrafficShift{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, shift); err != nil {
		return nil, fmt.Errorf("TrafficShift %s was written by another version of Stagger (%w); update the plugin, or look with -o yaml", object.GetName(), err)
	}
	return shift, nil
}
