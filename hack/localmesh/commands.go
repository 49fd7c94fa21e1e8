package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stagger-dev/stagger/hack/localmesh/build"
	"github.com/stagger-dev/stagger/hack/localmesh/mesh"
	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "localmesh",
		Short:         "A real Kubernetes and Istio mesh on one machine, without containers",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	var folder string
	root.PersistentFlags().StringVar(&folder, "state", "", "folder of the mesh (default $STAGGER_MESH, else $XDG_STATE_HOME/stagger/localmesh)")
	open := func() (state.Dir, error) { return state.Open(folder) }
	root.AddCommand(
		buildCommand(), upCommand(open), downCommand(open), statusCommand(open), execCommand(open), logsCommand(open),
		faultCommand(open), loadCommand(open), superviseCommand(open), agentCommand(),
	)
	return root
}

// opener returns the mesh's folder once flags are parsed.
type opener func() (state.Dir, error)

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use: "build", Short: "Build the mesh's programs into the cache, if they are not there", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := build.All(cmd.Context(), cmd.ErrOrStderr())
			return err
		},
	}
}

func upCommand(open opener) *cobra.Command {
	var o mesh.Options
	cmd := &cobra.Command{
		Use: "up", Short: "Bring a mesh up; returns when it routes requests", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			if o.Binaries, err = build.All(cmd.Context(), cmd.ErrOrStderr()); err != nil {
				return err
			}
			ctx := cmd.Context()
			if o.Foreground {
				ctx = whileParentLives(ctx)
			}
			return mesh.Up(ctx, dir, o, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&o.Foreground, "foreground", false, "stay, and take the mesh down on a signal, at exit, or when the parent process dies")
	cmd.Flags().DurationVar(&o.ScrapeInterval, "scrape-interval", time.Second, "how often Prometheus scrapes the proxies")
	cmd.Flags().BoolVar(&o.Audit, "audit", false, "let the API server write audit.log, one line for each write")
	cmd.Flags().BoolVar(&o.Ahead, "ahead", false, "run ahead of the machine's other work, if this user may")
	cmd.Flags().StringArrayVar(&o.IstiodEnv, "istiod-env", nil, "NAME=VALUE for istiod, such as PILOT_DEBOUNCE_AFTER=10ms; may be repeated")
	return cmd
}

func downCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the mesh and remove its data (logs stay)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			return mesh.Down(cmd.Context(), dir)
		},
	}
}

func statusCommand(open opener) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the components; fails when no mesh is up", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			r, err := mesh.Look(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			return printStatus(cmd, dir, r)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printStatus(cmd *cobra.Command, dir state.Dir, r mesh.Report) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tSTATE\tPID\tRSS MiB\tFOR\tERROR")
	total := 0
	for _, c := range r.Components {
		total += c.RSSMiB
		age := ""
		if !c.Since.IsZero() {
			age = time.Since(c.Since).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", c.Name, c.State, c.PID, c.RSSMiB, age, c.Error)
	}
	fmt.Fprintf(w, "\nready %v, supervisor %d, %d MiB in all, state %s\n", r.Ready, r.PID, total, dir)
	fmt.Fprintf(w, "gateway %s  sidecar %s  prometheus %s\n", state.Gateway, state.Sidecar, state.Prometheus)
	return w.Flush()
}

func execCommand(open opener) *cobra.Command {
	var ahead bool
	cmd := &cobra.Command{
		Use: "exec -- CMD...", Short: "Run a command inside the mesh's network, with KUBECONFIG and the like set", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			if ahead {
				if _, err := syscall.Setsid(); err != nil {
					return fmt.Errorf("beginning a session: %w", err)
				}
				if err := mesh.GoAhead(); err != nil {
					return err
				}
			}
			return mesh.Exec(cmd.Context(), dir, args)
		},
	}
	cmd.Flags().BoolVar(&ahead, "ahead", false, "run in a session of its own, ahead of the machine's other work if this user may")
	return cmd
}

func logsCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use: "logs [COMPONENT]", Short: "Print a component's log, or the names of all logs", Args: cobra.MaximumNArgs(1),
		ValidArgs: mesh.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			names := append([]string{"supervisor"}, mesh.Names()...)
			if len(args) == 0 {
				for _, name := range names {
					fmt.Fprintln(cmd.OutOrStdout(), dir.Log(name))
				}
				return nil
			}
			data, err := os.ReadFile(dir.Log(args[0]))
			if err != nil {
				return fmt.Errorf("there is no log of %q (names: %v): %w", args[0], names, err)
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
}

func superviseCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use: "supervise", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := open()
			if err != nil {
				return err
			}
			return mesh.RunSupervisor(cmd.Context(), dir)
		},
	}
}
