# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""From the STOIC release to prepared data: small volumes of the lungs and ``datalist.json``."""

from __future__ import annotations

import argparse
import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctan_monai.data.datalist import DATALIST_NAME
from ctan_monai.data.preparation.journal import preparation
from ctan_monai.data.preparation.parallel import list_reasons, prepare_cases
from ctan_monai.data.preparation.phantom_marker import write_datalist
from ctan_monai.data.preparation.split import SECTIONS, merge_small_strata, stratified_split
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import prepare_output_dir

from .case import prepare_case
from .release import REFERENCE, VOLUMES, find_release, read_reference

__all__ = ["SIZE", "SPACING", "WINDOW", "prepare_stoic", "run"]

SIZE = 224
SPACING = (1.6, 1.6, 2.5)  # mm; 224 x 1.6 mm = 358 mm hold the lungs of nearly all adults
WINDOW = (-1100, 300)  # HU
_LUNG_HEIGHT_MM = 330  # of a large patient, for the disk space that is asked for
_CITATION = (
    "Revel M.-P. et al., Study of Thoracic CT in COVID-19: The STOIC Project, Radiology 301(1), E361-E370, 2021, "
    "doi:10.1148/radiol.2021210384"
)


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this data set and prints what was prepared and what was skipped."""
    datalist = prepare_stoic(
        arguments.source,
        arguments.output,
        workers=arguments.workers,
        size=arguments.size,
        spacing=arguments.spacing,
        seed=arguments.seed,
        strict=arguments.strict,
        verify=arguments.verify,
    )
    provenance = datalist["provenance"]
    counts = ", ".join(f"{len(datalist[section])} {section}" for section in SECTIONS)
    print(
        f"Prepared {counts} patients in {arguments.output / DATALIST_NAME}; skipped {len(provenance['skipped'])}.",
        *(f"  {section}: {_counts_text(count)}" for section, count in datalist["statistics"]["labels"].items()),
        *(f"  skipped {case['case_id']}: {case['reason']}" for case in provenance["skipped"]),
        *(f"  note: {note}" for note in provenance["notes"]),
        sep="\n",
    )


def prepare_stoic(
    source: Path | str,
    output: Path | str,
    workers: int = 1,
    size: int = SIZE,
    spacing: Sequence[float] = SPACING,
    seed: int = 0,
    strict: bool = False,
    verify: bool = False,
) -> dict[str, Any]:
    """Prepares the release, a volume at a time in each process; what is done already is not done again.

    Args:
        source: the folder that holds ``metadata`` and ``data``, or the one above.
        output: folder to write: ``volumes/ID.nii``, their records ``volumes/ID.json``, and ``datalist.json``.
        workers: processes, each with one volume in memory.
        size: voxels of a slice's sides.
        spacing: voxel size in mm.
        seed: of the split.
        strict: raise when a patient cannot be used, instead of leaving it out.
        verify: see :py:func:`ctan_monai.data.preparation.journal.preparation`.

    Returns:
        what was written as ``datalist.json``; ``provenance["skipped"]`` names the patients left out and why.

    Raises:
        DataError: nothing to prepare, output not writable or too small, or (``strict``) an unusable patient.
    """
    if size < 32 or len(spacing) != 3 or min(spacing) <= 0:
        raise DataError(f"size {size} and spacing {list(spacing)} cannot be used: give at least 32, and 3 sizes in mm.")
    release, output = find_release(source), Path(output)
    patients = {patient.patient_id: patient for patient in read_reference(release / REFERENCE)}
    found = (path for path in sorted((release / VOLUMES).glob("*.mha")) if not path.name.startswith("."))
    files = {path.stem: path for path in found}
    skipped = {
        name: f"{release / VOLUMES / name}.mha: no such file, but {REFERENCE} lists it. Download it again."
        for name in patients
        if name not in files
    }
    jobs = [name for name in patients if name in files]
    if not jobs or (strict and skipped):
        raise DataError(f"{release}: {list_reasons(list(skipped.values()))}")
    with preparation(output, verify):
        missing = sum(not (output / "volumes" / f"{name}.nii").is_file() for name in jobs)
        prepare_output_dir(output, missing * size * size * _LUNG_HEIGHT_MM / spacing[2] / 1e6, "--output")

        settings = {"size": [size, size], "spacing": [float(s) for s in spacing], "window": list(WINDOW)}
        records: dict[str, dict[str, Any]] = {}
        arguments = {name: (files[name], settings, output / "volumes" / f"{name}.nii") for name in jobs}
        for name, result in prepare_cases(arguments, prepare_case, workers, "Preparing STOIC", "patient"):
            if isinstance(result, str):
                skipped[name] = result
            else:
                records[name] = result
        if not records or (strict and skipped):
            raise DataError(f"{release}: {list_reasons(list(skipped.values()))}")

        notes = [f"{name}: {text}" for name in jobs if name in records for text in records[name]["warnings"]]
        without_row = sorted(set(files) - set(patients))
        if without_row:
            shown = ", ".join(without_row[:5]) + (f" and {len(without_row) - 5} more" if len(without_row) > 5 else "")
            notes.append(f"{len(without_row)} volumes without a row in {REFERENCE} were not used: {shown}")
        # By all rows of the reference: a volume that is repaired later changes no other patient's section.
        strata = {name: patient.stratum for name, patient in patients.items()}
        sections = stratified_split(strata, seed=seed)
        notes += merge_small_strata(strata)[1]
        done: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
        for name, patient in patients.items():
            if name in records:
                labels = {"covid": int(patient.covid), "severity": int(patient.severe)}
                done[sections[name]].append({**records[name]["entry"], **labels})
        datalist = {
            "name": "STOIC",
            "description": "Chest CT: COVID-19 (RT-PCR), and its severity (intubation or death within one month).",
            "reference": _CITATION,
            "licence": "CC BY-NC 4.0",
            "modality": {"0": "CT"},
            "tensorImageSize": "3D",
            "numTraining": len(done["training"]),
            "numTest": len(done["test"]),
            **done,
            "provenance": {
                "source": f"{REFERENCE} and {VOLUMES}",
                "split": "70/10/20 % of the patients, stratified by negative, COVID-positive and severe",
                "seed": seed,
                "settings": settings,
                "prepared": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "skipped": [{"case_id": name, "reason": reason} for name, reason in skipped.items()],
                "notes": notes,
                "source_sha256": {name: records[name]["source_sha256"] for name in jobs if name in records},
            },
            "statistics": {
                "labels": {
                    section: dict(Counter(patients[case["case_id"]].stratum for case in cases))
                    for section, cases in done.items()
                },
                "crops": dict(Counter(record["found"] for record in records.values())),
            },
        }
        return write_datalist(output, datalist, source)


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {stratum}" for stratum, count in sorted(counts.items())) or "none"
