#!/usr/bin/env bash
# The demo: builds Watchpost and runs demo/vtest.json over a clip, into a fresh data folder. Then it serves that folder
# with the clip looping, and opens the page, until Ctrl-C.
#
#   CLIP=path-or-url   another source than the pedestrian clip
#   ONCE=1             end after the table
#   LISTEN=ip:port     where the page is; 127.0.0.1:3546 unless that is taken
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"

clip=${CLIP:-}
if [ -z "$clip" ]; then
  clip=$(scripts/clip.sh)
elif [ -e "$clip" ]; then
  clip=$(realpath "$clip")
fi

echo "demo: building (the first time takes some minutes)"
cargo build --release --quiet --package watchpost-cli
binary=${CARGO_TARGET_DIR:-target}/release/watchpost

mkdir -p demo-data
data=$(mktemp -d "$PWD/demo-data/$(date +%Y-%m-%d_%H%M%S)-XXX")
echo "demo: data folder $data"

# Shipped exporters are found beside the program, unless cargo builds outside of this folder.
[ -z "${CARGO_TARGET_DIR:-}" ] || ln -s "$PWD/exporters" "$data/exporters"

# The instance file names the clip; its relative preprocess command is looked for beside it.
cp demo/add_site.py "$data/"
python3 - "$clip" "$data/vtest.json" <<'EOF'
import json, sys

with open("demo/vtest.json") as file:
    instance = json.load(file)
instance["Input"]["uri"] = sys.argv[1]
with open(sys.argv[2], "w") as file:
    json.dump(instance, file, indent=2)
EOF

[ -z "${ONCE:-}" ] || exec "$binary" run "$data/vtest.json" --data "$data"
# What failed in it is told above, and is to be seen in the page too.
"$binary" run "$data/vtest.json" --data "$data" || true

python3 demo/loop.py "$data/vtest.json" "$data"
log=$data/serve.log
echo
echo "demo: serving it with the clip looping; its log is in $log"
start() { "$binary" serve --data "$data" --listen "$1" 2>"$log" & served=$!; }
# Ended with the demo, whatever ends that.
trap 'kill "$served" 2>/dev/null; wait "$served" 2>/dev/null' EXIT
trap 'exit 0' INT TERM

address() { sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$log" | tail -n 1; }
up() {
  for _ in $(seq 200); do
    [ -z "$(address)" ] || return 0
    kill -0 "$served" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}
start "${LISTEN:-127.0.0.1:3546}"
if ! up && [ -z "${LISTEN:-}" ]; then
  # The usual port is taken, by another Watchpost most likely.
  start 127.0.0.1:0
  up || true
fi
page=$(address)
if [ -z "$page" ]; then
  tail -n 20 "$log" >&2
  exit 1
fi

echo
echo "    $page"
echo
echo "demo: that is its page; Ctrl-C ends the demo"
# A desktop has somebody who looks at it.
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
  xdg-open "$page" >/dev/null 2>&1 || true
fi
wait "$served"
