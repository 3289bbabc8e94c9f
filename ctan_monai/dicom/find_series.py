# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""CT series among DICOM files, wherever their files lie, and what beside them is not a volume."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from ctan_monai.utils.errors import InputError

__all__ = [
    "MULTI_FRAME",
    "SeriesFiles",
    "choose_series",
    "group_series",
    "is_among",
    "no_slice",
    "no_volume",
    "same_content",
    "tag_text",
]

MULTI_FRAME = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
SAME_MM = 0.01
FEW_PLACES = 4  # of a bolus tracking, which images them again and again


@dataclass(frozen=True)
class SeriesFiles:
    """The images of one CT series.

    Attributes:
        headers: file to header, sorted by path; of images that are there twice, the first.
        copies: the others.
    """

    headers: Mapping[Path, Dataset]
    copies: tuple[Path, ...] = ()

    @property
    def files(self) -> list[Path]:
        """Its files, sorted by path."""
        return list(self.headers)

    @property
    def folders(self) -> list[Path]:
        """Folders that hold its files, sorted."""
        return sorted({file.parent for file in self.headers})

    def tag(self, keyword: str) -> str:
        """A tag of its first image as text; empty where it is absent or no value of its kind."""
        return tag_text(next(iter(self.headers.values())), keyword)

    def __str__(self) -> str:
        number, description = self.tag("SeriesNumber") or "without number", self.tag("SeriesDescription")
        return f"series {number} '{description}' with {len(self.headers)} images (UID {self.tag('SeriesInstanceUID')})"


def tag_text(header: Dataset, keyword: str) -> str:
    """A tag as text; empty where it is absent or no value of its kind."""
    try:
        value = header.get(keyword)
    except Exception:  # pydicom converts a value when it is first asked for
        return ""
    return "" if value is None else str(value).strip()


def no_slice(header: Dataset) -> str:
    """What an image is, if it is not an image of a CT volume; empty for one that is.

    Args:
        header: of :py:func:`ctan_monai.dicom.dicom_headers`.
    """
    if header.Modality != "CT":
        return str(header.Modality)
    kind = header.get("SOPClassUID")
    if kind not in (CTImageStorage, *MULTI_FRAME):
        return f"CT {getattr(kind, 'name', kind) if kind else 'without SOPClassUID'}"
    types = header.get("ImageType") or ()
    if "LOCALIZER" in [str(value).upper() for value in ((types,) if isinstance(types, str) else types)]:
        return "CT localizer"
    return ""


def no_volume(series: SeriesFiles) -> str:
    """What a series of CT images is, if no volume is meant; empty for a volume, also for one that lacks slices.

    Protocols, dose reports and screen shots have no place in the patient; bolus tracking has the same few places again
    and again.
    """
    headers = list(series.headers.values())
    if headers[0].get("SOPClassUID") in MULTI_FRAME:
        return ""
    if not any(header.get(tag) for header in headers for tag in ("ImagePositionPatient", "ImageOrientationPatient")):
        return "without position, such as a screen shot"
    places = _places(series)
    if places is None:
        return ""
    row, column = np.asarray(headers[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    if np.abs(np.cross(row, column)).argmax() != 2:
        return "not axial, such as a coronal reformat"
    distinct = 1 + int((np.diff(np.sort(places)) > SAME_MM).sum())
    if distinct == 1 or (distinct <= FEW_PLACES and len(places) >= 2 * distinct):
        return f"at {distinct} position{'s' if distinct > 1 else ''}, such as bolus tracking"
    return ""


def group_series(headers: Mapping[Path, Dataset]) -> list[SeriesFiles]:
    """CT images by their SeriesInstanceUID, not by their folders: media hold a series in several folders.

    Images without that UID are one series a folder. An image that is there twice (SOPInstanceUID, content) is taken
    once. Folders with other images at the very same places, as the phases of a 4-D CT, are series of their own.

    Args:
        headers: of :py:func:`ctan_monai.dicom.dicom_headers`; other images than those of CT volumes are left out.

    Returns:
        the series, sorted by their first file.
    """
    groups: dict[tuple[str, str], dict[Path, Dataset]] = {}
    for path in sorted(headers):
        if not no_slice(headers[path]):
            uid = tag_text(headers[path], "SeriesInstanceUID")
            groups.setdefault((uid, "" if uid else str(path.parent)), {})[path] = headers[path]
    found: list[SeriesFiles] = []
    for group in groups.values():
        series = _without_copies(group)
        parts = [
            SeriesFiles({path: header for path, header in series.headers.items() if path.parent == folder})
            for folder in series.folders
        ]
        found += parts if len(parts) > 1 and _at_the_same_places(parts) else [series]
    return sorted(found, key=lambda series: series.files[0])


def choose_series(series: Sequence[SeriesFiles], wanted: Sequence[str]) -> Callable[[SeriesFiles], bool]:
    """Which series are meant by what a user gives.

    Args:
        series: all that were found.
        wanted: of each, its SeriesInstanceUID, SeriesNumber or SeriesDescription, whatever the case of its letters.

    Returns:
        whether a series is one of those.

    Raises:
        InputError: one of ``wanted`` is none of the series.
    """

    def is_meant(one: SeriesFiles, name: str) -> bool:
        names = {one.tag(tag).casefold() for tag in ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription")}
        return name.strip().casefold() in names

    for name in wanted:
        if not any(is_meant(one, name) for one in series):
            listed = "".join(f"\n  {one}" for one in series) or " none."
            raise InputError(
                f"--series {name}: no CT series has this SeriesInstanceUID, SeriesNumber or SeriesDescription. There "
                f"are:{listed}"
            )
    return lambda one: any(is_meant(one, name) for name in wanted)


def _without_copies(headers: Mapping[Path, Dataset]) -> SeriesFiles:
    kept: dict[str, Path] = {}
    copies = []
    for path, header in headers.items():
        uid = tag_text(header, "SOPInstanceUID") or str(path)
        if uid in kept and same_content(kept[uid], path):
            copies.append(path)
        else:
            kept.setdefault(uid, path)
    return SeriesFiles({path: h for path, h in headers.items() if path not in copies}, tuple(copies))


def same_content(first: Path, second: Path) -> bool:
    """Whether two files hold the same; archives differ in what they write before the data set."""
    try:
        return filecmp.cmp(first, second, shallow=False) or pydicom.dcmread(first) == pydicom.dcmread(second)
    except Exception:  # pydicom raises many kinds of errors on damaged files
        return False


def _places(series: SeriesFiles) -> np.ndarray | None:
    """mm along the first image's normal, in the order of the files; None where an image has no place."""
    headers = list(series.headers.values())
    try:
        row, column = np.asarray(headers[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
        positions = np.asarray([header.ImagePositionPatient for header in headers], dtype=float)
    except (AttributeError, TypeError, ValueError):
        return None
    return positions @ np.cross(row, column)


def is_among(header: Dataset, series: SeriesFiles) -> bool:
    """Whether a series has the image, or another one at its place, as a phase of a 4-D CT has."""
    uid = tag_text(header, "SOPInstanceUID")
    if any(uid == tag_text(other, "SOPInstanceUID") for other in series.headers.values()):
        return True
    places = _places(SeriesFiles({**series.headers, Path(): header}))
    return places is None or bool((np.abs(places[:-1] - places[-1]) < SAME_MM).any())


def _at_the_same_places(parts: Sequence[SeriesFiles]) -> bool:
    places = [_places(part) for part in parts]
    if any(place is None or len(place) < 2 for place in places):
        return False
    first, *others = (np.sort(place) for place in places if place is not None)
    return all(len(other) == len(first) and np.abs(other - first).max() < SAME_MM for other in others)
