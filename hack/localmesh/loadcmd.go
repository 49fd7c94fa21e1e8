package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/stagger-dev/stagger/hack/localmesh/load"
	"github.com/stagger-dev/stagger/hack/localmesh/mesh"
	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

func loadCommand(open opener) *cobra.Command {
	o := load.Options{Headers: http.Header{}}
	var addr, record string
	headers := map[string]string{}
	var shares, theirs []string
	cmd := &cobra.Command{
		Use:   "load --host HOST [--rate N] [--record FILE]",
		Short: "Send requests at a fixed rate and record what was answered, one line each second",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name, value := range headers {
				o.Headers.Set(name, value)
			}
			var err error
			if o.Cohorts, err = load.ParseCohorts(shares, theirs); err != nil {
				return err
			}
			if o.Addr, err = address(addr); err != nil {
				return err
			}
			dir, err := open()
			if err != nil {
				return err
			}
			inside, err := mesh.Inside(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if !inside {
				self, err := os.Executable()
				if err != nil {
					return fmt.Errorf("finding this program: %w", err)
				}
				return mesh.Exec(cmd.Context(), dir, append([]string{self}, os.Args[1:]...))
			}
			return runLoad(cmd, o, record)
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "addr", "gateway", "whom to send to: gateway, sidecar or IP:PORT")
	f.StringVar(&o.Host, "host", "", "Host header, such as checkout.example.com")
	f.StringVar(&o.Path, "path", "/", "path and query")
	f.StringToStringVar(&headers, "header", nil, "NAME=VALUE of a further header; may be repeated")
	f.StringArrayVar(&shares, "cohort", nil, "NAME=SHARE of the requests that are a group's, recorded by its name, such as staff=0.1; may be repeated")
	f.StringArrayVar(&theirs, "cohort-header", nil,
		"NAME:HEADER=VALUE that a group sends, such as staff:cookie=cohort=staff or \"early:authorization=Bearer TOKEN\"; may be repeated")
	f.Float64Var(&o.Rate, "rate", 50, "requests per second")
	f.DurationVar(&o.Duration, "duration", 0, "how long; 0 until a signal")
	f.DurationVar(&o.Timeout, "timeout", 10*time.Second, "for one answer")
	f.IntVar(&o.Outstanding, "outstanding", 1000, "most unanswered requests; further ones are dropped and counted as such")
	f.StringVar(&record, "record", "", "file for the record, written anew")
	return cmd
}

// runLoad prints the summary to standard output.
func runLoad(cmd *cobra.Command, o load.Options, record string) error {
	out := io.Discard
	if record != "" {
		file, err := os.Create(record)
		if err != nil {
			return fmt.Errorf("creating the record: %w", err)
		}
		defer file.Close()
		out = file
	}
	summary, err := load.Run(cmd.Context(), o, out)
	if err != nil {
		return err
	}
	return json.NewEncoder(cmd.OutOrStdout()).Encode(summary)
}

func address(name string) (string, error) {
	switch name {
	case "gateway":
		return state.Gateway, nil
	case "sidecar":
		return state.Sidecar, nil
	}
	if _, _, err := net.SplitHostPort(name); err != nil {
		return "", fmt.Errorf("--addr %q: use gateway, sidecar or IP:PORT: %w", name, err)
	}
	return name, nil
}
