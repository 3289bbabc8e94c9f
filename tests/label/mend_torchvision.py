# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Lets a torchvision import without its compiled operators, in the environment that runs this: see the Makefile."""

from __future__ import annotations

import sysconfig
from pathlib import Path

MODULE = "torchvision._meta_registrations"

if __name__ == "__main__":
    line = f"import sys, types; sys.modules.setdefault({MODULE!r}, types.ModuleType({MODULE!r}))\n"
    Path(sysconfig.get_path("purelib"), "torchvision_without_operators.pth").write_text(line)
