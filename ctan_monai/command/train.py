# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trains a bundle with MONAI's runner, by the bundle's train.json.

examples:
  ctan-monai train stoic --dataset_dir data/stoic --method MTAN
  ctan-monai train stoic cpu --max_epochs 2
  ctan-monai train openkbp smoke
  ctan-monai train openkbp smoke --resume True

CONFIG is one of the bundle's override files, or a path of yours: cpu for a small network without ImageNet weights,
smoke for the phantom. By default the data are in data/BUNDLE, and the results go to runs/BUNDLE; --dataset_dir and
--output_dir say otherwise. A training that is there is never overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence

from .monai_run import run_bundle


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    return run_bundle("training", (), __doc__, arguments, prog)
