#!/usr/bin/env bash
# Makes a Debian package of a built Watchpost; prints its path.
#
#   scripts/deb.sh [FOLDER]   where to (target/debian)
#   PROGRAM=...               as in install.sh; PACKING=gzip for a quick one
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-${CARGO_TARGET_DIR:-target}/debian}
mkdir -p "$out"
out=$(realpath "$out")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

DESTDIR=$stage/root PREFIX=/usr scripts/install.sh
install -D -m 644 packaging/watchpost.default "$stage/root/etc/default/watchpost"
install -D -m 644 CHANGELOG.md "$stage/root/usr/share/doc/watchpost/changelog"
gzip -9n "$stage/root/usr/share/doc/watchpost/changelog"
cat LICENSE-MIT LICENSE-APACHE >"$stage/root/usr/share/doc/watchpost/copyright"
strip --strip-unneeded "$stage/root/usr/bin/watchpost"

# The libraries that the program is linked with, and the packages they are in.
mkdir -p "$stage/debian"
printf 'Source: watchpost\n\nPackage: watchpost\nArchitecture: any\n' >"$stage/debian/control"
depends=$(cd "$stage" && dpkg-shlibdeps -O root/usr/bin/watchpost 2>/dev/null | sed -n 's/^shlibs:Depends=//p')

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
mkdir -p "$stage/root/DEBIAN"
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@DEPENDS@|$depends|" \
  -e "s|@SIZE@|$(du -sk "$stage/root" | cut -f 1)|" packaging/debian/control.in >"$stage/root/DEBIAN/control"
install -m 755 packaging/debian/{postinst,prerm,postrm} "$stage/root/DEBIAN/"
echo /etc/default/watchpost >"$stage/root/DEBIAN/conffiles"

package=$out/watchpost_${version}_$architecture.deb
dpkg-deb --root-owner-group -Z"${PACKING:-xz}" --build "$stage/root" "$package" >/dev/null
echo "$package"
