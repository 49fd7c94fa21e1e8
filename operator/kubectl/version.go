package kubectl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// version says which plugin this is, and whether the cluster speaks its API.
type version struct {
	client bool
	output cli.Output
}

// versions is the answer of version.
type versions struct {
	// Plugin is the version of the plugin, API the version of the API it speaks.
	Plugin string `json:"plugin"`
	API    string `json:"api"`
	// Served are the versions of the API that the cluster serves, the preferred one first.
	Served []string `json:"served,omitempty"`
	// Operators are the images of the operators that run, for who may see them.
	Operators []string `json:"operators,omitempty"`
}

func newVersion(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	v := version{}
	c := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the plugin and of the cluster's API",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("version takes no name; leave it out")
			}
			return v.output.Check("json", "yaml")
		},
		RunE: func(c *cobra.Command, _ []string) error {
			found := versions{Plugin: env.Version, API: v1alpha1.GroupVersion.String()}
			if v.client {
				return v.print(found, env)
			}
			cluster, err := cli.Connect(flags)
			if err == nil {
				found.Served, err = served(cluster)
			}
			if err == nil {
				found.Operators, err = operators(c.Context(), cluster)
			}
			// The plugin's own version is known whatever the cluster says.
			return errors.Join(v.print(found, env), err)
		},
	}
	c.Flags().BoolVar(&v.client, "client", false, "ask no cluster")
	v.output.AddTo(c.Flags(), "json or yaml")
	return c
}

// served lists the versions of the API group; the preferred one first.
func served(c cli.Cluster) ([]string, error) {
	groups, err := c.Discovery.ServerGroups()
	if err != nil {
		return nil, err
	}
	for _, g := range groups.Groups {
		if g.Name != v1alpha1.GroupVersion.Group {
			continue
		}
		served := []string{g.PreferredVersion.GroupVersion}
		for _, v := range g.Versions {
			if v != g.PreferredVersion {
				served = append(served, v.GroupVersion)
			}
		}
		return served, nil
	}
	return nil, cli.ErrNotInstalled
}

// operators lists the images of the operator's Deployments, wherever it was installed; none for who may not see them.
func operators(ctx context.Context, c cli.Cluster) ([]string, error) {
	deployments, err := c.Operators(ctx)
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the operator: %w", err)
	}
	var images []string
	for _, d := range deployments {
		for _, container := range d.Spec.Template.Spec.Containers {
			images = append(images, fmt.Sprintf("%s (Deployment %s/%s)", container.Image, d.Namespace, d.Name))
		}
	}
	return images, nil
}

func (v *version) print(found versions, env cli.Env) error {
	return cli.PrintValue(v.output, env, found, func() string {
		text := fmt.Sprintf("plugin    %s, speaks %s\n", found.Plugin, found.API)
		if len(found.Served) > 0 {
			text += "cluster   serves " + strings.Join(found.Served, ", ") + "\n"
		}
		for _, image := range found.Operators {
			text += "operator  " + image + "\n"
		}
		return text
	})
}
