#!/usr/bin/env bash
# Runs the counting expressions and the alerts on Prometheus's own engine. Takes $PROMTOOL, the promtool beside $LOCALMESH_PROMETHEUS, or the
# newest that the local mesh has built, which is built first when there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

newest() {
	ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/stagger/localmesh/prometheus-*/promtool 2>/dev/null | head -n 1 || true
}

promtool=${PROMTOOL:-${LOCALMESH_PROMETHEUS:+$(dirname "$LOCALMESH_PROMETHEUS")/promtool}}
promtool=${promtool:-$(newest)}
if [ -z "$promtool" ]; then
	go -C hack/localmesh run . build
	promtool=$(newest)
fi
"$promtool" test rules pkg/counting/promql/testdata/*.test.yml
# The rules are what is below spec in the PrometheusRule.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n '/^  groups:/,$ s/^  //p' manifests/monitoring/alerts.yaml >"$work/rules.yaml"
cp manifests/monitoring/alerts.test.yaml "$work"
"$promtool" check rules "$work/rules.yaml"
"$promtool" test rules "$work/alerts.test.yaml"
