// The operator of Stagger: releases new versions behind Istio step by step.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // the image has no files but the operator: no certificates of the system either
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager/signals"

	"github.com/stagger-dev/stagger/operator/controllers"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/operator/version"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "stagger:", err)
		os.Exit(1)
	}
}

// run returns when the operator was told to end, or with what keeps it from working.
func run(args []string, out, talk io.Writer) error {
	o, err := options.Parse(args, talk)
	if err != nil {
		return err
	}
	if o.Version {
		_, err := fmt.Fprintln(out, version.String())
		return err
	}
	logger := o.Log.Logger(talk)
	log.SetLogger(logger)
	klog.SetLogger(logger)
	m, held, err := o.NewManager()
	if err != nil {
		return err
	}
	set, err := newMetrics(o, m, logger.WithName("metrics"))
	if err != nil {
		return err
	}
	l, err := newLoop(o, logger.WithName("evidence"), set)
	if err != nil {
		return fmt.Errorf("setting up the evidence: %w", err)
	}
	if err := m.Add(l); err != nil {
		return fmt.Errorf("adding the evidence to the manager: %w", err)
	}
	reader, err := newReader(o, logger.WithName("direct"), set)
	if err != nil {
		return fmt.Errorf("setting up direct reading: %w", err)
	}
	if err := m.Add(reader); err != nil {
		return fmt.Errorf("adding direct reading to the manager: %w", err)
	}
	if err := controllers.Setup(m, o, held, l, reader, set); err != nil {
		return fmt.Errorf("setting up the controllers: %w", err)
	}
	ctx := signals.SetupSignalHandler()
	if err := controllers.CheckIdentity(ctx, m.GetClient(), m.GetAPIReader()); err != nil {
		return err
	}
	logger.Info("Starting", "version", version.String())
	return m.Start(ctx)
}
