#!/usr/bin/env bash
# Tells the demo on a mesh of its own. FAULT is errors, crash, slow-start or none.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d "${TMPDIR:-/tmp}/stagger-demo.XXXXXX")
export STAGGER_MESH=$dir/mesh
end() {
	status=$?
	"$dir/bin/localmesh" down >/dev/null 2>&1 || true
	if [ $status -eq 0 ]; then rm -rf "$dir"; else echo "logs and records are in $dir" >&2; fi
}
trap end EXIT

echo "▸ building the operator, the plugin, the mesh and the demo"
mkdir -p "$dir/bin"
export CGO_ENABLED=0
GOGC=400 go build -trimpath -o "$dir/bin/" ./operator/cmd/kubectl-stagger ./hack/demo
GOGC=400 go -C hack/localmesh build -trimpath -o "$dir/bin/localmesh" .

echo "▸ the mesh: etcd, kube-apiserver, controllers, istiod, Envoy, Prometheus (the first time it is built, for some eight minutes)"
"$dir/bin/localmesh" up
export PATH=$dir/bin:$PATH
"$dir/bin/localmesh" exec -- "$dir/bin/demo" -fault "${FAULT:-errors}" -root "$PWD" -dir "$dir/demo"
