#!/usr/bin/env bash
# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
# A real patient through Orthanc and back, and into OHIF in Chromium: tests/pacs/check_pacs.py. What is missing is fetched into
# runs/pacs: Orthanc from Debian's archive (no root needed), OHIF from npm. Screenshots, to look at: runs/pacs/screenshots.
#   PYTHON=.venv/bin/python   has ctan-monai[all,pacs]
#   CTAN_CHROMIUM=            Chromium or Chrome; by default the first one on the path
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PYTHON:=.venv/bin/python}"
OHIF=3.13.2
WORK=$PWD/runs/pacs

fail() {
  echo "error: $*" >&2
  exit 1
}

# Packages that the system lacks, unpacked side by side
unpack_debian() { # FOLDER PACKAGE...
  local folder=$1 needed
  shift
  needed=$(apt-get install --simulate --no-install-recommends "$@" | awk '/^Inst/ {print $2}')
  mkdir -p "$folder.debs"
  (cd "$folder.debs" && apt-get download $needed > /dev/null) || fail "apt-get download failed; install: apt-get install $*"
  for package in "$folder.debs"/*.deb; do dpkg -x "$package" "$folder"; done
}

mkdir -p "$WORK"
if [ -z "${CTAN_ORTHANC_ROOT:-}" ]; then
  if [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ]; then
    CTAN_ORTHANC_ROOT=/
  else
    CTAN_ORTHANC_ROOT=$WORK/orthanc
    [ -e "$CTAN_ORTHANC_ROOT/usr/share/orthanc/plugins/libOrthancDicomWeb.so" ] ||
      unpack_debian "$CTAN_ORTHANC_ROOT" orthanc orthanc-dicomweb
    [ -x "$CTAN_ORTHANC_ROOT/usr/sbin/Orthanc" ] || fail "Orthanc is incomplete: apt-get install orthanc orthanc-dicomweb"
  fi
fi
: "${CTAN_CHROMIUM:=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"
[ -n "$CTAN_CHROMIUM" ] || fail "no Chromium: apt-get install chromium, or give CTAN_CHROMIUM"
if [ -z "${CTAN_OHIF:-}" ]; then
  CTAN_OHIF=$WORK/ohif-$OHIF/package/dist
  if [ ! -d "$CTAN_OHIF" ]; then
    command -v npm > /dev/null || fail "no npm: apt-get install npm, or give CTAN_OHIF, the folder dist of @ohif/app"
    mkdir -p "$WORK/ohif-$OHIF"
    (cd "$WORK/ohif-$OHIF" && npm pack --silent "@ohif/app@$OHIF" > /dev/null && tar xzf ohif-app-*.tgz) ||
      fail "npm pack @ohif/app@$OHIF failed"
  fi
fi
: "${CTAN_SCREENSHOTS:=$WORK/screenshots}"
export CTAN_ORTHANC_ROOT CTAN_CHROMIUM CTAN_OHIF CTAN_SCREENSHOTS
"$PYTHON" -m pytest --durations=10 tests/pacs/check_pacs.py "$@"
echo "Look at the screenshots in $CTAN_SCREENSHOTS"
