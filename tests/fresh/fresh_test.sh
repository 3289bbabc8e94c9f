#!/usr/bin/env bash
# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
# The README's commands from an empty clone of the last commit, in a bare Debian made by debootstrap. Needs root.
#   DEBIAN="12 13"              the releases
#   COMMANDS="quickstart test"  what make is called with, one after another
#   MIRROR=                     Debian's packages; by default where this machine's apt takes them from
# Certificates, hosts, name servers, proxies and pip's settings are this machine's. Logs: runs/fresh. About 8 GB in /var/tmp.
set -euo pipefail
cd "$(dirname "$0")/../.."
self=tests/fresh/fresh_test.sh

fail() {
  echo "error: $*" >&2
  exit 1
}

pip_files() { ls -d /etc/pip.conf /etc/xdg/pip ~/.config/pip ~/.pip 2> /dev/null || true; }

# Local folders that pip's settings name, such as one with wheels; the files of an index lie beside its "simple"
pip_folders() {
  { grep -rhs = $(pip_files) /dev/null || true; env | grep ^PIP_ || true; } | tr ' =,' '\n' |
    sed -n 's#^file://##; s#/simple/*$##; /^\//p' | sort -u | while read -r path; do [ ! -d "$path" ] || echo "$path"; done
}

# In a mount namespace of its own: what is mounted is gone when it ends, before anything is removed
make_inside() { # ROOT TARGET
  local folder settings=(HOME="$HOME" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  for folder in $(pip_folders); do
    mkdir -p "$1$folder"
    mount --bind "$folder" "$1$folder"
    mount -o remount,bind,ro "$1$folder"
  done
  readarray -t -O 3 settings < <(env | grep -iE '^(PIP_[A-Z_]+|[a-z]+_proxy|OMP_NUM_THREADS)=')
  exec chroot "$1" env -i "${settings[@]}" make -C /ctan-monai "$2"
}

test_release() { # 12 or 13
  case $1 in
    12) suite=bookworm ;;
    13) suite=trixie ;;
    *) fail "DEBIAN=$1: expected 12, 13 or both" ;;
  esac
  log=runs/fresh/debian$1
  root=$(mktemp -d "/var/tmp/ctan-monai-debian$1.XXXXXX")
  # An interrupted debootstrap leaves /proc mounted in it, and that must not be walked into
  trap 'umount -l "$root/proc" "$root/sys" 2> /dev/null || true; rm -rf --one-file-system "$root"' EXIT
  SECONDS=0
  debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates "$suite" "$root" "$MIRROR" \
    > "$log.debootstrap.log" 2>&1 || fail "debootstrap failed: see $log.debootstrap.log"
  cp --parents -rL /etc/hosts /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt $(pip_files) "$root"
  git clone --quiet --no-hardlinks . "$root/ctan-monai"
  echo "Debian $1 made: $SECONDS s"
  for target in $COMMANDS; do
    SECONDS=0 code=0
    unshare --mount --pid --fork --kill-child "$self" --inside "$root" "$target" > "$log.$target.log" 2>&1 || code=$?
    echo "Debian $1: make $target: $SECONDS s, exit code $code, $(du -sm "$root/ctan-monai" | cut -f 1) MB"
    [ "$code" = 0 ] || { tail -n 20 "$log.$target.log"; fail "see $log.$target.log"; }
  done
}

case ${1:-} in
  --inside) make_inside "$2" "$3" ;;
  --release) test_release "$2" ;;
  *)
    [ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root: sudo make fresh-test"
    command -v debootstrap > /dev/null || fail "debootstrap is missing: apt-get install debootstrap"
    : "${COMMANDS:=quickstart test}"
    : "${MIRROR:=$(apt-get indextargets 'Created-By: Packages' 'Label: Debian' --format '$(REPO_URI)' | head -n 1)}"
    [ -n "$MIRROR" ] || fail "apt has no list of a Debian mirror: apt-get update, or give MIRROR"
    export COMMANDS MIRROR
    mkdir -p runs/fresh
    failed=0
    for release in ${DEBIAN:-12 13}; do "$self" --release "$release" || failed=1; done
    exit $failed
    ;;
esac
