# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Writes synthetic data in the layout of a data set's official release, to try everything without the real data.

    ctan-monai phantom openkbp --output data/phantom --patients 10 --seed 0

Then: ctan-monai prepare openkbp --source data/phantom --output data/openkbp_phantom
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from ctan_monai.utils.command_line import run_for_dataset

# name -> help, fewest patients (lesions of ham10000), why, and their number by default
DATASETS = {
    "ham10000": (
        "HAM10000: dermoscopic images, lesion masks and diagnoses (JPEG, PNG, csv)",
        *(21, "one lesion of each class for each section", 140),
    ),
    "openkbp": (
        "OpenKBP: head-and-neck CT, organs at risk and dose (sparse CSV files)",
        *(3, "one for each split", 10),
    ),
    "prostate": (
        "Prostate: pelvic planning CT, structures and dose (DICOM CT, RTSTRUCT, RTDOSE)",
        *(3, "one for each split", 10),
    ),
    "stoic": (
        "STOIC: chest CT, COVID-19 and its severity (.mha files and reference.csv)",
        *(10, "each class in each split", 60),
    ),
}


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    return run_for_dataset(
        __doc__,
        {name: (values[0], f"ctan_monai.phantoms.{name}") for name, values in DATASETS.items()},
        add_arguments,
        arguments,
        prog,
    )


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a data set's phantom."""
    _, fewest, why, default = DATASETS[name]
    noun = "lesions" if name == "ham10000" else "patients"
    parser.add_argument("--output", type=Path, required=True, help="folder for the phantom release")
    parser.add_argument(
        "--patients",
        type=_at_least(fewest, why),
        default=default,
        help=f"number of {noun}, at least {fewest} (default: {default})",
    )
    parser.add_argument("--seed", type=int, default=0, help=f"same seed, same {noun} (default: 0)")
    if name == "ham10000":
        parser.add_argument("--zip", action="store_true", help="write zips, as one downloads them, instead of folders")


def _at_least(fewest: int, why: str) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < fewest:
            raise argparse.ArgumentTypeError(f"is {text}, expected a whole number of at least {fewest}: {why}")
        return int(text)

    return number
