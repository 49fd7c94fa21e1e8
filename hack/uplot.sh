#!/usr/bin/env bash
# Fetches uPlot, which draws the dashboard's plots, into the page: the pinned version, refused when it is not what it was. What is there is
# committed, so that nothing but a new version needs npm.
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.6.32
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
archive=$(npm pack --silent --pack-destination "$fresh" "uplot@$version")
echo "4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d  $fresh/$archive" | sha256sum --check --quiet
tar -C "$fresh" -xzf "$fresh/$archive"
cp "$fresh"/package/{dist/uPlot.iife.min.js,dist/uPlot.min.css,LICENSE} operator/kubectl/dashboard/page/uplot/
