package prepare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// follow takes the version that Deployments name now, when none names the one that was given: the name of the first version, or of any, stands
// for all of them.
func (s *configSet) follow(ctx context.Context, c cli.Cluster) error {
	deployments, err := cli.List[appsv1.Deployment](ctx, c, cli.DeploymentsResource, c.Namespace, "")
	if err != nil {
		return err
	}
	var named []string
	for _, d := range deployments {
		if s.deployment == "" || s.deployment == d.Name {
			named = append(named, workload.ConfigNames(&d.Spec.Template, s.kind)...)
		}
	}
	slices.Sort(named)
	if slices.Contains(named, s.name) {
		return nil
	}
	base, there, err := s.base(ctx, c, s.name)
	if err != nil {
		return err
	}
	if !there {
		base = workload.BaseOf(base) // a version that was deleted says by its name alone of what it was one
	}
	var versions []string
	for _, name := range slices.Compact(named) {
		if !workload.MayBeVersion(name, base) {
			continue
		}
		of, _, err := s.base(ctx, c, name)
		if err != nil {
			return err
		}
		if of == base {
			versions = append(versions, name)
		}
	}
	if len(versions) > 1 {
		return fmt.Errorf("several versions of %s %s are named, so nothing was written: %s; give the one to follow, or its --deployment", s.kind, s.name, strings.Join(versions, ", "))
	}
	if len(versions) == 1 {
		s.name = versions[0]
	}
	return nil
}

// leaves says which Deployments that are not changed name another version of the object than the next one, by name.
func (s *configSet) leaves(ctx context.Context, c cli.Cluster, deployments []*appsv1.Deployment, changes []change, next *unstructured.Unstructured) ([]string, error) {
	base := workload.ConfigBase(&metav1.ObjectMeta{Name: next.GetName(), Annotations: next.GetAnnotations()})
	var left []string
	for _, d := range deployments {
		if slices.ContainsFunc(changes, func(ch change) bool { return ch.deployment == d.Name }) {
			continue
		}
		for _, name := range workload.ConfigNames(&d.Spec.Template, s.kind) {
			if name == next.GetName() || !workload.MayBeVersion(name, base) {
				continue
			}
			of, _, err := s.base(ctx, c, name)
			if err != nil {
				return nil, err
			}
			if of == base {
				left = append(left, fmt.Sprintf("Deployment %s names %s %s, another version, and is left as it is", d.Name, s.kind, name))
			}
		}
	}
	slices.Sort(left)
	return left, nil
}

// base is the name that the versions of an object have in common; its own where it is not there, or may not be read. There is false for one that
// is not there.
func (s *configSet) base(ctx context.Context, c cli.Cluster, name string) (base string, there bool, err error) {
	object, err := c.Client.Resource(s.resource()).Namespace(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return name, apierrors.IsForbidden(err), nil
	case err != nil:
		return "", false, fmt.Errorf("getting %s %s: %w", s.kind, name, err)
	}
	return workload.ConfigBase(&metav1.ObjectMeta{Name: name, Annotations: object.GetAnnotations()}), true, nil
}

// since is what a version has otherwise than those before it, as far as they are still there and may be read.
func (s *configSet) since(ctx context.Context, c cli.Cluster, next *unstructured.Unstructured, before []string) ([]workload.Noted, error) {
	data, err := s.data(next)
	if err != nil {
		return nil, err
	}
	base := workload.ConfigBase(&metav1.ObjectMeta{Name: next.GetName(), Annotations: next.GetAnnotations()})
	var noted []workload.Noted
	for _, name := range before {
		was, err := s.heldBy(ctx, c, name)
		if err != nil {
			return nil, err
		}
		if was != nil && name != next.GetName() {
			noted = append(noted, workload.Noted{Since: name, Says: workload.KeyChanges(s.kind, base, was, data)})
		}
	}
	return noted, nil
}

// heldBy is what the keys of a version hold, asked for once; nil where it is not there or may not be read.
func (s *configSet) heldBy(ctx context.Context, c cli.Cluster, name string) (map[string][]byte, error) {
	if data, known := s.held[name]; known {
		return data, nil
	}
	if s.held == nil {
		s.held = map[string]map[string][]byte{}
	}
	object, err := c.Client.Resource(s.resource()).Namespace(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		s.held[name] = nil
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("getting %s %s: %w", s.kind, name, err)
	}
	s.held[name], err = s.data(object)
	return s.held[name], err
}
