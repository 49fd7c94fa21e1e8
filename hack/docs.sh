#!/usr/bin/env bash
# Builds the site of the documentation into bin/docs/site, and fails when a link or an anchor inside it leads nowhere. Zensical is installed once,
# into the cache; after that nothing is fetched. The tests look at what Zensical does not: the navigation, and links out of manifests/docs.
set -euo pipefail
cd "$(dirname "$0")/.."
go test ./hack/docs

pins=hack/docs/requirements.txt
tool=${XDG_CACHE_HOME:-$HOME/.cache}/stagger/zensical-$(cksum <$pins | cut -d' ' -f1)
if [ ! -e "$tool/done" ]; then
	echo "▸ installing Zensical into $tool" >&2
	command -v python3 >/dev/null || { echo "python3 is not on PATH; install Python 3 with pip" >&2; exit 1; }
	rm -rf "$tool"
	python3 -m pip install --disable-pip-version-check --quiet --no-deps --target "$tool" --requirement $pins
	touch "$tool/done"
fi

# Built from a copy, since Zensical keeps its cache and the site beside the configuration.
rm -rf bin/docs
mkdir -p bin/docs
cp -R manifests/mkdocs.yml manifests/docs bin/docs
PYTHONPATH=$tool python3 "$tool/bin/zensical" build --strict --config-file bin/docs/mkdocs.yml >bin/docs/build.log 2>&1 ||
	{ sed 's/\x1b\[[0-9;]*m//g' bin/docs/build.log >&2; exit 1; }
echo "the site is in bin/docs/site"
