#!/usr/bin/env bash
# pkg/ starts no goroutines, and nothing of the program is kept in variables of a package there, but for what never changes.
# What pkg/ may import and call is checked by golangci-lint.
set -eu
cd "$(dirname "$0")/.."
sources() { find pkg -name '*.go' ! -name '*_test.go' ! -name 'zz_generated*'; }
if sources | xargs grep -nE '^\s*(go|select) (func\b|[a-zA-Z_.]+\(|\{)' /dev/null; then
	echo "pkg/ starts no goroutines and waits for none: leave that to operator/" >&2
	exit 1
fi
if sources | xargs grep -nE '\b(init\(\) \{|sync\.(Mutex|RWMutex|Map|Pool|Once))' /dev/null; then
	echo "pkg/ has no state of its own: pass values, and leave what is shared to operator/" >&2
	exit 1
fi
if [ -n "$(find . -name util -o -name utils -o -name common -o -name helpers | grep -v '^./\.git' || true)" ]; then
	echo "a package is named after what is in it, not util, common or helpers" >&2
	exit 1
fi
