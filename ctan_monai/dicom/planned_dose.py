# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The dose of one plan, from the RTDOSE files that a patient has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctan_monai.dicom.read_file import damaged_file, file_border, read_dicom
from ctan_monai.dicom.rtdose import SAME_MM, DoseGrid, read_dose
from ctan_monai.errors import InputError

__all__ = ["plan_dose"]

TAGS = ["DoseSummationType", "DoseType", "ReferencedRTPlanSequence", "PixelData"]


@dataclass(frozen=True)
class _File:
    path: Path
    summation: str
    plan: str  # SOPInstanceUID, "" where the file does not say
    beams: tuple[int, ...]
    effective: bool


def plan_dose(files: Sequence[Path], frame_uid: str, plans: Sequence[Path] = ()) -> tuple[DoseGrid, list[str]]:
    """The dose of the only plan: its PLAN dose, or else the sum of its BEAM doses.

    Args:
        files: the patient's RTDOSE files.
        frame_uid: FrameOfReferenceUID of the CT.
        plans: the patient's RTPLAN files, by which the beams are counted; may be empty.

    Returns:
        the dose on its own grid, and notes on what was left out or could not be checked.

    Raises:
        InputError: no dose; several plans; another kind of dose alone (FRACTION, MULTI_PLAN, ...); beams that are
            missing, listed twice or on different grids; or see :py:func:`ctan_monai.dicom.read_dose`.
    """
    if not files:
        raise InputError("there is no dose (RTDOSE). Export the plan's dose with the CT and the structures.")
    found, damaged = [], []
    for path in files:
        try:
            found.append(_describe(path))
        except InputError as error:
            damaged.append(error)
    whole = [file for file in found if file.summation == "PLAN"]
    if len(whole) > 1:
        raise InputError(
            f"there are {len(whole)} plan doses ({_names(whole)}), expected the dose of one plan. Keep the one that "
            "was delivered."
        )
    if whole:
        others = [file for file in found if file is not whole[0]]
        notes = [f"left out beside the plan's dose: {_names(others)}"] if others else []
        notes += _effective(whole)
        return read_dose(whole[0].path, frame_uid), [*notes, *(f"left out: {error}" for error in damaged)]
    if damaged:
        raise damaged[0]
    if wrong := [file for file in found if file.summation != "BEAM"]:
        raise InputError(
            f"{wrong[0].path}: DoseSummationType is {wrong[0].summation or 'absent'}; expected PLAN, or the BEAM doses "
            "of one plan. Export the dose of the whole plan."
        )
    return _sum_of_beams(found, frame_uid, plans)


def _describe(path: Path) -> _File:
    with file_border(path, "RTDOSE"):
        header = read_dicom(path, TAGS, "RTDOSE")
        if "PixelData" not in header:
            raise damaged_file(path, "it ends before its pixels", "RTDOSE")
        plans = header.get("ReferencedRTPlanSequence") or []
        beams = tuple(
            int(beam.ReferencedBeamNumber)
            for plan in plans
            for group in plan.get("ReferencedFractionGroupSequence") or []
            for beam in group.get("ReferencedBeamSequence") or []
        )
        uid = str(plans[0].get("ReferencedSOPInstanceUID", "")) if plans else ""
        effective = header.get("DoseType") == "EFFECTIVE"
        return _File(path, str(header.get("DoseSummationType", "")), uid, beams, effective)


def _effective(files: Sequence[_File]) -> list[str]:
    found = _names([file for file in files if file.effective])
    return [f"DoseType is EFFECTIVE, Gy weighted by biological effect, taken as they are: {found}"] if found else []


def _sum_of_beams(files: list[_File], frame_uid: str, plans: Sequence[Path]) -> tuple[DoseGrid, list[str]]:
    if len({file.plan for file in files}) > 1:
        raise InputError(
            f"the BEAM doses ({_names(files)}) belong to {len({file.plan for file in files})} plans, expected one. "
            "Keep those of the plan that was delivered."
        )
    beams = sorted(beam for file in files for beam in file.beams)
    if any(not file.beams for file in files) or len(set(beams)) < len(beams):
        raise InputError(
            f"the BEAM doses ({_names(files)}) are of the beams {beams}; expected a different beam in each. Remove "
            "copies, or export the dose of the whole plan."
        )
    notes = [f"the sum of {len(files)} BEAM doses"]
    wanted, damaged = _beams_of_plan(files[0].plan, plans)
    notes += [f"left out: {error}" for error in damaged]
    if wanted is None:
        notes[0] += "; no RTPLAN tells whether these are all"
    elif wanted != set(beams):
        raise InputError(
            f"the BEAM doses are of the beams {beams}, but the plan has {sorted(wanted)}. Export the missing doses, or "
            "the dose of the whole plan."
        )
    notes += _effective(files)
    doses = [read_dose(file.path, frame_uid) for file in files]
    first = doses[0]
    for file, dose in zip(files[1:], doses[1:], strict=True):
        if dose.gray.shape != first.gray.shape or np.abs(dose.affine - first.affine).max() > SAME_MM:
            raise InputError(
                f"{file.path}: lies on another grid than {files[0].path}; expected the BEAM doses of a plan on one "
                "grid. Export the dose of the whole plan."
            )
    return DoseGrid(sum(dose.gray for dose in doses), first.affine), notes  # type: ignore[arg-type]


def _beams_of_plan(uid: str, plans: Sequence[Path]) -> tuple[set[int] | None, list[InputError]]:
    """Numbers of the beams that treat, None where the plan is not there; and what is wrong with damaged plans."""
    damaged: list[InputError] = []
    for path in plans:
        try:
            with file_border(path, "RTPLAN"):
                plan = read_dicom(path, kind="RTPLAN")
                if plan.get("SOPInstanceUID") == uid and plan.get("BeamSequence"):
                    return {
                        int(beam.BeamNumber)
                        for beam in plan.BeamSequence
                        if beam.get("TreatmentDeliveryType", "TREATMENT") in ("TREATMENT", "CONTINUATION", "")
                    }, damaged
        except InputError as error:
            damaged.append(error)
    return None, damaged


def _names(files: Sequence[_File]) -> str:
    return ", ".join(sorted(file.path.name for file in files))
