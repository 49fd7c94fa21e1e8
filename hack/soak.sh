#!/usr/bin/env bash
# What takes hours, and what comes too seldom for `make unit` to see: more orders of events, more simulated releases, objects thrown by the fuzzer, and
# the stories that need a real clock.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -count=1 -timeout=2h -run InWhateverOrder ./pkg/release -shuffles 2000
go test -count=1 -timeout=2h ./pkg/simulate -times 4
go test -count=1 -timeout=1h -run TestAReleaseEndsTheSame ./operator/controllers/shift -every-fault
go test -run '^$' -fuzz FuzzSplitThenRestoreIsIdentity -fuzztime 5m ./pkg/routing
go test -run '^$' -fuzz FuzzAnyObjects -fuzztime 5m ./pkg/cluster
go test -count=1 -timeout=12h -parallel=2 -v -run Soak ./e2e/ -soak
