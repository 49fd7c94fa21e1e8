package prepare

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/policy"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// The kinds that are checked without a cluster.
var (
	policyKind  = v1alpha1.GroupVersion.WithKind("ShiftPolicy").GroupKind()
	shiftKind   = v1alpha1.GroupVersion.WithKind("TrafficShift").GroupKind()
	serviceKind = corev1.SchemeGroupVersion.WithKind("Service").GroupKind()
	routeKind   = schema.GroupKind{Group: cli.VirtualServicesResource.Group, Kind: "VirtualService"}
)

func kindOf(o *unstructured.Unstructured) schema.GroupKind { return o.GroupVersionKind().GroupKind() }

// ownProblems are those of a ShiftPolicy or TrafficShift: what its CRD refuses, and what the operator refuses of a policy; and that an object of
// Stagger's group is of no kind or version of it. Others are not its affair.
func ownProblems(ctx context.Context, o *unstructured.Unstructured) ([]problem, bool, error) {
	k, version := kindOf(o), o.GroupVersionKind().GroupVersion()
	switch {
	case k.Group != v1alpha1.GroupVersion.Group:
		return nil, false, nil
	case k != policyKind && k != shiftKind:
		return []problem{{"kind", fmt.Sprintf("kind is %s, which %s does not have: write %s or %s", k.Kind, k.Group, policyKind.Kind, shiftKind.Kind)}}, true, nil
	case version != v1alpha1.GroupVersion:
		return []problem{{"apiVersion", fmt.Sprintf("apiVersion is %s: write %s", version, v1alpha1.GroupVersion)}}, true, nil
	}
	all, err := bySchema(ctx, o)
	all = append(nameProblems(o), all...)
	if err != nil || k == shiftKind {
		return all, true, err
	}
	p := &v1alpha1.ShiftPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, p); err != nil {
		if len(all) == 0 {
			all = []problem{{text: oneLine(err)}}
		}
		return all, true, nil // a value of another type, which the schema has named
	}
	p.Spec.Defaults()
	var more []problem
	for _, said := range policy.Contradictions(p.Spec, counting.Edges()) {
		more = append(more, problem{strings.TrimSuffix(strings.Fields(said)[0], ":"), said})
	}
	return merged(all, more), true, nil
}

// nameProblems say that an object has no name, or one that no object can have.
func nameProblems(o *unstructured.Unstructured) []problem {
	switch name := o.GetName(); {
	case name == "" && o.GetGenerateName() == "":
		return []problem{{"metadata.name", "metadata.name is missing: add it"}}
	case name != "" && len(validation.IsDNS1123Subdomain(name)) > 0:
		return []problem{{"metadata.name", fmt.Sprintf("metadata.name is %q: use small letters, digits, '-' and '.', with a letter or digit at both ends", name)}}
	}
	return nil
}

// checksOfServer has the cluster apply an object without storing it.
func checksOfServer(c cli.Cluster, files manifests) (check, error) {
	groups, err := restmapper.GetAPIGroupResources(c.Discovery)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	return func(ctx context.Context, o *unstructured.Unstructured) ([]problem, bool, error) {
		gvk := o.GroupVersionKind()
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		switch {
		case meta.IsNoMatchError(err) && files.kinds[gvk.GroupKind()]:
			return nil, false, nil
		case meta.IsNoMatchError(err):
			return []problem{{text: fmt.Sprintf("the cluster does not know %s of %s", gvk.Kind, gvk.GroupVersion())}}, true, nil
		case err != nil:
			return nil, false, err
		}
		resources := dynamic.ResourceInterface(c.Client.Resource(mapping.Resource))
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			resources = c.Client.Resource(mapping.Resource).Namespace(cmp.Or(o.GetNamespace(), c.Namespace))
		}
		data, err := json.Marshal(o)
		if err != nil {
			return nil, false, fmt.Errorf("encoding %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		force := true
		options := metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: cli.FieldManager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
		_, err = resources.Patch(ctx, o.GetName(), types.ApplyPatchType, data, options)
		found, err := refusedFor(err)
		return found, err == nil, err
	}, nil
}

// refusedFor is what the cluster says against an object, field by field where it tells them; an error when it says nothing about the object.
func refusedFor(err error) ([]problem, error) {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) || lacksRights(err) {
		return nil, err
	}
	status := answer.Status()
	switch status.Code {
	case http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, err
	}
	var all []problem
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if cause.Field != "" {
				all = append(all, problem{cause.Field, strings.Join(strings.Fields(cause.Field+": "+cause.Message), " ")})
			}
		}
	}
	if len(all) == 0 { // a field that a kind does not have is 500 to an apply
		all = []problem{{text: strings.Join(strings.Fields(status.Message), " ")}}
	}
	return all, nil
}

// lacksRights tells missing rights from the refusal of an object, which can be 403 too: by a quota, or an admission webhook.
func lacksRights(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ")
}

// manifests are the objects of the files, to be looked at together.
type manifests struct {
	policies map[string]bool
	// kinds are those whose CRDs are in the files.
	kinds map[schema.GroupKind]bool
	// managed are the annotated Services.
	managed []routing.Target
}

func manifestsOf(all []manifest) manifests {
	m := manifests{policies: map[string]bool{}, kinds: map[schema.GroupKind]bool{}}
	for _, one := range all {
		o := one.object
		switch {
		case o == nil:
		case kindOf(o) == policyKind:
			m.policies[o.GetName()] = true
		case kindOf(o) == serviceKind && o.GetAnnotations()[v1alpha1.PolicyAnnotation] != "":
			m.managed = append(m.managed, routing.Target{Namespace: o.GetNamespace(), Service: o.GetName(),
				Invites: o.GetAnnotations()[v1alpha1.AllowAnnotation]})
		case o.GetKind() == "CustomResourceDefinition":
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			m.kinds[schema.GroupKind{Group: group, Kind: kind}] = true
		}
	}
	return m
}

// routes checks that a VirtualService can be shifted for the annotated Services of the files.
func (m manifests) routes(_ context.Context, o *unstructured.Unstructured) ([]problem, bool, error) {
	if kindOf(o) != routeKind {
		return nil, false, nil
	}
	var all []problem
	spec, is := o.Object["spec"].(map[string]any)
	if !is && o.Object["spec"] != nil {
		return []problem{{"spec", "spec must have fields, such as http"}}, true, nil
	}
	for _, field := range []string{"http", "tls", "tcp"} {
		value, there := spec[field]
		routes, is := value.([]any)
		if there && !is || slices.ContainsFunc(routes, func(r any) bool { _, is := r.(map[string]any); return !is }) {
			all = append(all, problem{"spec." + field, "spec." + field + " must be a list of routes"})
		}
	}
	for _, t := range m.managed {
		if said := routing.Unsupported(o, t); said != "" && t.MayWrite(o) {
			all = append(all, problem{text: said})
		}
		if routing.Allows(o, t.Namespace) && len(routing.Routes(o, t)) > 0 && !t.MayWrite(o) {
			all = append(all, problem{"metadata.annotations", t.LeftAlone(o)})
		}
	}
	return all, true, nil
}

// policyNamed checks that what an annotation or a TrafficShift names can be the name of a policy.
func policyNamed(_ context.Context, o *unstructured.Unstructured) ([]problem, bool, error) {
	var name, field, what string
	switch annotated, managed := o.GetAnnotations()[v1alpha1.PolicyAnnotation]; {
	case kindOf(o) == serviceKind && managed:
		name, field, what = annotated, "metadata.annotations", "annotation "+v1alpha1.PolicyAnnotation
	case kindOf(o) == shiftKind:
		name, _, _ = unstructured.NestedString(o.Object, "spec", "policyRef", "name")
		if field, what = "spec.policyRef.name", "spec.policyRef.name"; name == "" {
			return nil, false, nil // its CRD says so
		}
	default:
		return nil, false, nil
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return []problem{{field, fmt.Sprintf("%s is %q, which cannot be the name of a ShiftPolicy: name one, such as standard", what, name)}}, true, nil
	}
	return nil, true, nil
}

// policyExists checks that the policy which a Service or TrafficShift names is there: in the files, or in the cluster.
func (m manifests) policyExists(c cli.Cluster) check {
	return func(ctx context.Context, o *unstructured.Unstructured) ([]problem, bool, error) {
		name := ""
		switch kindOf(o) {
		case serviceKind:
			name = o.GetAnnotations()[v1alpha1.PolicyAnnotation]
		case shiftKind:
			name, _, _ = unstructured.NestedString(o.Object, "spec", "policyRef", "name")
		}
		if m.policies[name] || len(validation.IsDNS1123Subdomain(name)) > 0 {
			return nil, false, nil
		}
		var unknown noPolicy
		_, err := readPolicy(ctx, c, name)
		if errors.As(err, &unknown) {
			return []problem{{text: unknown.Error()}}, true, nil
		}
		return nil, err == nil, err
	}
}
