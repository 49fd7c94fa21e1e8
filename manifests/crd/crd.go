// Package crd holds the CRDs for programs, as they are installed.
package crd

import "embed"

// Files are the CRDs, a file each: stagger.dev_shiftpolicies.yaml and stagger.dev_trafficshifts.yaml.
//
//go:embed stagger.dev_*.yaml
var Files embed.FS
