#!/usr/bin/env bash
# Builds Flagger and Argo Rollouts from their modules, tells the stories of teams who come from them with the tools running beside, and
# records to e2e/testdata/coming-from what they leave.
set -euo pipefail
cd "$(dirname "$0")/.."
flagger=github.com/fluxcd/flagger@v1.44.0
rollouts=github.com/argoproj/argo-rollouts@v1.9.2

out="${XDG_CACHE_HOME:-$HOME/.cache}/stagger/peers"
mkdir -p "$out"

# fetch copies a module to where it can be built: with the replacements of its own go.mod, which go install does not take.
fetch() {
	local folder="$out/src/${1##*/}"
	if [[ ! -d $folder ]]; then
		local module
		module=$(cd / && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
		mkdir -p "$out/src"
		cp -r "$module" "$folder"
		chmod -R u+w "$folder"
	fi
	echo "$folder"
}

folder=$(fetch "$flagger")
CGO_ENABLED=0 go -C "$folder" build -trimpath -o "$out/flagger" ./cmd/flagger
cp "$folder/artifacts/flagger/crd.yaml" "$out/flagger.yaml"
folder=$(fetch "$rollouts")
CGO_ENABLED=0 go -C "$folder" build -trimpath -o "$out/rollouts" ./cmd/rollouts-controller
for crd in "$folder"/manifests/crds/*-crd.yaml; do
	echo ---
	cat "$crd"
done >"$out/rollouts.yaml"

go test -count=1 -timeout=60m -parallel=3 -v -run 'ATeamComesFrom' ./e2e/ -peers "$out"
