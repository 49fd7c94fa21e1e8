// The operator of Stagger: releases new versions behind Istio step by step.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager/signals"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/stagger-dev/stagger/operator/controllers"
	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/options"
)

func main() {
	if err := run(); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "stagger:", err)
		os.Exit(1)
	}
}

func run() error {
	o, err := options.Parse(os.Args[1:], os.Stderr)
	if err != nil {
		return err
	}
	if o.Version {
		fmt.Println(options.Version())
		return nil
	}
	logger := o.Log.Logger(os.Stderr)
	log.SetLogger(logger)
	m, err := o.NewManager()
	if err != nil {
		return err
	}
	settings, err := counting(o, logger)
	if err != nil {
		return err
	}
	settings.Metrics = metrics.Registry
	loop, err := evidence.New(settings)
	if err != nil {
		return fmt.Errorf("setting up the evidence: %w", err)
	}
	if err := errors.Join(m.Add(loop), controllers.Setup(m, o, loop)); err != nil {
		return err
	}
	return m.Start(signals.SetupSignalHandler())
}
