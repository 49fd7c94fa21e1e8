#!/usr/bin/env bash
# Fails when generated files differ from what their sources give. Nothing of the tree is changed.
set -eu
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
hack/generate.sh "$fresh"
status=0
for file in $(cd "$fresh" && find . -type f); do
	diff -u "$file" "$fresh/$file" || status=1
done
for file in manifests/crd/*.yaml manifests/docs/reference/cli/*.md; do
	case $file in */kustomization.yaml) continue ;; esac
	[ -e "$fresh/$file" ] || { echo "$file is not generated any more: remove it"; status=1; }
done
[ $status = 0 ] || echo "generated files have drifted: run make generate" >&2
exit $status
