#!/usr/bin/env bash
# The demo: builds Watchpost and runs demo/vtest.json over a clip, into a fresh data folder.
#
#   CLIP=path-or-url   another source than the pedestrian clip
#   ONCE=1             end after the table (the page that would follow is not part of this version)
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

exec "$binary" run "$data/vtest.json" --data "$data"
