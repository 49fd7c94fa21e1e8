package prepare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// change is what one Deployment is to become.
type change struct {
	deployment string
	patch      patch.Patch
	held       bool     // by Stagger, which then releases it
	services   []string // managed, before its pods
	noted      []workload.Noted
}

// changes are those of the Deployments that name the version before, by name.
func (s *configSet) changes(ctx context.Context, c cli.Cluster, next *unstructured.Unstructured) ([]change, error) {
	services, err := c.Services(ctx)
	if err != nil {
		return nil, err
	}
	deployments, err := cli.List[appsv1.Deployment](ctx, c, cli.DeploymentsResource, c.Namespace, "")
	if err != nil {
		return nil, err
	}
	var all []change
	var naming []string
	for _, d := range deployments {
		p := workload.RenameConfig(&d.Spec.Template, s.kind, s.name, next.GetName())
		if len(p) == 0 {
			continue
		}
		naming = append(naming, d.Name)
		if s.deployment != "" && s.deployment != d.Name {
			continue
		}
		noted, err := s.since(ctx, c, next, workload.VersionsBefore(d, s.kind, s.name))
		if err != nil {
			return nil, err
		}
		note, err := workload.NoteConfig(d, s.kind, s.name, next.GetName(), noted)
		if err != nil {
			return nil, err
		}
		all = append(all, change{deployment: d.Name, patch: append(p, note...), held: workload.Held(d), noted: noted,
			services: workload.ManagedServices(&d.Spec.Template, services)})
	}
	switch {
	case len(naming) == 0:
		return nil, fmt.Errorf("no Deployment in %s names %s %s, so nothing would be released and nothing was written; name it in one first", cli.NamespaceText(c.Namespace), s.kind, s.name)
	case len(all) == 0:
		return nil, fmt.Errorf("the Deployment %s does not name %s %s, so nothing was written; these do: %s", s.deployment, s.kind, s.name, strings.Join(naming, ", "))
	}
	if s.left, err = s.leaves(ctx, c, deployments, all, next); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b change) int { return strings.Compare(a.deployment, b.deployment) })
	return all, nil
}

// rename patches one Deployment after the other. Said again, the command goes on where it failed.
func (s *configSet) rename(ctx context.Context, c cli.Cluster, to string, changes []change) error {
	for i, d := range changes {
		_, err := c.Patch(ctx, cli.DeploymentsResource, d.deployment, d.patch, false)
		done := ""
		if i > 0 {
			done = " (changed before it: " + join(changes[:i]) + ")"
		}
		switch {
		case cli.IsConflict(err):
			return fmt.Errorf("the Deployment %s was changed meanwhile, so it was left as it is%s; say it again", d.deployment, done)
		case err != nil:
			return fmt.Errorf("naming %s %s in Deployment %s%s: %w", s.kind, to, d.deployment, done, err)
		}
	}
	return nil
}

func join(changes []change) string {
	var names []string
	for _, c := range changes {
		names = append(names, c.deployment)
	}
	return strings.Join(names, ", ")
}
