#!/usr/bin/env bash
# Prints the path of vtest.avi, the demo's pedestrian clip; gets it first if it is not there yet.
#
# It is part of Debian's and Ubuntu's package opencv-doc. The package is downloaded (96 MB), that one file taken out
# of it (8 MB) and kept in .cache; nothing is installed. Works without root, and without apt's lists.
set -euo pipefail
cd "$(dirname "$0")/.."

clip=.cache/vtest.avi
sha256=45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf

is_right() { [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status; }

if is_right "$clip"; then
  echo "$PWD/$clip"
  exit 0
fi

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
# apt drops to its own user for downloads, which must be able to write here.
chmod 777 "$temp"

fail() {
  echo "clip: $*" >&2
  echo "clip: take another clip with: make demo CLIP=path-or-url" >&2
  exit 1
}
command -v apt-get >/dev/null || fail "apt-get is not here; vtest.avi comes from Debian's package opencv-doc"

echo "clip: downloading Debian's opencv-doc for vtest.avi (96 MB, once)" >&2
if ! (cd "$temp" && apt-get -qq download opencv-doc >"$temp/log" 2>&1); then
  # No lists, or old ones that name a version no longer served: use fresh ones of our own, which needs no root.
  mkdir -p "$temp/lists/partial" "$temp/cache/archives/partial"
  chmod -R 777 "$temp/lists" "$temp/cache"
  own=(-qq -o "Dir::State::Lists=$temp/lists" -o "Dir::Cache=$temp/cache")
  (cd "$temp" && apt-get "${own[@]}" update && apt-get "${own[@]}" download opencv-doc) >"$temp/log" 2>&1 || {
    tail -n 5 "$temp/log" >&2
    fail "apt-get download opencv-doc failed (Ubuntu: is the component 'universe' on?)"
  }
fi

package=$(find "$temp" -maxdepth 1 -name 'opencv-doc_*.deb' | head -n 1)
dpkg-deb --fsys-tarfile "$package" >"$temp/files.tar"
# Debian compresses large files under /usr/share/doc at times.
tar -tf "$temp/files.tar" >"$temp/names"
member=$(grep -m 1 -E '/vtest\.avi(\.gz)?$' "$temp/names") || fail "no vtest.avi in $(basename "$package")"
case $member in
  *.gz) tar -xOf "$temp/files.tar" "$member" | gzip -dc >"$temp/vtest.avi" ;;
  *) tar -xOf "$temp/files.tar" "$member" >"$temp/vtest.avi" ;;
esac
is_right "$temp/vtest.avi" ||
  fail "$(basename "$package") has another vtest.avi than the one demo/truth.json was read from (sha256 $(sha256sum "$temp/vtest.avi" | cut -d ' ' -f 1))"

mkdir -p .cache
# Moved in one step, so that a second run beside this one never sees half a clip.
mv "$temp/vtest.avi" "$clip.$$"
mv "$clip.$$" "$clip"
echo "$PWD/$clip"
