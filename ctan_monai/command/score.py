# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose score and DVH score of predicted doses, as the OpenKBP challenge computes them (Gy, lower is better).

Both folders hold the challenge's own files:

  reference    one folder a patient, for instance provided-data/test-pats with pt_241/dose.csv, pt_241/Brainstem.csv ...
  prediction   one file a patient, the challenge's submission format: pt_241.csv ... (rows "voxel index,dose in Gy";
               voxels left out have no dose; read as the challenge reads it: a named index, quotes, a byte order mark,
               blank lines and a last row without line break do no harm)

Every patient of the reference needs a prediction. The prediction is taken as it is: dose outside the possible-dose mask
counts as error. Prints a line a patient, then the result as JSON, the last line.

example:
  ctan-monai score --reference provided-data/test-pats --prediction my-predictions
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.command_line import exit_status

from .paths import refuse_missing


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, metavar="DIR", help="folder with folders pt_N")
    parser.add_argument("--prediction", type=Path, required=True, metavar="DIR", help="folder with files pt_N.csv")
    options = parser.parse_args(arguments)
    return exit_status(lambda: _score(options))


def _score(options: argparse.Namespace) -> None:
    refuse_missing(options.reference, "Give the folder with the patients' folders pt_N with --reference.", "folder")
    refuse_missing(options.prediction, "Give the folder with the files pt_N.csv with --prediction.", "folder")
    from ctan_monai.evaluation.openkbp_score import score

    print(json.dumps(score(options.reference, options.prediction)))
