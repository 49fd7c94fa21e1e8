package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Result is what came of looking at one thing.
type Result string

// The results, from good to bad.
const (
	// ResultOK: it is as it must be.
	ResultOK Result = "ok"
	// ResultUnknown: it could not be looked at; what to do says how it can be.
	ResultUnknown Result = "unknown"
	// ResultWarning: releases work, and something is lost.
	ResultWarning Result = "warning"
	// ResultMissing: releases do not work until something is done.
	ResultMissing Result = "missing"
)

// Finding is one line of the answer.
type Finding struct {
	// Check is what was looked at, such as "admission policies".
	Check string `json:"check"`
	// Result says how it is.
	Result Result `json:"result"`
	// Found is what is there, in one sentence.
	Found string `json:"found"`
	// Do is what to do about it; empty where there is nothing to do.
	Do string `json:"do,omitempty"`
}

// limit is how long all of a check may take.
const limit = time.Minute

// check is the verb and its flags.
type check struct {
	pre        bool
	prometheus cli.Address
	output     cli.Output
	env        cli.Env
	cluster    cli.Cluster
	findings   []Finding
	// known are the ShiftPolicies; none where they could not be read, which a finding says.
	known []*v1alpha1.ShiftPolicy
}

// NewVerb returns kubectl stagger check.
func NewVerb(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	k := check{env: env}
	c := &cobra.Command{
		Use:   "check",
		Short: "Show what the cluster lacks for releases step by step, before and after installing",
		Long: "Show what the cluster lacks for releases step by step, and what to do about it: versions, CRDs, admission policies, the operator and its\n" +
			"rights in the namespace, and with --prometheus whether Istio's metrics there suffice. Nothing is written.\n\n" +
			"Exit codes:\n  0  nothing is missing\n  1  something is missing, or the cluster did not answer",
		Example: "  kubectl stagger check --pre --prometheus http://127.0.0.1:9090\n  kubectl stagger check -n shop --prometheus http://127.0.0.1:9090",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("check takes no name; leave it out")
			}
			return k.output.Check("json", "yaml")
		},
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			k.cluster, k.env = cluster, cluster.Timed(env)
			ctx, stop := context.WithTimeoutCause(c.Context(), limit, fmt.Errorf("the check took longer than %s", limit))
			defer stop()
			return k.run(ctx)
		},
	}
	c.Flags().BoolVar(&k.pre, "pre", false, "look at what must be there before Stagger is installed, and no further")
	k.prometheus.AddTo(c.Flags(), "the address of the mesh's Prometheus as seen from here, such as that of a kubectl port-forward")
	k.output.AddTo(c.Flags(), "json or yaml")
	return c
}

// run looks at everything, prints the answer, and returns exit code 1 when something is missing.
func (k *check) run(ctx context.Context) error {
	if err := k.versions(ctx); err != nil {
		return err // nothing answers
	}
	if !k.pre {
		k.installed(ctx)
	}
	k.telemetry(ctx)
	if err := cli.PrintValue(k.output, k.env, k.findings, func() string { return text(k.findings) }); err != nil {
		return err
	}
	for _, f := range k.findings {
		if f.Result == ResultMissing {
			return cli.ExitStatus{Code: cli.ExitError}
		}
	}
	return nil
}

func (k *check) add(result Result, what, found, do string) {
	k.findings = append(k.findings, Finding{Check: what, Result: result, Found: found, Do: do})
}

// unknown says that something could not be looked at.
func (k *check) unknown(what string, err error) {
	do := ""
	if apierrors.IsForbidden(err) {
		do = "let somebody look who may: an administrator of the cluster"
	}
	k.add(ResultUnknown, what, cli.Explain(err).Error(), do)
}

// text is the table of the findings: what to do stands below what was found.
func text(findings []Finding) string {
	width, counts := len("CHECK"), map[Result]int{}
	for _, f := range findings {
		width = max(width, len(f.Check))
		counts[f.Result]++
	}
	var out strings.Builder
	row := func(result, check, found string) {
		out.WriteString(strings.TrimRight(fmt.Sprintf("%-8s %-*s  %s", result, width, check, found), " ") + "\n")
	}
	row("RESULT", "CHECK", "FOUND")
	for _, f := range findings {
		row(string(f.Result), f.Check, f.Found)
		if f.Do != "" {
			row("", "", "do: "+f.Do)
		}
	}
	fmt.Fprintf(&out, "\n%d ok, %d missing, %d warnings, %d unknown\n", counts[ResultOK], counts[ResultMissing], counts[ResultWarning], counts[ResultUnknown])
	return out.String()
}
