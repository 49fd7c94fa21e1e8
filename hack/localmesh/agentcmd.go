package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/stagger-dev/stagger/hack/localmesh/agent"
)

// Limits of the agent's client, in requests per second: a node of thousands of pods has much to tell.
const (
	agentQPS   = 1000
	agentBurst = 2000
)

func agentCommand() *cobra.Command {
	var kubeconfig, targets, envoy string
	cmd := &cobra.Command{
		Use: "agent", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("reading the kubeconfig: %w", err)
			}
			config.QPS, config.Burst = agentQPS, agentBurst
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return fmt.Errorf("building a client: %w", err)
			}
			return agent.New(client, targets, envoy, "node-1", "node-2").Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig")
	cmd.Flags().StringVar(&targets, "targets", "", "file of the pods' metrics, for Prometheus")
	cmd.Flags().StringVar(&envoy, "envoy", "", "the program that is a pod's sidecar")
	return cmd
}
