#!/usr/bin/env bash
# Raises a mesh with Stagger and the sample service, and opens a shell inside its network. All ends with the shell.
set -euo pipefail
cd "$(dirname "$0")/.."
export STAGGER_MESH
STAGGER_MESH=$(mktemp -d "${TMPDIR:-/tmp}/stagger-shell-XXXXXX")
export PATH="$PWD/bin:$PATH"
operator=
finish() {
	[ -z "$operator" ] || kill "$operator" 2>/dev/null || true
	bin/localmesh down >/dev/null 2>&1 || true
	rm -rf "$STAGGER_MESH"
}
trap finish EXIT
bin/localmesh up
inside() { bin/localmesh exec -- "$@"; }
inside kubectl apply -k manifests/kustomize >/dev/null
inside kubectl -n stagger-system scale deployment/stagger --replicas=0 >/dev/null # it runs beside the cluster, from bin/
inside kubectl wait --for=condition=Established crd/shiftpolicies.stagger.dev crd/trafficshifts.stagger.dev --timeout=30s >/dev/null
inside kubectl apply -k manifests/policies >/dev/null
inside kubectl apply -f hack/localmesh/samples/shop.yaml -f hack/demo/policy.yaml >/dev/null
inside kubectl config set-context --current --namespace=shop >/dev/null
# The operator has the rights it ships with, and no others, and the demo's clock, since this Prometheus scrapes each second.
cat >"$STAGGER_MESH/operator.yaml" <<YAML
sources: [{name: default, address: "http://127.0.0.1:9090", jobs: [envoy-stats]}]
evidence: {slice: 1s, fastTick: 5s, slowTick: 20s, scrapeInterval: 1s}
pushBound: 2s
settleBound: 15s
leaderElection: {namespace: stagger-system}
health: {address: "127.0.0.1:9403"}
metrics: {address: "127.0.0.1:9402"}
log: {format: text}
YAML
cp "$STAGGER_MESH/kubeconfig" "$STAGGER_MESH/operator.kubeconfig"
token=$(inside kubectl -n stagger-system create token stagger --duration=24h)
inside kubectl --kubeconfig="$STAGGER_MESH/operator.kubeconfig" config set-credentials stagger --token="$token" >/dev/null
inside kubectl --kubeconfig="$STAGGER_MESH/operator.kubeconfig" config set-context --current --user=stagger >/dev/null
bin/localmesh exec -- stagger --config "$STAGGER_MESH/operator.yaml" --kubeconfig "$STAGGER_MESH/operator.kubeconfig" >"$STAGGER_MESH/operator.log" 2>&1 &
operator=$!
for _ in $(seq 60); do # it serves its probes once it works
	if inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/9403' 2>/dev/null; then break; fi
	kill -0 "$operator" || { cat "$STAGGER_MESH/operator.log" >&2; exit 1; }
	sleep 0.5
done
cat <<TEXT

You are inside the mesh, in the namespace shop. The operator's log is $STAGGER_MESH/operator.log; all ends with this shell. Begin with
  localmesh load --host checkout.example.com &               # 50 requests a second
  kubectl annotate service checkout stagger.dev/policy=demo
  kubectl stagger status checkout                            # it is Idle: ship something
  kubectl set image deployment/checkout app=shop:1.1.0       # a good version; shop:1.2.0-errors is a bad one
  kubectl stagger watch checkout
TEXT
inside "${SHELL:-bash}" -i || true
