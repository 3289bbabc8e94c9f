# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Radiotherapy patients among DICOM files: which files belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ctan_monai.utils import is_dicom, is_zip, walk_folders
from ctan_monai.utils.errors import InputError

from .find_series import tag_text
from .headers import dicom_headers
from .read_file import read_beginning

__all__ = ["RTPatient", "find_rt_patients"]

KINDS = {"CT": "ct", "RTSTRUCT": "structures", "RTDOSE": "doses", "RTPLAN": "plans"}


@dataclass
class RTPatient:
    """A patient's files by what they are, each list sorted by path.

    A file that is damaged is among them where it still says whose and what it is; ``damaged`` has what is wrong with
    others that lie in the same folders. ``frames`` has the FrameOfReferenceUID of CT images and doses that have one.
    """

    ct: list[Path] = field(default_factory=list)
    structures: list[Path] = field(default_factory=list)
    doses: list[Path] = field(default_factory=list)
    plans: list[Path] = field(default_factory=list)
    damaged: dict[Path, str] = field(default_factory=dict)
    frames: dict[Path, str] = field(default_factory=dict)

    def files(self) -> list[Path]:
        """All of them."""
        return [*self.ct, *self.structures, *self.doses, *self.plans]


def find_rt_patients(source: Path | str) -> tuple[dict[str, RTPatient], list[str]]:
    """Groups the DICOM files below a folder by their tags, whatever the folders and files are called.

    Files of one PatientID are one patient; without PatientID, those of one study (StudyInstanceUID).

    Args:
        source: a folder, nested at will, or a zip; with zips in it.

    Returns:
        patients with a CT, a structure set or a dose, by PatientID, sorted; and a note on each damaged file that does
        not say whose it is, which is left out.

    Raises:
        InputError: no such folder.
    """
    source = Path(source)
    if not source.is_dir() and not (source.is_file() and is_zip(source)):
        raise InputError(f"{source}: no such folder, expected a folder with DICOM files of patients, or a zip of one.")
    patients: dict[str, RTPatient] = {}
    damaged: dict[Path, str] = {}
    zips: list[str] = []
    folders = walk_folders(source, is_dicom, problem=lambda error: zips.append(str(error)))
    files = [file for _, files_of_one in folders for file in files_of_one]
    for path in tqdm(sorted(files), desc="Reading DICOM headers", unit="file"):
        try:
            headers = list(dicom_headers([path]).values())
        except InputError as error:
            headers = [read_beginning(path)]
            damaged[path] = str(error)
        for header in headers:
            kind = KINDS.get(str(header.get("Modality")))
            patient_id = str(header.get("PatientID") or header.get("StudyInstanceUID") or "").strip()
            if kind is not None and patient_id:
                patient = patients.setdefault(patient_id, RTPatient())
                getattr(patient, kind).append(path)
                if frame := tag_text(header, "FrameOfReferenceUID"):
                    patient.frames[path] = frame
                damaged.pop(path, None)
    found = {k: p for k, p in sorted(patients.items()) if p.ct or p.structures or p.doses}
    for patient in found.values():
        own = {path.parent for path in patient.files()}
        patient.damaged = {path: text for path, text in damaged.items() if path.parent in own}
    return found, [*zips, *damaged.values()]
