#!/usr/bin/env bash
# Writes README and the pages of the docs anew with what is really printed to the commands they show: runs the stories that type them, and no
# other, on a mesh of their own. Look at the difference afterwards: what stands between the commands is not changed.
set -euo pipefail
cd "$(dirname "$0")/.."
stories=$(grep -lE '\.(follows|comes)\(' e2e/*_test.go | xargs sed -nE 's/^func (Test[A-Za-z]+)\(t .*/\1/p' | paste -sd'|')
go test -count=1 -timeout=40m -parallel=8 -v -run "^($stories)\$" ./e2e/ -update
git diff --stat -- README.md manifests/docs
