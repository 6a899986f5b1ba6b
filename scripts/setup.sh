#!/usr/bin/env bash
# Installs what is missing to build, show and test Watchpost on Debian 12+ or Ubuntu 24.04+.
#
#   scripts/setup.sh demo    what `make demo` needs: a build, GStreamer's plugins, a font, Python
#   scripts/setup.sh test    that, and what the tests need
#   scripts/setup.sh bench   what `make demo` needs, and the peers that `cargo xtask bench` measures against
#
# Asks nothing, changes nothing that is there, enables and starts no service. What it cannot do it names, with the
# command that does it, and ends with 1.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-demo}
case $profile in
  demo | test | bench) ;;
  *) echo "usage: scripts/setup.sh demo|test|bench" >&2; exit 2 ;;
esac

# The oldest Rust that builds this, from the workspace's own manifest.
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

packages=(
  ca-certificates gcc libc6-dev pkg-config make
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  # H.264: x264 is in -ugly. It is GPL; without it openh264 of -bad is used.
  gstreamer1.0-plugins-ugly gstreamer1.0-libav
  # TLS of rtsps:// and rtmps://.
  glib-networking
  fonts-dejavu-core python3
  # The page is TypeScript.
  nodejs npm
)
if [ "$profile" = test ]; then
  packages+=(dpkg-dev binutils curl ffmpeg jq libfaketime openssl python3-venv gstreamer1.0-tools python3-gi gir1.2-gst-rtsp-server-1.0)
  # A broker and an RTMP server; the tests start their own, on free ports.
  packages+=(mosquitto mosquitto-clients nginx libnginx-mod-rtmp libnginx-mod-stream)
  # The page is tried in a real browser.
  packages+=(chromium)
  # libFuzzer, which fuzz targets are checked against, is C++.
  packages+=(g++)
fi
if [ "$profile" = bench ]; then
  packages+=(python3-venv python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-tools rsyslog ffmpeg nginx libnginx-mod-rtmp mosquitto mosquitto-clients)
fi

say() { echo "setup: $*"; }
undone=()

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# A command found in PATH stands for its package: people have Python or ffmpeg from elsewhere.
present() {
  case $1 in
    gcc) command -v cc >/dev/null || installed gcc ;;
    g++) command -v c++ >/dev/null || installed g++ ;;
    make | curl | jq | openssl | ffmpeg | python3) command -v "$1" >/dev/null || installed "$1" ;;
    pkg-config) command -v pkg-config >/dev/null || installed pkgconf || installed pkg-config ;;
    nodejs) command -v node >/dev/null || installed nodejs ;;
    npm) command -v npm >/dev/null || installed npm ;;
    chromium) command -v chromium >/dev/null || installed chromium ;;
    python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    *) installed "$1" ;;
  esac
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    present "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local command="apt-get install -y --no-install-recommends ${missing[*]}" root=()
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      root=(sudo -n)
    else
      undone+=("Debian packages are missing and this user may not install them: sudo $command")
      return 0
    fi
  fi
  say "installing ${missing[*]}"
  no_services "${root[@]}"
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
  local log
  log=$(mktemp)
  # Lists may be absent (containers) or old: refresh them only when the first try says so.
  if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
    "${apt[@]}" update >"$log" 2>&1 || true
    if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      undone+=("installing Debian packages failed (above): $command")
    fi
  fi
  rm -f "$log"
}

# Debian starts a service as it is installed unless policy-rc.d says 101. An existing policy is left alone.
no_services() {
  local policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] && return 0
  printf '#!/bin/sh\nexit 101\n' | "$@" tee "$policy" >/dev/null
  "$@" chmod 755 "$policy"
  # shellcheck disable=SC2064  # the words are known now
  trap "$* rm -f $policy" EXIT
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

check_rust() {
  [ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"
  local have
  have=$(rustc --version 2>/dev/null | cut -d ' ' -f 2 || true)
  if [ -n "$have" ] && at_least "$rust_needed" "$have" && command -v cargo >/dev/null; then
    return 0
  fi
  if command -v rustup >/dev/null; then
    say "installing Rust $rust_needed with rustup"
    rustup toolchain install --profile minimal --component clippy,rustfmt "$rust_needed" >/dev/null &&
      rustup override set "$rust_needed" >/dev/null && return 0
  fi
  undone+=("Rust $rust_needed or newer is needed (found: ${have:-none}): curl -sSf https://sh.rustup.rs | sh -s -- -y")
}

check_nextest() {
  cargo nextest --version >/dev/null 2>&1 && return 0
  say "installing cargo-nextest (some minutes)"
  # Not optimised, and without what updates it: it only starts the tests, and so is built in two or three minutes.
  CARGO_PROFILE_DEV_DEBUG=none cargo install --locked --quiet --debug \
    --no-default-features --features default-no-update cargo-nextest ||
    undone+=("cargo-nextest could not be built: cargo install --locked cargo-nextest")
}

python_venv() {
  local venv=.cache/venv wanted=tests/python/requirements.txt
  if [ -f "$venv/installed.txt" ] && cmp -s "$wanted" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  say "making the Python environment of the tests in $venv"
  rm -rf "$venv"
  mkdir -p .cache
  if python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"; then
    cp "$wanted" "$venv/installed.txt"
  else
    undone+=("the tests' Python packages could not be installed: $venv/bin/python -m pip install -r $wanted")
  fi
}

# A build that runs out of disk says so in a hundred ways, few of them plain.
room() {
  local needed_gib=$1 target=${CARGO_TARGET_DIR:-target} free
  # What is there is built upon, and says nothing of how much more it takes.
  [ ! -d "$target" ] || return 0
  mkdir -p "$target"
  free=$(df --output=avail -k "$target" | tail -n 1)
  rmdir "$target"
  [ "$free" -ge $((needed_gib * 1024 * 1024)) ] ||
    undone+=("about $needed_gib GiB of disk are needed for $target and $((free / 1024 / 1024)) are free: make room, or set CARGO_TARGET_DIR to where there is some")
}

case $profile in
  test) room 6 ;;
  *) room 3 ;;
esac
install_packages
check_rust
if [ "$profile" = test ]; then
  command -v cargo >/dev/null && check_nextest
  python_venv
fi

if [ ${#undone[@]} -gt 0 ]; then
  for line in "${undone[@]}"; do echo "setup: $line" >&2; done
  exit 1
fi
say "everything for '$profile' is there"
