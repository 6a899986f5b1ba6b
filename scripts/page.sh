#!/usr/bin/env bash
# Builds the page (page/) into page/dist, from where `watchpost` is built with it. Rust alone builds without: the
# server then says at `/` how to get the page.
set -euo pipefail
cd "$(dirname "$0")/../page"

needs() {
  echo "page: $*; Debian: apt-get install nodejs npm (scripts/setup.sh does it)" >&2
  exit 1
}
command -v node >/dev/null || needs "Node.js 18 or newer is needed to build the page"
command -v npm >/dev/null || needs "npm is needed to build the page"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || needs "Node.js 18 or newer is needed, this is $(node --version)"

# What is installed is what the lock file says; asked again only when that has changed.
if ! cmp -s package-lock.json node_modules/.package-lock.copy.json; then
  echo "page: installing what it is built with"
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
  cp package-lock.json node_modules/.package-lock.copy.json
fi
# The API's types, of its own description.
if [ ! src/api/openapi.d.ts -nt ../docs/openapi.json ]; then
  node node_modules/openapi-typescript/bin/cli.js ../docs/openapi.json --output src/api/openapi.d.ts >/dev/null
fi
node build.mjs --quiet
