# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""From the OpenKBP release (``provided-data``) to prepared data: NIfTI volumes and ``datalist.json``."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

from ctan_monai.data.datalist import DATALIST_NAME
from ctan_monai.data.preparation.journal import preparation
from ctan_monai.data.preparation.parallel import list_reasons, prepare_cases
from ctan_monai.data.preparation.phantom_marker import write_datalist
from ctan_monai.data.preparation.radiotherapy_statistics import case_statistics
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import prepare_output_dir

from .case import prepare_case
from .patient import SEGMENTATION_ORGANS, SPLIT_FOLDERS
from .release import find_patients, find_release, missing_files

__all__ = ["prepare_openkbp", "run"]

_BYTES_PER_CASE = 18_000_000  # 4 MB CT + 8 MB dose + 2 MB labels + 2 MB targets + compressed masks
_DESCRIPTION = "Head-and-neck planning CT, four organs at risk (labels 1-4) and the planned dose (Gy)."
_CITATION = (
    "Babier et al., OpenKBP: The open-access knowledge-based planning grand challenge and dataset, "
    "Medical Physics 48(9), 5549-5561, 2021"
)


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this data set and prints what was prepared and what was skipped."""
    datalist = prepare_openkbp(
        arguments.source, arguments.output, arguments.workers, arguments.strict, arguments.verify
    )
    # The summary comes last, so that it is still in view when a long run has ended.
    skipped = datalist["provenance"]["skipped"]
    counts = ", ".join(f"{len(datalist[section])} {section}" for section in SPLIT_FOLDERS)
    print(f"Prepared {counts} patients in {arguments.output / DATALIST_NAME}; skipped {len(skipped)}.")
    for case in skipped:
        print(f"  skipped {case['section']}/{case['case_id']}: {case['reason']}")
    for note in datalist["provenance"]["notes"]:
        print(f"  note: {note}")
    for section in SPLIT_FOLDERS:
        if not datalist[section]:
            print(f"  warning: no {section} patient is left: training needs all three sections", file=sys.stderr)


def prepare_openkbp(
    source: Path | str, output: Path | str, workers: int = 1, strict: bool = False, verify: bool = False
) -> dict[str, Any]:
    """Prepares the release; patients that are done already, from the same files, are not done again.

    Args:
        source: the ``provided-data`` folder or one that holds it.
        output: folder to write; see :mod:`ctan_monai.data.datalist` for its layout.
        workers: processes.
        strict: raise when a patient cannot be used, instead of leaving it out.
        verify: see :py:func:`ctan_monai.data.preparation.journal.preparation`.

    Returns:
        what was written as ``datalist.json``; ``provenance["skipped"]`` names the patients left out and why.

    Raises:
        DataError: nothing to prepare, output not writable or too small, or (``strict``) an unusable patient.
    """
    release, output = find_release(source), Path(output)
    cases = find_patients(release)
    skipped = [(section, folder, reason) for section, folder in cases if (reason := missing_files(folder))]
    unusable = {folder for _, folder, _ in skipped}
    jobs = [(section, folder) for section, folder in cases if folder not in unusable]
    if not jobs or (strict and skipped):
        raise DataError(f"{release}: {list_reasons([reason for *_, reason in skipped])}")
    with preparation(output, verify):
        missing = sum(not (output / section / folder.name).is_dir() for section, folder in jobs)
        prepare_output_dir(output, missing * _BYTES_PER_CASE / 1e6, "--output")
        for section in SPLIT_FOLDERS:
            (output / section).mkdir(exist_ok=True)

        records: dict[Path, dict[str, Any]] = {}
        arguments = {(section, folder): (folder, output / section / folder.name) for section, folder in jobs}
        results = prepare_cases(arguments, prepare_case, workers, "Preparing OpenKBP", "patient")
        for (section, folder), result in results:
            if isinstance(result, str):
                skipped.append((section, folder, result))
            else:
                records[folder] = result
        if not records or (strict and skipped):
            raise DataError(f"{release}: {list_reasons([reason for *_, reason in skipped])}")

        done = {section: [records[f] for s, f in jobs if s == section and f in records] for section in SPLIT_FOLDERS}
        datalist = _make_datalist(release, done, skipped)
        return write_datalist(output, datalist, source)


def _make_datalist(
    release: Path, done: dict[str, list[dict[str, Any]]], skipped: list[tuple[str, Path, str]]
) -> dict[str, Any]:
    labels = ["background", *SEGMENTATION_ORGANS]
    records = [record for section in done.values() for record in section]
    return {
        "name": "OpenKBP",
        "description": _DESCRIPTION,
        "reference": _CITATION,
        "licence": "MIT (copyright 2021 Aaron Babier)",
        "modality": {"0": "CT"},
        "labels": {str(value): label for value, label in enumerate(labels)},
        "tensorImageSize": "3D",
        "numTraining": len(done["training"]),
        "numTest": len(done["test"]),
        **{section: [record["entry"] for record in done[section]] for section in SPLIT_FOLDERS},
        "provenance": {
            "source": release.name,
            "split": "the challenge's own folders",
            "prepared": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "skipped": [{"section": s, "case_id": folder.name, "reason": reason} for s, folder, reason in skipped],
            "notes": [f"{record['entry']['case_id']}: {note}" for record in records for note in record["notes"]],
            "source_sha256": {record["entry"]["case_id"]: record["source_sha256"] for record in records},
        },
        "statistics": case_statistics(done["training"], SEGMENTATION_ORGANS),
    }
