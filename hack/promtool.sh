#!/usr/bin/env bash
# Runs the counting expressions on Prometheus's own engine. Takes $PROMTOOL, the promtool beside $LOCALMESH_PROMETHEUS, or the
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
exec "$promtool" test rules pkg/counting/promql/testdata/*.test.yml
