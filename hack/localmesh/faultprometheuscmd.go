package main

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stagger-dev/stagger/hack/localmesh/mesh"
	"github.com/stagger-dev/stagger/hack/localmesh/promfault"
)

// partialWarning is what --partial has answers say.
const partialWarning = "partial response: a store did not answer"

func faultPrometheusCommand(open opener) *cobra.Command {
	var f promfault.Fault
	var partial, honest bool
	cmd := &cobra.Command{
		Use:   "prometheus [NAME]",
		Short: "Spoil answers of the Prometheus at PROMETHEUS_URL_FAULTY[/NAME], in place of what was ordered before; without a flag: print that as JSON",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.Join(args, "")
			dir, err := open()
			if err != nil {
				return err
			}
			if honest {
				return mesh.ClearPrometheusFault(cmd.Context(), dir, name)
			}
			if reflect.DeepEqual(f, promfault.Fault{}) && !partial {
				st, err := mesh.PrometheusFault(cmd.Context(), dir, name)
				if err != nil {
					return err
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(st)
			}
			if partial {
				f.Warnings = append(f.Warnings, partialWarning)
				if f.Omit == 0 {
					f.Omit = 2
				}
			}
			return mesh.SetPrometheusFault(cmd.Context(), dir, name, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Query, "query", "", "a part of the PromQL of the questions it is about (default all)")
	fl.DurationVar(&f.Delay, "delay", 0, "hold each answer back for so long")
	fl.DurationVar(&f.Ago, "ago", 0, "answer as of so long ago")
	fl.DurationVar(&f.Behind, "behind", 0, "answer what is asked about the last so long as of so long ago, and say nothing of it")
	fl.DurationVar(&f.Ahead, "ahead", 0, "have its clock so much ahead of everybody else's; negative: behind")
	fl.BoolVar(&partial, "partial", false, "leave out every second series, or as --omit says, and warn of it, as a store of many does")
	fl.IntVar(&f.Omit, "omit", 0, "leave out every n-th series, and say nothing of it")
	fl.StringArrayVar(&f.Warnings, "warning", nil, "a warning in each answer; may be repeated")
	fl.StringArrayVar(&f.Infos, "info", nil, "an info in each answer; may be repeated")
	fl.BoolVar(&f.Replicas, "replicas", false, "let a random one of two Prometheuses answer; the second is started when it is first asked for")
	fl.BoolVar(&honest, "clear", false, "answer honestly again; answers that are held back are given")
	fl.DurationVar(&f.For, "for", 0, "how long (default: until it is cleared)")
	return cmd
}
