#!/usr/bin/env bash
# Makes BENCHMARKS.md anew: so many simulated releases for a cell, 2000 unless told. The same number gives the same file.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-2000}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
	cat <<-'END'
	# Benchmarks

	What Stagger's decisions are worth, counted in simulation (`pkg/simulate`): its own rules and sequential tests, run in virtual time, beside
	the rules that Flagger (F) and Argo Rollouts (A) apply, on the same requests. The rivals get exact counts at once, which is more than they
	have in life. `make bench` makes this file anew; the same number of runs gives the same file, byte for byte.

	Traffic and errors swing by ±50 % within an hour. "Bursts of b" are errors in clusters of geometric size, mean b, within a second or over as
	long as is said, on one arm. "Outages" are half a minute every twenty minutes in which half of the requests fail in both arms. Two
	objectives ("2 obj.") share the false-abort rate. "Proxies not read" is `direct.mode: Off`: no brake, no urgent lane. The first two tables are
	of that evidence alone, at one weight. A weight is followed 0.65 s after it was written, by whomever. Not modelled: retries, sticky clients,
	lost scrapes and readings.
	END
	go run ./hack/bench -runs "$runs"
} >"$new"
mv "$new" BENCHMARKS.md
trap - EXIT
