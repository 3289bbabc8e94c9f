# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a packed bundle, or a training of your own, on images: contours, dose or probabilities, and what is implausible.

Research only. Not a medical device.

examples:
  ctan-monai-predict --bundle openkbp ct_series_folder results --dicom
  ctan-monai-predict --bundle openkbp pacs_export.zip results --dicom --series "AXIAL 3.0"
  ctan-monai-predict --bundle openkbp patient.nii.gz results --device cpu --pdf
  ctan-monai-predict --bundle openkbp patient.nii.gz results --targets masks --target_doses PTV_high=70,PTV_low=56

with a training of your own:
  ctan-monai-predict --bundle stoic --checkpoint runs/stoic/model.pt chest.nii.gz results

exit status:
  0  each image has results; read their warnings
  1  a fault of the program, with its traceback
  2  the input or an option cannot be used, or some images have no results or lack some; the others have theirs
  3  none of the results of some images may be used: their reports have "usable": false, and they have no DICOM files
     (of the others, those that status 2 is for are listed, too)
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.bundles import bundle_folder, bundle_names
from ctan_monai.utils.errors import DataError

from .checksums import refuse_no_bundle

__all__ = ["check", "parse", "refuse_missing_image"]


def parse(arguments: Sequence[str] | None, prog: str | None = None) -> argparse.Namespace:
    """The command line."""
    prog = prog or "ctan-monai-predict"
    text = (__doc__ or "").replace("ctan-monai-predict", prog)
    parser = argparse.ArgumentParser(prog, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "source", type=Path, metavar="INPUT", help="an image, a folder with DICOM files, a zip, or a folder of these"
    )
    parser.add_argument("output", type=Path, metavar="RESULTS", help="folder for the results, made when needed")
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("."),
        help="folder of the unpacked bundle (default: here); or, with --checkpoint, the name of one that comes with "
        "this package, such as stoic",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="weights of a training of yours, beside its training.json; or a network that comes with this package: "
        "ctan_small, or ctan_targets, which takes the targets",
    )
    parser.add_argument("--sha256", help="of the bundle's checksums.json: tells whether that file was written anew")
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="write the results as DICOM, too; but for photographs, INPUT must be DICOM",
    )
    parser.add_argument(
        "--write-implausible",
        action="store_true",
        help="write the DICOM files of results that may not be used, too: the names of their series, structure set and "
        "structures begin with IMPLAUSIBLE (default: they are withheld)",
    )
    parser.add_argument(
        "--tg263",
        action="store_true",
        help="call structures and segments of DICOM results by their names in AAPM TG-263, such as Parotid_R",
    )
    parser.add_argument(
        "--targets",
        type=Path,
        help="for a network that was trained with them: a structure set (RTSTRUCT), a folder of NIfTI masks such as "
        "PTV70.nii.gz, or a NIfTI volume of prescribed Gy (default: what lies beside the CT)",
    )
    parser.add_argument(
        "--target_doses",
        metavar="NAME=GY,...",
        help="the targets and their doses, such as PTV70=70,PTV63=63 (default: their names carry the dose)",
    )
    parser.add_argument(
        "--series",
        action="append",
        metavar="NAME",
        help="of several CT series, the one to take: its SeriesInstanceUID, SeriesNumber or SeriesDescription; may be "
        "given again (default: all)",
    )
    parser.add_argument(
        "--pdf",
        action="store_true",
        help="write the page of each patient as PDF, too (contours and dose; needs pip install 'weasyprint>=70')",
    )
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="ID=VALUE",
        help="other values of configs/inference.json, such as amp=false",
    )
    return parser.parse_args(arguments)


def check(options: argparse.Namespace) -> None:
    """Refuse paths that do not exist, before anything slow is imported; find a bundle and a network of this package.

    Raises:
        DataError: there is no such bundle, checkpoint or image.
    """
    if options.checkpoint is None:
        if str(options.bundle) in bundle_names() and not options.bundle.exists():
            raise DataError(f"--bundle {options.bundle}: is of this package. Give the weights with --checkpoint.")
        refuse_no_bundle(options.bundle)
    else:
        bundle = bundle_folder(str(options.bundle))
        shipped = bundle / "models" / options.checkpoint / "model.pt"
        if options.sha256 is not None:
            raise DataError("--sha256: is of a packed bundle, which has no --checkpoint. Leave one of the two out.")
        checkpoint = options.checkpoint if options.checkpoint.is_file() else shipped
        if not checkpoint.is_file():
            raise DataError(f"--checkpoint {options.checkpoint}: no such file. Give the model.pt of a training.")
        options.bundle, options.checkpoint = bundle, checkpoint
    refuse_missing_image(options.source)


def refuse_missing_image(source: Path) -> None:
    """Raise a DataError where there is no image."""
    if not source.exists():
        raise DataError(f"{source}: no such file or folder. Give an image, or a folder of images.")
