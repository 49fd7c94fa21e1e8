#!/usr/bin/env bash
# Prints the path of a program of the local mesh, such as promtool: the newest that it has built, which is built first when there is none.
set -euo pipefail
newest() { ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/stagger/localmesh/*/"$1" 2>/dev/null | head -n 1 || true; }
[ -n "$(newest "$1")" ] || go -C "$(dirname "$0")/localmesh" run . build >&2
newest "$1"
