# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""From DICOM-RT exports of prostate plans to prepared data: NIfTI volumes and ``datalist.json``."""

from __future__ import annotations

import argparse
import datetime
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.data.datalist import DATALIST_NAME
from ctan_monai.data.preparation.journal import preparation
from ctan_monai.data.preparation.parallel import list_reasons, prepare_cases
from ctan_monai.data.preparation.phantom_marker import write_datalist
from ctan_monai.data.preparation.radiotherapy_statistics import case_statistics
from ctan_monai.data.preparation.split import SECTIONS, stratified_split
from ctan_monai.dicom import Choice, find_rt_patients, planning_cases
from ctan_monai.dicom.targets import parse_doses
from ctan_monai.utils import InputError, original_names
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import parse_json, prepare_output_dir

from .case import NETWORK_SIZE, NETWORK_SPACING, prepare_case
from .roi_list import cohort_rois, roi_table
from .roi_names import PROSTATE_LABELS, ROI_MAP, read_roi_map

__all__ = ["prepare_prostate", "run"]

_FRACTIONS = (0.7, 0.1, 0.2)


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this data set and prints what was prepared and what was skipped."""
    roi_map = read_roi_map(arguments.roi_map) if arguments.roi_map else ROI_MAP
    if arguments.list_rois:
        print(list_rois(arguments.source, roi_map))
        return
    if arguments.output is None:
        raise DataError("--output is missing: give the folder for the prepared data, such as data/prostate.")
    datalist = prepare_prostate(
        arguments.source,
        arguments.output,
        arguments.workers,
        arguments.strict,
        split=arguments.split,
        seed=arguments.seed,
        roi_map=roi_map,
        spacing=arguments.spacing,
        size=(arguments.size, arguments.size),
        target_doses=arguments.target_doses,
        choice=Choice(
            series=tuple(arguments.series),
            structure_sets=tuple(arguments.structure_set),
            plans=tuple(arguments.plan),
            sum_plans=arguments.sum_plans,
        ),
        verify=arguments.verify,
    )
    provenance = datalist["provenance"]
    counts = ", ".join(f"{len(datalist[section])} {section}" for section in SECTIONS)
    print(f"Prepared {counts} patients in {arguments.output / DATALIST_NAME}; skipped {len(provenance['skipped'])}.")
    found = Counter(label for names in provenance["roi_names"].values() for label in names)
    cases = len(provenance["roi_names"])
    print("  structures:", ", ".join(f"{label} in {found[label]} of {cases}" for label in PROSTATE_LABELS))
    if any(not found[label] for label in PROSTATE_LABELS):
        print("  --list-rois lists the names that there are; give those of a label in a file with --roi-map.")
    for case in provenance["skipped"]:
        print(f"  skipped {case['case_id']}: {case['reason']}")
    for note in provenance["notes"]:
        print(f"  note: {note}")


def list_rois(source: Path | str, roi_map: Mapping[str, Sequence[str]] = ROI_MAP) -> str:
    """A table of the names of all structures below a folder.

    Args:
        source: folder with DICOM files.
        roi_map: label to patterns of ROI names.

    Raises:
        DataError: no such folder, or no structure set.
    """
    patients, damaged = find_rt_patients(source)
    paths = [path for patient in patients.values() for path in patient.structures]
    rows, notes = cohort_rois(paths, roi_map)
    notes = [original_names(note) for note in (*notes, *damaged)]
    if not rows:
        raise DataError(f"{source}: there are no structures. {' '.join(notes)}".strip())
    heading = f"{len(paths)} structure sets of {sum(bool(p.structures) for p in patients.values())} patients"
    return "\n".join([heading, roi_table(rows), *(f"left out: {note}" for note in notes)])


def prepare_prostate(
    source: Path | str,
    output: Path | str,
    workers: int = 1,
    strict: bool = False,
    split: str = "seeded",
    seed: int = 0,
    roi_map: Mapping[str, Sequence[str]] = ROI_MAP,
    spacing: Sequence[float] = NETWORK_SPACING,
    size: Sequence[int] = NETWORK_SIZE,
    target_doses: str | None = None,
    choice: Choice | None = None,
    verify: bool = False,
) -> dict[str, Any]:
    """Prepares all patients below a folder; those done already, from the same files and settings, are not done again.

    Args:
        source: folder with DICOM files.
        output: folder to write; see :mod:`ctan_monai.data.datalist` for its layout.
        workers: processes.
        strict: raise when a patient cannot be used, instead of leaving it out.
        split: ``"seeded"``, ``"all"`` or the path of a JSON file, see the command line.
        seed: of the split.
        roi_map: label to patterns of ROI names.
        spacing: of the network's grid in mm.
        size: of the network's grid in pixels.
        target_doses: Gy by the targets' names; None: the names carry them. See
            :py:func:`ctan_monai.dicom.targets.parse_doses`.
        choice: among several CTs, structure sets and plans of a patient; None: nothing is chosen by name.
        verify: see :py:func:`ctan_monai.data.preparation.journal.preparation`.

    Returns:
        what was written as ``datalist.json``; ``provenance["skipped"]`` names the patients left out and why.

    Raises:
        DataError: nothing to prepare, output not writable or too small, a split that cannot be made, or (``strict``)
            an unusable patient.
    """
    output = Path(output)
    try:
        parse_doses(target_doses)
        patients, damaged = find_rt_patients(source)
    except InputError as error:
        raise DataError(str(error)) from error
    damaged = [original_names(reason) for reason in damaged]
    if not patients:
        listed = f"\n{list_reasons(damaged, 'files')}" if damaged else ""
        raise DataError(f"{source}: there are no DICOM files of CT, RTSTRUCT or RTDOSE.{listed}")
    sections_of = _read_split(split)
    cases = {patient_id: planning_cases(patient) for patient_id, patient in patients.items()}
    names = _case_ids([patient_id for patient_id, of_patient in cases.items() for _ in of_patient])
    by_name = dict(zip(names, (case for of_patient in cases.values() for case in of_patient), strict=True))
    remaining = iter(names)
    names_of = {patient_id: [next(remaining) for _ in of_patient] for patient_id, of_patient in cases.items()}
    with preparation(output, verify):
        # a compressed CT and dose on the CT's own grid take about half of the DICOM files' size
        needed = sum(file.stat().st_size for patient in patients.values() for file in patient.ct)
        prepare_output_dir(output, needed / 1e6, "--output")
        (output / "cases").mkdir(exist_ok=True)

        records: dict[str, dict[str, Any]] = {}
        skipped: list[dict[str, str]] = []
        options = (roi_map, tuple(spacing), tuple(size), target_doses, choice or Choice())
        jobs = {name: (case, *options, output / "cases" / name) for name, (case, _) in by_name.items()}
        for name, result in prepare_cases(jobs, prepare_case, workers, "Preparing Prostate", "patient"):
            if isinstance(result, str):
                skipped.append({"case_id": name, "reason": result})
            else:
                records[name] = {**result, "notes": [*by_name[name][1], *result["notes"]]}
        if not records or (strict and skipped):
            raise DataError(f"{source}: {list_reasons([case['case_id'] + ': ' + case['reason'] for case in skipped])}")
        records = {name: records[name] for name in by_name if name in records}
        usable = [patient_id for patient_id, of_patient in names_of.items() if records.keys() & of_patient]
        try:
            patients_of = _assign(usable, list(patients), split, seed, sections_of)
        except DataError as error:
            reasons = list_reasons([f"{case['case_id']}: {case['reason']}" for case in skipped]) if skipped else ""
            raise DataError(f"{reasons}\n{error}".strip()) from error
        # the cases of one PatientID stay together
        for patient_id, of_patient in names_of.items():
            for name in of_patient if len(of_patient) > 1 else []:
                if name in records:
                    records[name]["entry"] = records[name]["entry"] | {"facts": {"patient_id": patient_id}}
        sections = {
            section: [name for patient_id in ids for name in names_of[patient_id] if name in records]
            for section, ids in patients_of.items()
        }
        datalist = _make_datalist(Path(source), records, sections, skipped, damaged)
        datalist["provenance"] |= {"split": split if sections_of is None else Path(split).name, "seed": seed}
        return write_datalist(output, datalist, source)


def _read_split(split: str) -> dict[str, list[str]] | None:
    """The user's own lists of PatientIDs by section; None for the named ways."""
    if split in ("seeded", "all"):
        return None
    try:
        content = parse_json(Path(split).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{split}: --split is neither 'seeded', 'all' nor a JSON file ({error}).") from error
    if (
        not isinstance(content, dict)
        or set(content) - set(SECTIONS)
        or not all(isinstance(names, list) and len(names) == len(set(map(str, names))) for names in content.values())
    ):
        raise DataError(f"{split}: expected an object with lists of PatientIDs as {', '.join(SECTIONS)}.")
    return {section: [str(name) for name in content.get(section, [])] for section in SECTIONS}


def _assign(
    patient_ids: list[str],
    found: list[str],
    split: str,
    seed: int,
    sections_of: Mapping[str, Sequence[str]] | None,
) -> dict[str, list[str]]:
    """PatientIDs of each section: of ``patient_ids``, those of ``found`` that can be used."""
    if sections_of is not None:
        listed = {name for names in sections_of.values() for name in names}
        if unknown := sorted(listed - set(found)):
            raise DataError(f"{split}: lists the patient '{unknown[0]}', who is not there. Correct it.")
        return {section: [name for name in names if name in patient_ids] for section, names in sections_of.items()}
    if split == "all":
        return {section: patient_ids for section in SECTIONS}
    if len(patient_ids) < len(SECTIONS):
        raise DataError(
            f"patients that can be used: {len(patient_ids)}, too few to split into {', '.join(SECTIONS)}. Give "
            "more, or use --split all to put every patient into all of them."
        )
    section_of = stratified_split(dict.fromkeys(patient_ids, "patient"), _FRACTIONS, seed)
    return {section: [name for name in patient_ids if section_of[name] == section] for section in SECTIONS}


def _make_datalist(
    source: Path,
    records: Mapping[str, dict[str, Any]],
    sections: Mapping[str, Sequence[str]],
    skipped: list[dict[str, str]],
    damaged: list[str],
) -> dict[str, Any]:
    cases = list(records.values())
    notes = [f"{record['entry']['case_id']}: {original_names(note)}" for record in cases for note in record["notes"]]
    places = Counter(name for names in sections.values() for name in names)
    if repeated := sum(count > 1 for count in places.values()):
        notes.append(f"{repeated} patients are in more than one section: results say nothing about new patients")
    return {
        "name": "Prostate",
        "description": "Pelvic planning CT, organs at risk and CTV (labels 1-5) and the planned dose (Gy).",
        "licence": "that of the source",
        "modality": {"0": "CT"},
        "labels": {str(value): label for value, label in enumerate(["background", *PROSTATE_LABELS])},
        "tensorImageSize": "3D",
        "numTraining": len(sections["training"]),
        "numTest": len(sections["test"]),
        **{section: [records[name]["entry"] for name in sections[section]] for section in SECTIONS},
        "provenance": {
            "source": source.name,
            "prepared": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "network_grid": cases[0]["network_grid"],
            "roi_map": cases[0]["roi_map"],
            "roi_names": {record["entry"]["case_id"]: record["roi_names"] for record in cases},
            "skipped": skipped,
            "notes": notes + [f"left out: {reason}" for reason in damaged],
            "source_sha256": {record["entry"]["case_id"]: record["source_sha256"] for record in cases},
        },
        "statistics": case_statistics([records[name] for name in sections["training"]], PROSTATE_LABELS),
    }


def _case_ids(patient_ids: list[str]) -> list[str]:
    """File-name-safe, unique names of patients' cases."""
    names: list[str] = []
    for patient_id in patient_ids:
        plain = re.sub(r"[^\w.-]+", "_", patient_id).strip("_.") or "patient"
        name, number = plain, 1
        while name in names:
            number += 1
            name = f"{plain}_{number}"
        names.append(name)
    return names
