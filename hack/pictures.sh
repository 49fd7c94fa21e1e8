#!/usr/bin/env bash
# Draws the dashboards into manifests/docs/images, light and dark: the files that are shipped for Grafana, by the renderer of Perses in Chromium,
# from a real Prometheus with a day of a made-up fleet, whose releases are simulated. Wants Node.js with npm; what npm installs (0.5 GB) stays in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
hack/browser.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stagger/pictures
mkdir -p "$cache"
if ! cmp -s hack/pictures/package-lock.json "$cache/package-lock.json" || [ ! -e "$cache/node_modules/.package-lock.json" ]; then
	echo "▸ installing the renderer by npm: some minutes the first time" >&2
	cp hack/pictures/package.json hack/pictures/package-lock.json hack/pictures/.npmrc "$cache"
	npm --prefix "$cache" ci --no-audit --no-fund >/dev/null
fi
promtool=$(hack/mesh-program.sh promtool)
server=$(hack/mesh-program.sh prometheus)

work=$(mktemp -d)
end() {
	[ -z "${prometheus:-}" ] || kill "$prometheus" 2>/dev/null || true
	rm -rf "$work"
}
trap end EXIT
cp hack/pictures/*.jsx hack/pictures/*.js hack/pictures/panels.json hack/pictures/page.html "$work"
ln -s "$cache/node_modules" "$work/node_modules"
(cd "$work" && node_modules/.bin/esbuild page.jsx --bundle --log-level=error --jsx=automatic --outfile=page.js \
	--define:global=globalThis --define:process.env.NODE_ENV='"production"' --loader:.woff=dataurl --loader:.woff2=dataurl \
	--alias:@tanstack/react-query="$cache/node_modules/@tanstack/react-query/build/lib/index.mjs" --alias:boards="$root/manifests/monitoring/dashboards")

echo "▸ a day of a made-up fleet" >&2
go build -o "$work/pictures" ./hack/pictures
"$work/pictures" fleet manifests/policies >"$work/fleet.om"
"$promtool" tsdb create-blocks-from openmetrics "$work/fleet.om" "$work/data" >/dev/null
rm "$work/fleet.om"
echo "global: {}" >"$work/prometheus.yaml"
port=$((20000 + $$ % 20000))
# A series is over when it has had no sample for longer than from one to the next.
"$server" --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/data" --storage.tsdb.retention.time=100y \
	--web.listen-address="127.0.0.1:$port" --query.lookback-delta=45s --log.level=warn 2>"$work/prometheus.log" &
prometheus=$!
echo "▸ photographing the boards" >&2
mkdir -p manifests/docs/images
"$work/pictures" photograph "$work/page.html" "http://127.0.0.1:$port" manifests/docs/images
