# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which CT, structure set and dose of a patient belong together, where there are several of them.

The structures' frame of reference says on which CT they were drawn. Among several structure sets or plans, a user's
choice decides, then the plan of the dose, then the approval; else nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import Dataset

from ctan_monai.utils.errors import InputError

from .find_series import choose_series, group_series, no_volume, same_content
from .headers import dicom_headers
from .read_file import file_border, read_dicom
from .rt_patients import RTPatient
from .rtstruct import frames_of_reference

__all__ = ["Choice", "choose_ct", "choose_structures", "planning_cases"]

APPROVED = "APPROVED"
_HEADER = [
    *("SOPInstanceUID", "StructureSetLabel", "StructureSetDate", "ApprovalStatus"),
    "ReferencedFrameOfReferenceSequence",
]


@dataclass(frozen=True)
class Choice:
    """What a user chooses where a patient has several; upper and lower case are alike.

    Attributes:
        series: CT series, by SeriesInstanceUID, SeriesNumber or SeriesDescription.
        structure_sets: by StructureSetLabel.
        plans: by RTPlanLabel.
        sum_plans: whether the doses of several plans are added up.
    """

    series: tuple[str, ...] = ()
    structure_sets: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    sum_plans: bool = False


@dataclass(frozen=True)
class _StructureSet:
    path: Path
    series: frozenset[str]  # SeriesInstanceUIDs of the CTs that it was drawn on
    uid: str
    label: str
    date: str
    status: str

    def __str__(self) -> str:
        return (
            f"'{self.label}' ({', '.join(text for text in (self.date, self.status.lower(), self.path.name) if text)})"
        )


def planning_cases(patient: RTPatient) -> list[tuple[RTPatient, list[str]]]:
    """A patient's files by planning CT: by frame of reference, with structures and, where any has one, a dose.

    Args:
        patient: all files of a PatientID, which may be those of several plannings, or of several patients.

    Returns:
        the files of each case, sorted by the CT's path, and notes on what belongs to none; the patient as it is, where
        no CT and structure set have a frame in common.
    """
    if len(patient.structures) < 2 and len({patient.frames.get(p) for p in (*patient.ct, *patient.doses)}) < 2:
        return [(patient, [])]
    notes: list[str] = []
    frames: dict[Path, set[str]] = {}
    for path in patient.structures:
        try:
            frames[path] = frames_of_reference(path)
        except InputError as error:
            notes.append(f"left out: {error}")
    with_ct = {frame for path in patient.ct if (frame := patient.frames.get(path, ""))}
    drawn = {frame for found in frames.values() for frame in found & with_ct}
    complete = {frame for frame in drawn if any(patient.frames.get(path) == frame for path in patient.doses)}
    if not complete:
        return [(patient, [])]
    cases = []
    for frame in complete:
        ct = [path for path in patient.ct if patient.frames.get(path) == frame]
        # what is damaged may be one of the slices, and a part of the dose
        folders = {path.parent for path in ct}
        ct = sorted([*ct, *(p for p in patient.ct if p not in patient.frames and p.parent in folders)])
        doses = [path for path in patient.doses if patient.frames.get(path, frame) == frame]
        structures = [path for path, found in frames.items() if frame in found]
        cases.append(replace(patient, ct=ct, structures=structures, doses=doses))
    cases.sort(key=lambda case: case.ct[0])
    used = {path for case in cases for path in case.files()}
    for what, paths in (("CT images", patient.ct), ("structure sets", list(frames)), ("doses", patient.doses)):
        if others := [path for path in paths if path not in used]:
            notes.append(f"{len(others)} {what} in another frame of reference are left out ({others[0].name}, ...)")
    if len(cases) > 1:
        notes.append(f"there are {len(cases)} planning CTs of this PatientID: each is a case")
    return [(case, list(notes)) for case in cases]


def choose_structures(
    paths: Sequence[Path], of_plans: Collection[str], wanted: Sequence[str]
) -> tuple[Path, list[str]]:
    """The structure set to take.

    Args:
        paths: RTSTRUCT files of one frame of reference; copies count once.
        of_plans: SOPInstanceUIDs of the structure sets to which the chosen plans and doses refer.
        wanted: labels, of which one decides where there are several structure sets.

    Returns:
        its file, and a note on why it was taken where there are others.

    Raises:
        InputError: nothing decides; the message lists them.
    """
    found: list[_StructureSet] = []
    for path in paths:
        one = _read_structure_set(path)
        if not any(one.uid and one.uid == other.uid and same_content(one.path, other.path) for other in found):
            found.append(one)
    candidates = found
    if len(found) > 1 and wanted:
        candidates = [one for one in found if one.label.casefold() in {name.strip().casefold() for name in wanted}]
    decisive = (
        ("chosen" if wanted else "the only one", candidates),
        ("the plan's", [one for one in candidates if one.uid in of_plans]),
        ("the approved one", [one for one in candidates if one.status == APPROVED]),
    )
    for why, fitting in decisive:
        if len(fitting) == 1:
            return fitting[0].path, [f"structure set {fitting[0]}: {why} of {len(found)}"] if len(found) > 1 else []
    raise InputError(
        f"there are {len(found)} structure sets ({', '.join(map(str, found))}), expected one. Give its label by "
        "--structure-set, or keep one."
    )


def choose_ct(paths: Sequence[Path], structures: Path, wanted: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The slices of the CT on which the structures were drawn.

    Args:
        paths: CT images of one frame of reference.
        structures: the structure set, which names its CT series.
        wanted: SeriesInstanceUIDs, numbers or descriptions, one of which decides where several CTs are left.

    Returns:
        the files, each image once, and a note where there are other volumes.

    Raises:
        InputError: nothing decides, and the message lists the series; or a file among the slices is damaged.
    """
    headers: dict[Path, Dataset] = {}
    damaged: dict[Path, InputError] = {}
    for path in paths:
        try:
            headers |= dicom_headers([path])
        except InputError as error:
            damaged[path] = error
    series = group_series(headers)
    volumes = [one for one in series if not no_volume(one)]
    fitting = volumes
    if len(volumes) > 1:
        named = _read_structure_set(structures).series
        fitting = [one for one in volumes if one.tag("SeriesInstanceUID") in named]
        if len(fitting) != 1 and wanted:
            fitting = list(filter(choose_series(volumes, wanted), volumes))
        if len(fitting) != 1:
            raise InputError(
                f"there are {len(volumes)} CT series, expected one: {'; '.join(map(str, volumes))}. Give the one on "
                "which the structures were drawn by --series."
            )
    files = fitting[0].files if fitting else list(headers)  # what is wrong with these is told where they are read
    folders = {path.parent for path in files}
    for path, reason in damaged.items():
        if path.parent in folders or not files:
            raise reason
    notes = [f"left out: {reason}" for reason in damaged.values()]
    if len(volumes) > 1:
        notes.append(f"CT {fitting[0]}, on which the structures were drawn, of {len(volumes)} series")
    return files, notes


def _read_structure_set(path: Path) -> _StructureSet:
    with file_border(path, "RTSTRUCT"):
        header = read_dicom(path, _HEADER, "RTSTRUCT")
        series = {
            str(one.get("SeriesInstanceUID", ""))
            for frame in header.get("ReferencedFrameOfReferenceSequence") or []
            for study in frame.get("RTReferencedStudySequence") or []
            for one in study.get("RTReferencedSeriesSequence") or []
        }
        texts = (str(header.get(tag) or "").strip() for tag in _HEADER[:4])
        return _StructureSet(path, frozenset(series), *texts)
