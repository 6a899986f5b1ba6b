#!/usr/bin/env bash
# Installs a built Watchpost below $DESTDIR$PREFIX: program, exporters, detectors, manual pages, completions, unit.
#
#   PREFIX=/usr/local   where it will run; DESTDIR= where to put it meanwhile, for packages
#   PROGRAM=...         the built program, if not target/release/watchpost
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
program=${PROGRAM:-${CARGO_TARGET_DIR:-target}/release/watchpost}

install -D -m 755 "$program" "$root/bin/watchpost"

for folder in exporters detectors; do
  find "$folder" -type f -not -path '*/__pycache__/*' | while read -r file; do
    mode=644
    [ -x "$file" ] && mode=755
    install -D -m "$mode" "$file" "$root/share/watchpost/$file"
  done
done

install -d "$root/share/man/man1"
"$program" reference --man "$root/share/man/man1"
find "$root/share/man/man1" -name 'watchpost*.1' -exec gzip -9nf {} +

install -d "$root/share/bash-completion/completions" "$root/share/zsh/vendor-completions" \
  "$root/share/fish/vendor_completions.d"
"$program" completions bash >"$root/share/bash-completion/completions/watchpost"
"$program" completions zsh >"$root/share/zsh/vendor-completions/_watchpost"
"$program" completions fish >"$root/share/fish/vendor_completions.d/watchpost.fish"

# systemd looks there below /usr and below /usr/local (systemd.unit(5)). Not in /lib, which is a link to it where /usr is
# merged: packages have no files behind links.
install -d "$root/lib/systemd/system"
sed "s|@PREFIX@|$prefix|" packaging/watchpost.service >"$root/lib/systemd/system/watchpost.service"
