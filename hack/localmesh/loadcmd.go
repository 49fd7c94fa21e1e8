package main

import "github.com/spf13/cobra"

func loadCommand(opener) *cobra.Command { return &cobra.Command{Use: "load"} }
