package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stagger-dev/stagger/hack/localmesh/apifault"
	"github.com/stagger-dev/stagger/hack/localmesh/mesh"
)

func faultCommand(open opener) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault pause|resume|kill|start|restart COMPONENT",
		Short: "Pause, kill or start a component, or spoil requests to the API server and answers of Prometheus",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			return mesh.Fault(cmd.Context(), dir, args[0], args[1])
		},
	}
	cmd.AddCommand(faultAPICommand(open), faultPrometheusCommand(open), faultListCommand(open), faultClearCommand(open))
	return cmd
}

func faultAPICommand(open opener) *cobra.Command {
	var r apifault.Rule
	cmd := &cobra.Command{
		Use: "api", Short: "Spoil requests that come by way of kubeconfig-faulty; prints the rule's number", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			known, err := mesh.AddRule(cmd.Context(), dir, r)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), known.ID)
			return err
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&r.Verbs, "verb", nil, "get, list, watch, create, update, patch, delete, deletecollection (default all)")
	f.StringSliceVar(&r.Resources, "resource", nil, "RESOURCE[.GROUP][/SUBRESOURCE]; /* for all subresources and the resource (default all)")
	f.StringSliceVar(&r.Namespaces, "namespace", nil, "namespaces in the request's path (default all)")
	f.StringSliceVar(&r.Names, "name", nil, "names in the request's path; a create has none (default all)")
	f.StringVar(&r.UserAgent, "user-agent", "", "a part of the client's User-Agent")
	f.DurationVar(&r.Delay, "delay", 0, "wait before whatever else happens")
	f.IntVar(&r.Status, "status", 0, "refuse with this status; the server does not see the request")
	f.StringVar(&r.Reason, "reason", "", "reason of the refusal, such as Conflict (default: follows from the status)")
	f.StringVar(&r.Message, "message", "", "message of the refusal")
	f.DurationVar(&r.RetryAfter, "retry-after", 0, "header Retry-After of the refusal; client-go then tries again by itself")
	f.BoolVar(&r.Hang, "hang", false, "give no answer until the client goes or the rule is over; the server does not see the request")
	f.BoolVar(&r.Break, "break", false, "let the server do it, and cut the connection in place of its answer")
	f.BoolVar(&r.Stall, "stall", false, "hold back the events of watches, also of those that go on, until the rule is over")
	f.IntVar(&r.Skip, "skip", 0, "how many requests pass first")
	f.DurationVar(&r.For, "for", 0, "how long the rule holds (default: until it is cleared)")
	f.IntVar(&r.Count, "count", 0, "how many requests it strikes (default: all)")
	return cmd
}

func faultListCommand(open opener) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "Show the rules for requests to the API server, and how often each has struck", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			all, err := mesh.RuleList(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tVERBS\tRESOURCES\tFAULT\tSTRUCK\tOVER")
			for _, k := range all {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%v\n", k.ID, orAll(k.Verbs), orAll(k.Resources), k.Fault(), k.Struck, k.Over)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func orAll(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return strings.Join(list, ",")
}

func faultClearCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use: "clear [ID...]", Short: "Take rules away, by number, or all of them and the faults of Prometheus; delayed requests go on, hanging ones are cut",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if err := mesh.ClearPrometheusFaults(cmd.Context(), dir); err != nil {
					return err
				}
			}
			return mesh.ClearRules(cmd.Context(), dir, args...)
		},
	}
}
