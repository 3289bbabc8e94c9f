#!/bin/sh
# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
# Prints the first of the given Pythons (default: those that we support) that is in range and can make an environment.
# Each is run: pyenv puts commands on the path that fail, and Debian's Python comes without ensurepip.
set -u
[ $# -gt 0 ] || set -- python3.11 python3.12 python3.13 python3
unfit=""
for python in "$@"; do
  found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
  case $found in
    3.11 | 3.12 | 3.13)
      if "$python" -c 'import ensurepip, venv' 2> /dev/null; then
        echo "$python"
        exit
      fi
      unfit="${unfit:-$python has no venv. Install it, on Debian: apt-get install python$found-venv}"
      ;;
    *) old="${old:-} $python is Python $found." ;;
  esac
done
echo "error: ${unfit:-Python 3.11 to 3.13 is needed.${old:-} Install it, on Debian 12 or 13: apt-get install python3 python3-venv}" >&2
exit 1
