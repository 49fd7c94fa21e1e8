package cli

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/metadata"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// completeWithin is how long a cluster may take to answer what the shell offers to complete: nobody waits longer for it.
const completeWithin = 2 * time.Second

// CompleteServices offers the names of managed Services as the only argument; none when the cluster does not answer.
func CompleteServices(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	return first(completeNames(flags, shiftsResource, nil))
}

// CompleteUnmanagedServices offers the names of the Services that are not managed as the only argument.
func CompleteUnmanagedServices(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	return first(completeNames(flags, ServicesResource, func(o metav1.PartialObjectMetadata) bool {
		return o.Annotations[v1alpha1.PolicyAnnotation] == "" && o.Annotations[v1alpha1.ReleaseAnnotation] == ""
	}))
}

// CompleteConfigs offers the names of ConfigMaps as the only argument and, behind "secret/", those of Secrets.
func CompleteConfigs(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	return first(func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kind, _, behind := strings.Cut(begun, "/")
		if !behind {
			return completeNames(flags, schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, nil)(c, args, begun)
		}
		names, how := completeNames(flags, schema.GroupVersionResource{Version: "v1", Resource: strings.TrimSuffix(kind, "s") + "s"}, nil)(c, args, begun)
		for i := range names {
			names[i] = kind + "/" + names[i]
		}
		return names, how
	})
}

// CompleteReleases offers the names of managed Services and, behind one, the numbers of its releases that are known, the newest first.
func CompleteReleases(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	services := CompleteServices(flags)
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return services(c, args, begun)
		}
		return completions(c, func(ctx context.Context) ([]cobra.Completion, error) {
			cluster, err := Connect(flags)
			if err != nil {
				return nil, err
			}
			shift, err := cluster.Shift(ctx, ServiceName(args[0]))
			if err != nil {
				return nil, err
			}
			return releases(shift), nil
		}, cobra.ShellCompDirectiveKeepOrder)
	}
}

// releases are the numbers of the known releases with what they were.
func releases(shift *v1alpha1.TrafficShift) []cobra.Completion {
	var numbers []cobra.Completion
	if r := shift.Status.Release; r != nil {
		numbers = append(numbers, cobra.CompletionWithDesc(strconv.FormatInt(r.Number, 10), string(r.State)))
	}
	for _, past := range shift.Status.History {
		if r := shift.Status.Release; r == nil || r.Number != past.Number {
			numbers = append(numbers, cobra.CompletionWithDesc(strconv.FormatInt(past.Number, 10), string(past.Outcome)))
		}
	}
	return numbers
}

// Complete gives a command the completion of those of its own flags that name something in the cluster or the kubeconfig, or that choose an
// output. An argument that it does not complete by itself is no file.
func Complete(c *cobra.Command, flags *genericclioptions.ConfigFlags) {
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	values := map[string]cobra.CompletionFunc{
		"policy":     completeNames(flags, PoliciesResource, nil),
		"deployment": completeNames(flags, DeploymentsResource, nil),
		"namespace":  completeNames(flags, NamespacesResource, nil),
		"context":    completeContexts(flags),
	}
	if output := c.Flags().Lookup("output"); output != nil {
		values["output"] = cobra.FixedCompletions(outputs(output.Usage), cobra.ShellCompDirectiveNoFileComp)
	}
	for name, offered := range values {
		if c.LocalFlags().Lookup(name) == nil {
			continue
		}
		if err := c.RegisterFlagCompletionFunc(name, offered); err != nil {
			cobra.CompErrorln(err.Error()) // the verb works without
		}
	}
}

// outputs are the values of --output that its help lists, as in "json, yaml or name: show the object".
func outputs(help string) []cobra.Completion {
	listed, _, _ := strings.Cut(help, ":")
	return regexp.MustCompile(`, | or `).Split(listed, -1)
}

// first offers completions of the first argument only.
func first(offered cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offered(c, args, begun)
	}
}

// completeNames offers the names of the objects of a kind that are wanted; nil wants all. Of those only the metadata is asked for.
func completeNames(flags *genericclioptions.ConfigFlags, kind schema.GroupVersionResource, wanted func(metav1.PartialObjectMetadata) bool) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completions(c, func(ctx context.Context) ([]cobra.Completion, error) {
			namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
			if err != nil {
				return nil, err
			}
			config, err := flags.ToRESTConfig()
			if err != nil {
				return nil, err
			}
			client, err := metadata.NewForConfig(config)
			if err != nil {
				return nil, err
			}
			objects := client.Resource(kind).Namespace(namespace)
			if kind == PoliciesResource || kind == NamespacesResource {
				objects = client.Resource(kind)
			}
			list, err := objects.List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			var names []cobra.Completion
			for _, o := range list.Items {
				if wanted == nil || wanted(o) {
					names = append(names, o.Name)
				}
			}
			slices.Sort(names)
			return names, nil
		}, cobra.ShellCompDirectiveDefault)
	}
}

// completeContexts offers the contexts of the kubeconfig.
func completeContexts(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completions(c, func(context.Context) ([]cobra.Completion, error) {
			config, err := flags.ToRawKubeConfigLoader().RawConfig()
			return slices.Sorted(maps.Keys(config.Contexts)), err
		}, cobra.ShellCompDirectiveDefault)
	}
}

// completions asks for completions, for no longer than completeWithin; none when that fails. They are no files.
func completions(c *cobra.Command, ask func(context.Context) ([]cobra.Completion, error), how cobra.ShellCompDirective) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, stop := context.WithTimeout(c.Context(), completeWithin)
	defer stop()
	offered, err := ask(ctx)
	if err != nil {
		cobra.CompErrorln(text.Clean(Explain(err).Error()))
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for i, o := range offered {
		if name, said, described := strings.Cut(o, "\t"); described {
			offered[i] = cobra.CompletionWithDesc(text.Clean(name), text.Clean(said))
		} else {
			offered[i] = text.Clean(name)
		}
	}
	return offered, how | cobra.ShellCompDirectiveNoFileComp
}
