# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The dose of a plan, or of several, from the RTDOSE files that a patient has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset

from ctan_monai.utils.errors import InputError

from .find_series import same_content
from .read_file import damaged_file, file_border, read_dicom
from .rtdose import SAME_MM, DoseGrid, read_dose

__all__ = ["ChosenPlans", "choose_plans", "plan_dose", "read_plan_doses"]

TAGS = [
    *("SOPInstanceUID", "DoseSummationType", "DoseType", "ReferencedRTPlanSequence"),
    *("ReferencedStructureSetSequence", "PixelData"),
]
APPROVED, REJECTED = "APPROVED", "REJECTED"


@dataclass(frozen=True)
class _File:
    path: Path
    uid: str
    summation: str
    plan: str  # SOPInstanceUID, "" where the file does not say
    structures: str  # SOPInstanceUID of the structure set, "" where the file does not say
    beams: tuple[int, ...]
    effective: bool


@dataclass(frozen=True)
class _Plan:
    label: str
    status: str
    structures: str  # SOPInstanceUID of its structure set
    beams: frozenset[int] | None  # that treat; None where it lists none


@dataclass(frozen=True)
class ChosenPlans:
    """The dose files of each chosen plan.

    Attributes:
        files: by plan: its PLAN dose, or its BEAM doses.
        beams: by plan, numbers of the beams that treat; None where no RTPLAN tells.
        structures: SOPInstanceUIDs of the structure sets that plans and doses name.
        notes: on what was left out, and why these were chosen.
    """

    files: list[list[_File]]
    beams: list[frozenset[int] | None]
    structures: frozenset[str]
    notes: list[str]


def plan_dose(files: Sequence[Path], frame_uid: str, plans: Sequence[Path] = ()) -> tuple[DoseGrid, list[str]]:
    """The dose of the only plan: its PLAN dose, or else the sum of its BEAM doses.

    Args:
        files: the patient's RTDOSE files.
        frame_uid: FrameOfReferenceUID of the CT.
        plans: the patient's RTPLAN files, by which the beams are counted; may be empty.

    Returns:
        the dose on its own grid, and notes on what was left out or could not be checked.

    Raises:
        InputError: see :py:func:`choose_plans` and :py:func:`read_plan_doses`.
    """
    chosen = choose_plans(files, plans)
    (dose,), notes = read_plan_doses(chosen, frame_uid)
    return dose, [*notes, *chosen.notes]


def choose_plans(
    files: Sequence[Path], plans: Sequence[Path] = (), wanted: Sequence[str] = (), total: bool = False
) -> ChosenPlans:
    """Which doses of a patient are taken: of the only plan, of a chosen one, or of the only approved one.

    Args:
        files: the patient's RTDOSE files; copies count once.
        plans: the patient's RTPLAN files; may be empty.
        wanted: RTPlanLabels, of which those of the patient are taken where there are several plans.
        total: take all plans, or all wanted ones, as a boost is planned apart.

    Raises:
        InputError: no dose; several plans among which nothing decides; another kind of dose alone (FRACTION,
            MULTI_PLAN, ...).
    """
    if not files:
        raise InputError("there is no dose (RTDOSE). Export the plan's dose with the CT and the structures.")
    found: list[_File] = []
    damaged: list[InputError] = []
    for path in files:
        try:
            one = _describe(path)
        except InputError as error:
            damaged.append(error)
            continue
        if not any(one.uid and one.uid == other.uid and same_content(path, other.path) for other in found):
            found.append(one)
    known, damaged_plans = _read_plans(plans)
    doses: dict[str, list[_File]] = {}
    for file in found:
        if file.summation == "PLAN":
            doses.setdefault(file.plan or str(file.path), []).append(file)
    for key, of_plan in doses.items():
        if len(of_plan) > 1:
            raise InputError(
                f"there are {len(of_plan)} plan doses ({_names(of_plan)}) of plan {key}, expected one. Keep the one "
                "that was delivered."
            )
    if damaged and not doses:
        raise damaged[0]
    others = [file for file in found if file.summation not in ("PLAN", "BEAM")]
    whole = set(doses)
    for file in found:
        if file.summation == "BEAM" and file.plan not in whole and (file.plan or not whole):
            doses.setdefault(file.plan, []).append(file)
    if total and not doses and [file.summation for file in others] == ["MULTI_PLAN"]:
        doses, others = {"": others}, []
    if others and not whole:
        raise InputError(
            f"{others[0].path}: DoseSummationType is {others[0].summation or 'absent'}; expected PLAN, or the BEAM "
            "doses of one plan. Export the dose of the whole plan."
        )
    keys, notes = _choose(doses, known, wanted, total)
    taken = [file for key in keys for file in doses[key]]
    if left_out := [file for file in found if file not in taken]:
        notes.append(f"left out beside the plan's dose: {_names(left_out)}")
    notes += [f"left out: {error}" for error in (*damaged, *damaged_plans)]
    named = {known[key].structures for key in keys if key in known} | {file.structures for file in taken}
    return ChosenPlans(
        [doses[key] for key in keys],
        [known[key].beams if key in known else None for key in keys],
        frozenset(named - {""}),
        [*notes, *_effective(taken)],
    )


def read_plan_doses(chosen: ChosenPlans, frame_uid: str) -> tuple[list[DoseGrid], list[str]]:
    """The dose of each chosen plan on its own grid, and notes on what could not be checked.

    Args:
        chosen: by :py:func:`choose_plans`.
        frame_uid: FrameOfReferenceUID of the CT.

    Raises:
        InputError: beams that are missing, listed twice or on different grids; or see
            :py:func:`ctan_monai.dicom.read_dose`.
    """
    doses, notes = [], []
    for files, beams in zip(chosen.files, chosen.beams, strict=True):
        if files[0].summation == "BEAM":
            dose, remark = _sum_of_beams(files, frame_uid, beams)
            notes.append(remark)
        else:
            dose = read_dose(files[0].path, frame_uid)
        doses.append(dose)
    return doses, notes


def _choose(
    doses: Mapping[str, list[_File]], known: Mapping[str, _Plan], wanted: Sequence[str], total: bool
) -> tuple[list[str], list[str]]:
    """Which plans, by their keys, and why."""
    notes = []
    keys = [key for key in doses if key not in known or known[key].status != REJECTED] or list(doses)
    if rejected := [key for key in doses if key not in keys]:
        notes.append(f"rejected plans are left out: {', '.join(_title(key, doses, known) for key in rejected)}")
    if len(keys) > 1 and wanted:
        names = {name.strip().casefold() for name in wanted}
        keys = [key for key in keys if key in known and known[key].label.casefold() in names]
    approved = [key for key in keys if key in known and known[key].status == APPROVED]
    if len(keys) > 1 and not total and len(approved) == 1:
        keys = approved
    titles = [_title(key, doses, known) for key in doses]
    if not keys or (len(keys) > 1 and not total):
        files = [file for of_plan in doses.values() for file in of_plan]
        if all(file.summation == "PLAN" for file in files):
            text = f"there are {len(doses)} plan doses ({_names(files)}), expected the dose of one plan"
        else:
            kinds = "BEAM doses" if all(file.summation == "BEAM" for file in files) else "doses"
            text = f"the {kinds} ({_names(files)}) belong to {len(doses)} plans, expected one"
        raise InputError(
            f"{text}: {', '.join(titles)}. Give the label of the one that was delivered by --plan, or add them up by "
            "--sum-plans."
        )
    if len(doses) - len(rejected) > 1:
        chosen = ", ".join(_title(key, doses, known) for key in keys)
        notes.append(f"dose of {'the sum of ' if len(keys) > 1 else ''}{chosen}, of {len(doses)} plans")
    return keys, notes


def _title(key: str, doses: Mapping[str, list[_File]], known: Mapping[str, _Plan]) -> str:
    if key not in known:
        return f"a plan without RTPLAN ({_names(doses[key])})"
    status = known[key].status.lower()
    return f"'{known[key].label}' ({', '.join(text for text in (status, _names(doses[key])) if text)})"


def _describe(path: Path) -> _File:
    with file_border(path, "RTDOSE"):
        header = read_dicom(path, TAGS, "RTDOSE")
        if "PixelData" not in header:
            raise damaged_file(path, "it ends before its pixels", "RTDOSE")
        beams = tuple(
            int(beam.ReferencedBeamNumber)
            for plan in header.get("ReferencedRTPlanSequence") or []
            for group in plan.get("ReferencedFractionGroupSequence") or []
            for beam in group.get("ReferencedBeamSequence") or []
        )
        plan, structures = (_referenced(header, f"Referenced{what}Sequence") for what in ("RTPlan", "StructureSet"))
        own, summation = (str(header.get(tag) or "") for tag in ("SOPInstanceUID", "DoseSummationType"))
        return _File(path, own, summation, plan, structures, beams, header.get("DoseType") == "EFFECTIVE")


def _referenced(header: Dataset, sequence: str) -> str:
    """SOPInstanceUID of the first item of a sequence of references; empty without one."""
    items = header.get(sequence) or []
    return str(items[0].get("ReferencedSOPInstanceUID", "")) if items else ""


def _effective(files: Sequence[_File]) -> list[str]:
    found = _names([file for file in files if file.effective])
    return [f"DoseType is EFFECTIVE, Gy weighted by biological effect, taken as they are: {found}"] if found else []


def _sum_of_beams(files: list[_File], frame_uid: str, wanted: frozenset[int] | None) -> tuple[DoseGrid, str]:
    beams = sorted(beam for file in files for beam in file.beams)
    if any(not file.beams for file in files) or len(set(beams)) < len(beams):
        raise InputError(
            f"the BEAM doses ({_names(files)}) are of the beams {beams}; expected a different beam in each. Remove "
            "copies, or export the dose of the whole plan."
        )
    note = f"the sum of {len(files)} BEAM doses"
    if wanted is None:
        note += "; no RTPLAN tells whether these are all"
    elif wanted != set(beams):
        raise InputError(
            f"the BEAM doses are of the beams {beams}, but the plan has {sorted(wanted)}. Export the missing doses, or "
            "the dose of the whole plan."
        )
    doses = [read_dose(file.path, frame_uid) for file in files]
    first = doses[0]
    for file, dose in zip(files[1:], doses[1:], strict=True):
        if dose.gray.shape != first.gray.shape or np.abs(dose.affine - first.affine).max() > SAME_MM:
            raise InputError(
                f"{file.path}: lies on another grid than {files[0].path}; expected the BEAM doses of a plan on one "
                "grid. Export the dose of the whole plan."
            )
    return DoseGrid(sum(dose.gray for dose in doses), first.affine), note  # type: ignore[arg-type]


def _read_plans(paths: Sequence[Path]) -> tuple[dict[str, _Plan], list[InputError]]:
    """Plans by SOPInstanceUID, and what is wrong with damaged ones."""
    found: dict[str, _Plan] = {}
    damaged: list[InputError] = []
    for path in paths:
        try:
            with file_border(path, "RTPLAN"):
                plan = read_dicom(path, kind="RTPLAN")
                beams = {
                    int(beam.BeamNumber)
                    for beam in plan.get("BeamSequence") or []
                    if beam.get("TreatmentDeliveryType", "TREATMENT") in ("TREATMENT", "CONTINUATION", "")
                }
                label, status = (str(plan.get(tag) or "").strip() for tag in ("RTPlanLabel", "ApprovalStatus"))
                structures = _referenced(plan, "ReferencedStructureSetSequence")
                found[str(plan.SOPInstanceUID)] = _Plan(
                    label, status, structures, frozenset(beams) if plan.get("BeamSequence") else None
                )
        except InputError as error:
            damaged.append(error)
    return found, damaged


def _names(files: Sequence[_File]) -> str:
    return ", ".join(sorted(file.path.name for file in files))
