# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The STOIC release: ``metadata/reference.csv`` with the labels and ``data/mha/ID.mha`` with the CTs.

Revel M.-P. et al., "Study of Thoracic CT in COVID-19: The STOIC Project", Radiology 301(1), E361-E370, 2021. Public
training set: 2,000 patients, s3://stoic2021-training.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctan_monai.utils.errors import DataError

if TYPE_CHECKING:
    import SimpleITK as sitk

__all__ = ["COLUMNS", "REFERENCE", "VOLUMES", "StoicPatient", "age_and_sex", "find_release", "read_reference"]

REFERENCE = Path("metadata", "reference.csv")
VOLUMES = Path("data", "mha")
COLUMNS = ("PatientID", "probCOVID", "probSevere")
_GET_IT = "Get it with: aws s3 sync s3://stoic2021-training FOLDER --no-sign-request"


@dataclass(frozen=True)
class StoicPatient:
    """A row of the reference.

    Attributes:
        patient_id: PatientID as written, the name of its volume.
        covid: whether RT-PCR was positive.
        severe: intubation or death within one month; only of COVID-positive patients.
    """

    patient_id: str
    covid: bool
    severe: bool

    @property
    def stratum(self) -> str:
        """The class by which patients are split."""
        return "severe" if self.severe else "covid" if self.covid else "negative"


def find_release(source: Path | str) -> Path:
    """The folder that holds ``metadata/reference.csv`` and ``data/mha``: ``source``, or one folder below.

    Raises:
        DataError: there is no such folder.
    """
    source = Path(source)
    below = sorted(path for path in source.iterdir() if path.is_dir()) if source.is_dir() else []
    for folder in (source, *below):
        if (folder / REFERENCE).is_file() and (folder / VOLUMES).is_dir():
            return folder
    if not source.is_dir():
        found = "no such folder"
    else:
        found = "it holds " + (", ".join(sorted(path.name for path in source.iterdir())[:8]) or "nothing")
    raise DataError(f"{source}: not the STOIC release: {found}. Expected {REFERENCE} and {VOLUMES}/ID.mha. {_GET_IT}.")


def read_reference(path: Path | str) -> list[StoicPatient]:
    """Reads the labels, sorted by number.

    Raises:
        DataError: the file is missing or has other columns, a PatientID is missing or twice there, a label is not 0 or
            1, or a patient is severe without COVID.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}). {_GET_IT}.") from error
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        found = ", ".join(rows.fieldnames or ()) or "none (empty file)"
        raise DataError(f"{path}: lacks the columns {', '.join(missing)}; found {found}. {_GET_IT}.")
    patients: dict[str, StoicPatient] = {}
    for row in rows:
        place = f"{path}: line {rows.line_num}"
        patient_id = (row["PatientID"] or "").strip()
        if not re.fullmatch(r"[\w.-]+", patient_id):
            raise DataError(f"{place} has the PatientID '{patient_id}', expected the name of a volume, such as 10.")
        if patient_id in patients:
            raise DataError(f"{place} repeats the PatientID {patient_id}. Keep one row a patient.")
        labels = [_label(place, name, row[name]) for name in COLUMNS[1:]]
        if labels[1] and not labels[0]:
            raise DataError(
                f"{place}: patient {patient_id} has probSevere 1 but probCOVID 0; in STOIC, severe implies COVID. "
                "Correct the row."
            )
        patients[patient_id] = StoicPatient(patient_id, *labels)
    if not patients:
        raise DataError(f"{path}: lists no patient. {_GET_IT}.")
    return sorted(patients.values(), key=lambda p: (p.patient_id.zfill(20), p.patient_id))


def age_and_sex(image: sitk.Image) -> dict[str, int | None]:
    """Age in years (STOIC gives the middle of the decade) and sex from a volume's header; None where it has none.

    Returns:
        "age", and "female" (1 or 0).
    """

    def tag(name: str) -> str:
        return image.GetMetaData(name).strip() if image.HasMetaDataKey(name) else ""

    age = re.fullmatch(r"(\d{1,3})Y?", tag("PatientAge"))
    return {"age": int(age[1]) if age else None, "female": {"F": 1, "M": 0}.get(tag("PatientSex").upper())}


def _label(place: str, name: str, text: str | None) -> bool:
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if value not in (0.0, 1.0):
        raise DataError(f"{place} has '{text or ''}' as {name}, expected 0 or 1. Correct the row.")
    return value == 1.0
