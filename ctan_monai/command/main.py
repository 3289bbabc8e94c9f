# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Multi-task learning for medical imaging as MONAI bundles: openkbp, prostate, ham10000, stoic.

Research only. Not a medical device.

commands:
  phantom    write synthetic data in the layout of a data set's release.
  prepare    turn a release into prepared data.
  train      train a bundle on prepared data.
  evaluate   test what was trained, with an HTML report.
  predict    contours, dose or probabilities of images.
  compare    train and evaluate methods, with a table.
  score      scores of the OpenKBP challenge.
  pack       one zip with a trained bundle, for someone else or for MONAI's model zoo.

example, in an empty folder, minutes on a CPU:
  ctan-monai phantom openkbp --output data/release --patients 6
  ctan-monai prepare openkbp --source data/release --output data/openkbp_phantom
  ctan-monai train openkbp smoke
then:
  ctan-monai evaluate openkbp smoke
  ctan-monai predict --bundle openkbp --checkpoint runs/smoke/model.pt data/openkbp_phantom/test/pt_6/ct.nii results

ctan-monai COMMAND --help tells more.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import ctan_monai

COMMANDS = {
    "phantom": "ctan_monai.command.phantom",
    "prepare": "ctan_monai.command.prepare",
    "train": "ctan_monai.command.train",
    "evaluate": "ctan_monai.command.evaluate",
    "predict": "ctan_monai.predict_command",
    "compare": "ctan_monai.command.compare",
    "score": "ctan_monai.command.score",
    "pack": "ctan_monai.command.pack",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(f"usage: ctan-monai COMMAND ...\n\n{(__doc__ or '').strip()}")
        return 0
    if name == "--version":
        print(ctan_monai.__version__)
        return 0
    if name not in COMMANDS:
        print(f"error: {name}: no such command. Give one of {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    status: int = importlib.import_module(COMMANDS[name]).main(rest, f"ctan-monai {name}")
    return status


if __name__ == "__main__":
    sys.exit(main())
