#!/usr/bin/env bash
# Runs the counting expressions and the alerts on Prometheus's own engine. Takes $PROMTOOL, the promtool beside $LOCALMESH_PROMETHEUS, or that of
# the local mesh.
set -euo pipefail
cd "$(dirname "$0")/.."
promtool=${PROMTOOL:-${LOCALMESH_PROMETHEUS:+$(dirname "$LOCALMESH_PROMETHEUS")/promtool}}
[ -n "$promtool" ] || promtool=$(hack/mesh-program.sh promtool)
"$promtool" test rules pkg/counting/promql/testdata/*.test.yml
# The rules are what is below spec in the PrometheusRule.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n '/^  groups:/,$ s/^  //p' manifests/monitoring/alerts.yaml >"$work/rules.yaml"
cp manifests/monitoring/alerts.test.yaml "$work"
"$promtool" check rules "$work/rules.yaml"
"$promtool" test rules "$work/alerts.test.yaml"
