#!/usr/bin/env bash
# Tells the demo on a mesh of its own. FAULT is errors, crash, slow-start or none; with SHELL_AFTER=1 the mesh stays and a shell
# in it is opened instead, with kubectl, the plugin and the operator's program.
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
go build -trimpath -o "$dir/bin/" ./operator/cmd/kubectl-stagger ./hack/demo
go -C hack/localmesh build -trimpath -o "$dir/bin/localmesh" .

echo "▸ the mesh: etcd, kube-apiserver, controllers, istiod, Envoy, Prometheus (the first time it is built, for some ten minutes)"
"$dir/bin/localmesh" up
export PATH=$dir/bin:$PATH
if [ "${SHELL_AFTER:-}" ]; then
	"$dir/bin/localmesh" exec -- "$dir/bin/demo" -fault none -root "$PWD" -dir "$dir/demo" || true
	echo "▸ you are inside the mesh: kubectl -n shop get all, kubectl stagger -n shop status checkout, localmesh load --help"
	"$dir/bin/localmesh" exec -- "${SHELL:-bash}"
else
	"$dir/bin/localmesh" exec -- "$dir/bin/demo" -fault "${FAULT:-errors}" -root "$PWD" -dir "$dir/demo"
fi
