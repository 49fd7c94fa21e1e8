#!/usr/bin/env bash
# Makes the plugin's archives for krew and its manifest, and installs the one for this machine from them, with krew itself.
#   hack/krew.sh [version] [platform...]     version such as v0.1.0; platforms such as linux_amd64, all of the manifest without any
# The result is in bin/krew. Without arguments it is a check: the archive of this machine alone, of a version that nobody publishes.
set -euo pipefail
cd "$(dirname "$0")/.."
krew=v0.4.3
here="$(go env GOOS)_$(go env GOARCH)"
version=${1:-v0.0.0-check}
platforms=("${@:2}")
if [ $# -eq 0 ]; then
	platforms=("$here")
elif [ ${#platforms[@]} -eq 0 ]; then
	mapfile -t platforms < <(sed -nE 's/.*"SUM_(.*)"$/\1/p' manifests/krew/stagger.yaml)
fi

out=bin/krew
rm -rf "$out"
mkdir -p "$out"
address="https://github.com/stagger-dev/stagger/releases/download/$version"
cp manifests/krew/stagger.yaml "$out/stagger.yaml"
sed -i "s|VERSION|$version|; s|ADDRESS|$address|" "$out/stagger.yaml"
for platform in "${platforms[@]}"; do
	name=kubectl-stagger
	[ "${platform%_*}" = windows ] && name=kubectl-stagger.exe
	GOOS=${platform%_*} GOARCH=${platform#*_} go build -trimpath -ldflags "-X github.com/stagger-dev/stagger/operator/version.release=$version" -o "$out/$name" ./operator/cmd/kubectl-stagger
	files=(LICENSE "$name")
	[ "${platform%_*}" = windows ] || files+=(kubectl_complete-stagger) # a shell script
	cp LICENSE operator/cmd/kubectl-stagger/kubectl_complete-stagger "$out/"
	# The same source makes the same archive.
	tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - "${files[@]}" | gzip -n >"$out/kubectl-stagger_$platform.tar.gz"
	rm "$out/$name" "$out/LICENSE" "$out/kubectl_complete-stagger"
	sum=$(sha256sum "$out/kubectl-stagger_$platform.tar.gz" | cut -d' ' -f1)
	sed -i "s|SUM_$platform\"|$sum\"|" "$out/stagger.yaml"
done
# What was not built gets a sum that no archive has, so that krew accepts the rest of the manifest.
sed -i -E "s|SUM_[a-z0-9_]*|$(printf '0%.0s' {1..64})|" "$out/stagger.yaml"

case " ${platforms[*]} " in
*" $here "*) ;;
*) exit 0 ;;
esac
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
if ! KREW_ROOT=$root go run "sigs.k8s.io/krew/cmd/krew@$krew" install --manifest="$out/stagger.yaml" \
	--archive="$out/kubectl-stagger_$here.tar.gz" </dev/null 2>"$root/talk"; then
	cat "$root/talk" >&2
	exit 1
fi
# Read as a whole: a reader that leaves after the first line would end the program that still writes, and with it this check.
completions=$(PATH=$root/bin:$PATH "$root/store/stagger/$version/kubectl_complete-stagger" stat 2>"$root/talk") || cat "$root/talk" >&2
case $completions in
status*) ;;
*)
	printf "the archive's kubectl_complete-stagger completes stat to: %s\n" "$completions" >&2
	exit 1
	;;
esac
said=$("$root/bin/kubectl-stagger" version --client)
case $said in
*"$version"*) printf 'krew has installed the plugin: %s\n' "$said" ;;
*)
	printf 'the plugin that krew installed says: %s; it should be %s\n' "$said" "$version" >&2
	exit 1
	;;
esac
