package prepare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// readPlanned reads the TrafficShift of a Service and its policy, or another one. Of a Service without a TrafficShift it is the one that would be
// made of it, by the policy in its annotation or the one that is named. Its own policy that may not be read is that of its last release, and people
// are told so.
func readPlanned(ctx context.Context, c cli.Cluster, env cli.Env, service, policy string) (*v1alpha1.TrafficShift, *v1alpha1.ShiftPolicy, error) {
	shift, err := c.Shift(ctx, service)
	var missing cli.NotManagedError
	if errors.As(err, &missing) && missing.Exists && cmp.Or(policy, missing.Policy) != "" {
		shift, err = &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: service}}, nil
		shift.Spec.Service.Name, shift.Spec.PolicyRef.Name = service, missing.Policy
	}
	if err != nil {
		return nil, nil, err
	}
	found, err := readPolicy(ctx, c, cmp.Or(policy, shift.Spec.PolicyRef.Name))
	if r := shift.Status.Release; policy == "" && r != nil && apierrors.IsForbidden(err) {
		cli.Say(env.Streams.ErrOut, "warning: you may not read ShiftPolicies, so this goes by %s as it was when release %d began; ask for the role stagger-policy-view", r.Policy, r.Number)
		found, err = &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: r.Policy}, Spec: r.Plan}, nil
	}
	return shift, found, err
}

// policyOf is the only ShiftPolicy of a file. One by which no release could go is refused as lint would.
func policyOf(ctx context.Context, env cli.Env, file string) (*v1alpha1.ShiftPolicy, error) {
	all, err := readManifests(env, []string{file}, false)
	if err != nil {
		return nil, err
	}
	var found []*unstructured.Unstructured
	for _, m := range all {
		switch {
		case m.broken != "":
			return nil, fmt.Errorf("%s: %s", m.source, m.broken)
		case m.object != nil && kindOf(m.object) == policyKind:
			found = append(found, m.object)
		}
	}
	switch len(found) {
	case 1:
	case 0:
		return nil, fmt.Errorf("no ShiftPolicy of %s is in %s; give a file with one", v1alpha1.GroupVersion, file)
	default:
		return nil, fmt.Errorf("%d ShiftPolicies of %s are in %s; give a file with one", len(found), v1alpha1.GroupVersion, file)
	}
	problems, _, err := ownProblems(ctx, found[0])
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("no release can go by %s of %s: %s", strings.TrimSpace("ShiftPolicy "+found[0].GetName()), file, listed(problems))
	}
	policy := &v1alpha1.ShiftPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found[0].Object, policy); err != nil {
		return nil, fmt.Errorf("reading ShiftPolicy %s: %w", found[0].GetName(), err)
	}
	policy.Spec.Defaults()
	return policy, nil
}

// readPolicy reads a ShiftPolicy.
func readPolicy(ctx context.Context, c cli.Cluster, name string) (*v1alpha1.ShiftPolicy, error) {
	object, err := c.Client.Resource(cli.PoliciesResource).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && !cli.IsNotServed(err):
		return nil, missingPolicy(ctx, c, name)
	case err != nil:
		return nil, err
	}
	p := &v1alpha1.ShiftPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, p); err != nil {
		return nil, fmt.Errorf("ShiftPolicy %s was written for another version of Stagger (%w); update the plugin", name, err)
	}
	return p, nil
}

// missingPolicy says that no ShiftPolicy has the name, and which one may be meant.
func missingPolicy(ctx context.Context, c cli.Cluster, name string) error {
	list, err := c.Client.Resource(cli.PoliciesResource).List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("listing ShiftPolicies: %w", err)
	}
	var names []string
	if list != nil {
		for i := range list.Items {
			names = append(names, list.Items[i].GetName())
		}
	}
	return noPolicy{name: name, near: cli.Nearest(name, names)}
}

// noPolicy is the error of a policy that is not there; near is one of a like name, "" when there is none.
type noPolicy struct{ name, near string }

func (n noPolicy) Error() string {
	if n.near != "" {
		return fmt.Sprintf("no ShiftPolicy is named %s; did you mean %s?", n.name, n.near)
	}
	return fmt.Sprintf("no ShiftPolicy is named %s; list those there are with: kubectl get shiftpolicies", n.name)
}
