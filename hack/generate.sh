#!/usr/bin/env bash
# Generates the CRDs, the operator's roles, the deepcopies and the reference of the metrics below a root: this repository, or the folder given.
set -eu
cd "$(dirname "$0")/.."
root=${1:-.}
gen() { go tool -modfile=hack/tools/go.mod controller-gen "$@"; }
gen object paths=./pkg/apis/... output:object:dir="$root/pkg/apis/stagger/v1alpha1"
gen crd paths=./pkg/apis/... output:crd:dir="$root/manifests/crd"
gen rbac:roleName=stagger paths=./operator/controllers output:rbac:dir="$root/manifests/rbac"
mkdir -p "$root/manifests/docs/reference"
go run ./hack/metricsdoc >"$root/manifests/docs/reference/metrics.md"
