#!/usr/bin/env bash
# Installs Chromium for the story that looks at the dashboard: by apt-get, as root, where there is none. Where that cannot be done the
# story is skipped, so this never fails.
set -u
for name in chromium chromium-browser google-chrome; do
	command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "there is no Chromium here, and it is only installed as root by apt-get: the story of the dashboard is skipped" >&2
	exit 0
fi
echo "▸ installing Chromium by apt-get, for the story of the dashboard" >&2
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core >/dev/null; }
if ! { install || { apt-get update -q >/dev/null && install; }; }; then
	echo "Chromium could not be installed: the story of the dashboard is skipped" >&2
fi
