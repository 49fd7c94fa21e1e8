#!/usr/bin/env bash
# Runs every fuzz target for a time of its own, 1m if not given: hack/fuzz.sh 10m [name]. It begins with what is checked in below testdata/fuzz and
# with what earlier runs on this machine found (go env GOCACHE, fuzz/). An input that fails is kept below testdata/fuzz: check it in with what mends
# it. Fails at the end when any has failed.
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-1m}
mapfile -t targets < <(grep -rho --include='*_test.go' -E '^func Fuzz[A-Za-z0-9]+' pkg operator hack -H | grep -E "Fuzz.*${2:-}" | sed 's/:func /:/' | sort)
failed=()
for i in "${!targets[@]}"; do
	dir=$(dirname "${targets[$i]%%:*}") name=${targets[$i]##*:}
	printf '\n==> %d of %d, %s: %s in %s\n' $((i + 1)) ${#targets[@]} "$each" "$name" "$dir"
	# What is new is made smaller by a few tries: by the clock, the making takes all the time that large inputs have.
	go -C "$dir" test -run '^$' -fuzz "^$name\$" -fuzztime "$each" -fuzzminimizetime 20x . || failed+=("$dir $name")
done
printf '\n%d of %d targets found nothing\n' $((${#targets[@]} - ${#failed[@]})) ${#targets[@]}
[ ${#failed[@]} = 0 ] || { printf 'failed: %s\n' "${failed[@]}"; exit 1; }
