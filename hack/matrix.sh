#!/usr/bin/env bash
# Tells some stories on the older versions of Kubernetes that are supported, and prints a table of what came of them:
#   hack/matrix.sh [version...]      versions such as 1.34.4; the newest patch of each that is to be had without any
# The API server of each is built once, for some ten minutes, and kept in the user's cache; the controllers are those of the local mesh. The
# logs are in bin/matrix. The table belongs into manifests/docs/support.md.
set -euo pipefail
cd "$(dirname "$0")/.."
versions=("$@")
[ $# -gt 0 ] || versions=(1.34.4 1.35.4 1.36.3)
# What every cluster must be able to do: promote, take back, restore, hold without Prometheus, survive the operator's death, the CRDs' rules.
stories='TestAGoodVersionIsPromotedStepByStep|TestAVersionWithErrorsIsTakenBackAndRefused|TestEveryRouteIsRestoredExactly|TestAReleaseHoldsWhilePrometheusIsGone|TestAnOperatorKilledInAnAbort|TestTheAPIServerKnowsTheRules|TestAServiceWithoutAnyRoute'
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stagger/matrix
source=hack/localmesh/build/_module
mkdir -p bin/matrix "$cache"
parts=$(hack/mesh-program.sh kube) # the local mesh's own program for the other parts of Kubernetes

build() { # version, into the cache
	local version=$1 dir=$cache/kube-$1
	[ -x "$dir/kube" ] && return
	echo "▸ building the API server of Kubernetes $version" >&2
	rm -rf "$dir"
	mkdir -p "$dir/src"
	{
		printf 'module matrix\n\ngo %s\n\nrequire k8s.io/kubernetes v%s\n\n' "$(awk '$1 == "go" { print $2 }' "$source/go.mod.txt")" "$version"
		# The parts of Kubernetes have versions of their own; one that an older Kubernetes has not is never asked for.
		awk -v version="v0.${version#*.}" '$2 == "=>" && $1 ~ /^k8s.io\// { print "replace", $1, "=>", $1, version }' "$source/go.mod.txt"
	} >"$dir/src/go.mod"
	printf '//go:build tools\n\npackage matrix\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n' >"$dir/src/tools.go"
	(
		cd "$dir/src"
		export GOFLAGS='' GOWORK=off CGO_ENABLED=0 GOGC=400
		go mod tidy
		go build -trimpath -gcflags=k8s.io/kubernetes/...=-dwarf=false -o ../kube-apiserver -ldflags "-s -w \
			-X k8s.io/component-base/version.gitVersion=v$version -X k8s.io/component-base/version.gitMajor=1 \
			-X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$version")" k8s.io/kubernetes/cmd/kube-apiserver
	) >"bin/matrix/build-$version.log" 2>&1 || { tail -20 "bin/matrix/build-$version.log" >&2; return 1; }
	rm -rf "$dir/src"
	# The mesh calls one program by the names of the parts.
	cat >"$dir/kube" <<-SCRIPT
		#!/usr/bin/env bash
		case \${0##*/} in
		kube-apiserver) exec "$dir/kube-apiserver" "\$@" ;;
		*) exec -a "\$0" "$parts" "\$@" ;;
		esac
	SCRIPT
	chmod +x "$dir/kube"
}

status=0
table='| Kubernetes | Istio | stories told | came true |\n|---|---|---|---|\n'
istio=$(awk '$1 == "istio.io/api" { print substr($2, 2) }' "$source/go.mod.txt")
for version in "${versions[@]}"; do
	log=bin/matrix/stories-$version.log
	if ! build "$version"; then
		table+="| $version | | could not be built | |\n"
		status=1
		continue
	fi
	echo "▸ telling the stories on Kubernetes $version" >&2
	LOCALMESH_KUBE=$cache/kube-$version/kube go test -count=1 -timeout=60m -parallel=4 -v -run "$stories" ./e2e/ >"$log" 2>&1 || status=1
	came=$(grep -c '^--- PASS' "$log" || true)
	told=$(grep -cE '^--- (PASS|FAIL)' "$log" || true)
	[ "$told" -gt 0 ] || status=1
	table+="| $version | ${istio%.*} | $told | $came |\n"
done
printf '%b' "$table"
exit $status
