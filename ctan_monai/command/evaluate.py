# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Tests what was trained on the test cases: an HTML report, json and csv in the folder ``evaluation`` of the training.

examples:
  ctan-monai evaluate stoic
  ctan-monai evaluate stoic smoke
  ctan-monai evaluate openkbp --dataset_dir my_data --output_dir runs/mine

Method, tasks and sizes come from the training's own record. Data and training are found as by ctan-monai train.
"""

from __future__ import annotations

from collections.abc import Sequence

from .monai_run import run_bundle


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    return run_bundle("evaluating", ("evaluate",), __doc__, arguments, prog)
