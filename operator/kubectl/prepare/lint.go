package prepare

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// lint looks at manifests before they are applied.
type lint struct {
	files     []string
	recursive bool
	local     bool
	output    cli.Output
}

// finding is what was found out about one object of the files, or one document that is none.
type finding struct {
	Source    string `json:"source"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Problems are a sentence each; none when the object is sound.
	Problems []string `json:"problems,omitempty"`
	// Unchecked says why nothing, or not everything, could be looked at; "" when all was.
	Unchecked string `json:"unchecked,omitempty"`
	// checked says that something was looked at.
	checked bool
}

func newLint(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	l := lint{}
	c := &cobra.Command{
		Use:   "lint -f <file or folder>",
		Short: "Check policies and manifests before they are applied",
		Long: "Check policies and manifests before they are applied. The cluster checks each object as if it were applied, and stores nothing;\n" +
			"the plugin checks what takes more than one field to see: whether releases can go by a policy, whether the policy that a Service\n" +
			"names is there, whether its routes can be shifted. With --local no cluster is asked, and Stagger's own kinds are checked by the CRDs of\n" +
			"this version. Every problem is named; - marks what nothing could be said of.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger lint -f policy.yaml\n  kubectl kustomize . | kubectl stagger lint --local -f -",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(l.files) == 0 {
				return errors.New("lint needs a file, a folder or - for the standard input: kubectl stagger lint -f policy.yaml")
			}
			if err := l.output.Check("json", "yaml"); err != nil {
				return err
			}
			all, err := readManifests(env, l.files, l.recursive)
			if err != nil {
				return err
			}
			return l.run(c.Context(), flags, env, all)
		},
	}
	c.Flags().StringSliceVarP(&l.files, "filename", "f", nil, "files or folders with manifests, - for the standard input")
	c.Flags().BoolVarP(&l.recursive, "recursive", "R", false, "look into folders of folders too")
	c.Flags().BoolVar(&l.local, "local", false, "ask no cluster")
	l.output.AddTo(c.Flags(), "json or yaml")
	return c
}

// check finds the problems of an object; an error when they could not be found out. Looked is false for an object that is not its affair.
type check func(ctx context.Context, o *unstructured.Unstructured) (found []problem, looked bool, err error)

func (l *lint) run(ctx context.Context, flags *genericclioptions.ConfigFlags, env cli.Env, all []manifest) error {
	files := manifestsOf(all)
	checks := []check{ownProblems, files.routes, policyNamed}
	if !l.local {
		c, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		server, err := checksOfServer(c, files)
		if err != nil {
			return err
		}
		checks = append(checks, server, files.policyExists(c))
	}
	var findings []finding
	for _, m := range all {
		f := finding{Source: m.source}
		switch {
		case m.broken != "":
			f.Problems = []string{m.broken}
		case m.object == nil:
			f.Unchecked = "this is no object of Kubernetes, for it has no kind"
		default:
			if err := f.look(ctx, m.object, checks); err != nil {
				return err
			}
		}
		findings = append(findings, f)
	}
	return l.print(env, findings)
}

// look has all checks look at an object. What may not be asked for is said, and keeps no other check from looking.
func (f *finding) look(ctx context.Context, o *unstructured.Unstructured, checks []check) error {
	f.Kind, f.Namespace, f.Name = o.GetKind(), o.GetNamespace(), o.GetName()
	var all []problem
	for _, check := range checks {
		found, looked, err := check(ctx, o)
		switch {
		case lacksRights(err):
			f.Unchecked = "the cluster did not check it, for you may not do that (" + oneLine(err) + ")"
		case err != nil:
			return err
		}
		all, f.checked = merged(all, found), f.checked || looked
	}
	for _, p := range all {
		f.Problems = append(f.Problems, p.text)
	}
	if !f.checked && f.Unchecked == "" {
		f.Unchecked = "only a cluster can check it"
	}
	return nil
}

// print writes what was found, and says by the exit code whether anything was.
func (l *lint) print(env cli.Env, all []finding) error {
	if err := cli.PrintValue(l.output, env, all, func() string { return lines(all) }); err != nil {
		return err
	}
	bad := 0
	for _, f := range all {
		if len(f.Problems) > 0 {
			bad++
		}
	}
	switch bad {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 of %d objects cannot be used as it is", len(all))
	}
	return fmt.Errorf("%d of %d objects cannot be used as they are", bad, len(all))
}

// lines are one for each object, and one for each problem of an object that has several.
func lines(all []finding) string {
	var b strings.Builder
	for _, f := range all {
		mark, said := "✔", ""
		switch {
		case len(f.Problems) > 0:
			mark = "✖"
		case !f.checked:
			mark = "-"
		}
		switch {
		case len(f.Problems) == 1:
			said = ": " + f.Problems[0]
		case len(f.Problems) > 1:
			said = ":\n    " + strings.Join(f.Problems, "\n    ")
		case f.Unchecked != "":
			said = ": " + f.Unchecked
		}
		fmt.Fprintf(&b, "%s %s%s\n", mark, strings.TrimRight(f.Source+": "+f.Kind+" "+f.Name, ": "), said)
	}
	return b.String()
}
