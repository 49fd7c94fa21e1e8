#!/usr/bin/env bash
# Makes all that a release consists of, into dist/: hack/release.sh v0.1.0. Nothing is published. When something fails there is no dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-}
if ! [[ $version =~ ^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$ ]]; then
	echo "VERSION is \"$version\"; it must be a v and three numbers, such as VERSION=v0.1.0" >&2
	exit 1
fi
helm() { go tool -modfile=hack/packaging/go.mod helm "$@"; }
quietly() { # the chart's links into the folders beside it are meant; Helm tells of each
	local talk
	talk=$(mktemp)
	if ! "$@" 2>"$talk"; then
		cat "$talk" >&2
		exit 1
	fi
	rm "$talk"
}
rm -rf dist
mkdir -p bin
made=$(mktemp -d "$PWD/bin/release-XXXXXX")
trap 'rm -rf "$made"' EXIT
chmod 755 "$made"

echo "▸ the image, for two platforms, with its SBOMs"
quietly go -C hack/packaging tool image -version "$version" -archive "$made/stagger-image-$version.tar" -sbom "$made" -root "$PWD"

echo "▸ the chart, and its default rendering for kubectl apply"
quietly helm package manifests/chart --version "${version#v}" --app-version "$version" --destination "$made"
{
	cat manifests/kustomize/namespace.yaml
	quietly helm template stagger "$made/stagger-${version#v}.tgz" -n stagger-system --no-hooks \
		--api-versions admissionregistration.k8s.io/v1/MutatingAdmissionPolicy
} >"$made/stagger-$version.yaml"

echo "▸ the plugin, for each platform of its manifest for krew"
hack/krew.sh "$version"
cp bin/krew/*.tar.gz "$made"
cp bin/krew/stagger.yaml "$made/krew-stagger.yaml"

echo "▸ what has changed, and checksums"
section() { awk -v head="## [$1]" 'index($0, "## [") == 1 { on = index($0, head) == 1; next } on' CHANGELOG.md; }
notes=$(section "${version#v}")
if [ -z "$notes" ]; then
	echo "CHANGELOG.md has no section [${version#v}]: what is under [Unreleased] is taken" >&2
	notes=$(section Unreleased)
fi
printf '# Stagger %s\n%s\n' "$version" "$notes" >"$made/CHANGES-$version.md"
(cd "$made" && sha256sum -- * >SHA256SUMS)
mv "$made" dist
ls -l dist
