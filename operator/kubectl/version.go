package kubectl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// version says which plugin this is, and whether the cluster speaks its API.
type version struct {
	client bool
	output output
}

// versions is the answer of version.
type versions struct {
	// Plugin is the version of the plugin, API the version of the API it speaks.
	Plugin string `json:"plugin"`
	API    string `json:"api"`
	// Served are the versions of the API that the cluster serves, the preferred one first.
	Served []string `json:"served,omitempty"`
}

func newVersion(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	v := version{}
	c := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the plugin and of the cluster's API",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("version takes no name; leave it out")
			}
			return v.output.check("json", "yaml")
		},
		RunE: func(*cobra.Command, []string) error {
			answer := versions{Plugin: w.Version, API: v1alpha1.GroupVersion.String()}
			if v.client {
				return v.print(answer, w)
			}
			cluster, err := connect(flags)
			if err == nil {
				answer.Served, err = cluster.served()
			}
			// The plugin's own version is known whatever the cluster says.
			return errors.Join(v.print(answer, w), err)
		},
	}
	c.Flags().BoolVar(&v.client, "client", false, "ask no cluster")
	c.Flags().StringVarP((*string)(&v.output), "output", "o", "", "json or yaml")
	return c
}

// served lists the versions of the API group; the preferred one first.
func (c cluster) served() ([]string, error) {
	groups, err := c.discovery.ServerGroups()
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
	return nil, errNotInstalled
}

func (v *version) print(answer versions, w World) error {
	switch v.output {
	case "json":
		data, err := json.MarshalIndent(answer, "", "  ")
		if err != nil {
			return fmt.Errorf("encoding the versions: %w", err)
		}
		return write(w.Streams.Out, string(data)+"\n")
	case "yaml":
		data, err := yaml.Marshal(answer)
		if err != nil {
			return fmt.Errorf("encoding the versions: %w", err)
		}
		return write(w.Streams.Out, string(data))
	}
	text := fmt.Sprintf("plugin   %s, speaks %s\n", answer.Plugin, answer.API)
	if len(answer.Served) > 0 {
		text += "cluster  serves " + strings.Join(answer.Served, ", ") + "\n"
	}
	return write(w.Streams.Out, text)
}
