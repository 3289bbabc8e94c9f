# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Turns a data set's official release into prepared data (volumes and datalist.json), which the bundles read.

    ctan-monai prepare openkbp --source provided-data --output data/openkbp

Interrupted or repeated, it goes on where it stopped. Exit code 0: done (skipped patients are listed); 2: failed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.command_line import run_for_dataset

from .paths import refuse_missing

DATASETS = {
    "ham10000": "HAM10000: dermoscopic images, lesion masks and diagnoses (zips or folders)",
    "openkbp": "OpenKBP: head-and-neck CT, organs at risk and dose (sparse CSV files)",
    "prostate": "Prostate: pelvic planning CT, structures and dose (DICOM CT, RTSTRUCT, RTDOSE)",
    "stoic": "STOIC: chest CT, COVID-19 and its severity (.mha files and reference.csv)",
}
_SMALLEST = 32  # pixels; the networks need as many


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    return run_for_dataset(
        __doc__,
        {name: (text, f"ctan_monai.data.{name}.prepare") for name, text in DATASETS.items()},
        add_arguments,
        arguments,
        prog,
        lambda options: refuse_missing(options.source, "Give the release with --source."),
    )


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a data set's preparation."""
    {"ham10000": _ham10000, "openkbp": _openkbp, "prostate": _prostate, "stoic": _stoic}[name](parser)
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare every prepared file with its SHA-256 in datalist.json, and prepare again what differs",
    )


def _ham10000(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help="folder with the release's files, as zips or unpacked: images, masks (Tschandl) and HAM10000_metadata",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the prepared data: data/ham10000")
    parser.add_argument(
        "--size",
        type=parse_size,
        default=(256, 256),
        help="height and width to prepare, as one value such as 256 or [96,128]; images are fitted with their aspect "
        "kept and padded with black (default: 256)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split into 70/10/20 %% of the lesions (default: 0)")
    _workers_and_strict(parser, "processes that decode", "image")


def _openkbp(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help="the release's provided-data folder, a folder that holds it, or a zip",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the prepared data, such as data/openkbp")
    _workers_and_strict(parser, "patients prepared at a time", "patient")


def _prostate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help="folder with the DICOM files of all patients, nested and named at will, also in zips; or a zip",
    )
    parser.add_argument("--output", type=Path, help="folder for the prepared data, such as data/prostate")
    parser.add_argument(
        "--list-rois",
        action="store_true",
        help="prepare nothing: list the names of all structures, and which label each is",
    )
    parser.add_argument(
        "--split",
        default="seeded",
        help="'seeded': 70/10/20 %% of the patients by --seed (default); 'all': every patient in all three sections, "
        "to see whether a network can overfit a few; or a JSON file with lists of PatientIDs as training, "
        "validation and test",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split (default: 0)")
    parser.add_argument("--roi-map", type=Path, help="JSON file, label to regular expressions of ROI names")
    parser.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        default=[3.0, 3.0, 3.0],
        metavar=("X", "Y", "Z"),
        help="mm of the network's grid (default: 3 3 3)",
    )
    parser.add_argument("--size", type=int, default=160, help="pixels across the network's grid (default: 160)")
    parser.add_argument(
        "--target-doses",
        metavar="NAME=GY,...",
        help="the targets and their prescribed doses, such as PTV=78, for networks that have them as input (default: "
        "the structures named PTV whose names carry their dose)",
    )
    parser.add_argument(
        "--series",
        nargs="+",
        default=[],
        metavar="NAME",
        help="of several CTs in the structures' frame of reference, that of one of these SeriesInstanceUIDs, "
        "SeriesNumbers or SeriesDescriptions (default: the one that the structure set names)",
    )
    parser.add_argument(
        "--structure-set",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="of several structure sets, that of one of these labels (default: the plan's, or the only approved one)",
    )
    parser.add_argument(
        "--plan",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="of several plans, that of one of these labels (default: the only approved one)",
    )
    parser.add_argument("--sum-plans", action="store_true", help="add up the doses of several plans, such as a boost's")
    _workers_and_strict(parser, "patients prepared at a time", "patient")


def _stoic(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", type=Path, required=True, help="the release: holds metadata/reference.csv and data/mha"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the prepared data, such as data/stoic")
    parser.add_argument("--size", type=int, default=224, help="voxels of a slice's sides (default: 224)")
    parser.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        default=[1.6, 1.6, 2.5],
        metavar=("X", "Y", "Z"),
        help="voxel size in mm (default: 1.6 1.6 2.5); train and infer with the same values",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split of the patients (default: 0)")
    _workers_and_strict(parser, "volumes prepared at a time, up to 1.2 GB of memory each", "patient")


def _workers_and_strict(parser: argparse.ArgumentParser, workers: str, skipped: str) -> None:
    parser.add_argument("--workers", type=int, default=1, help=f"{workers} (default: 1)")
    parser.add_argument("--strict", action="store_true", help=f"fail if any {skipped} has to be skipped")


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from one value: ``256`` (both), ``[96,128]``, ``96,128`` or ``96x128``."""
    match = re.fullmatch(r"[\[(]?\s*(\d+)(?:\s*[,x]\s*(\d+))?\s*[\])]?", text.strip())
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(size) < _SMALLEST:
        raise argparse.ArgumentTypeError(
            f"is '{text}', expected height and width of at least {_SMALLEST} pixels, such as 256 or [96,128]"
        )
    return size
