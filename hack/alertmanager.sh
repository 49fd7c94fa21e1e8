#!/usr/bin/env bash
# Builds Alertmanager into the file given. Its module comes without the files of its web page; an empty one takes their place.
set -euo pipefail
out=$(realpath -m "$1")
module=$(go mod download -json github.com/prometheus/alertmanager@v0.34.1 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$module/." "$work"
chmod -R u+w "$work"
mkdir -p "$work/ui/app/dist"
touch "$work/ui/app/dist/index.html"
CGO_ENABLED=0 go -C "$work" build -trimpath -o "$out" ./cmd/alertmanager
