# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of what a PACS exports, for tests: CT series and what lies beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from ctan_monai.dicom import write_ct_series

AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])
SHAPE = (7, 6, 8)


def hu(seed: int = 0) -> np.ndarray:
    """A small CT of random values."""
    return np.random.default_rng(seed).integers(-1000, 1000, SHAPE)


def ct(folder: Path, seed: int = 0, **tags: Any) -> list[Path]:
    """A CT series in a folder; the same tags in all of its slices. Returns its files from feet to head."""
    files = write_ct_series(folder, hu(seed), AFFINE, prefix=f"CT{seed}")
    for file in files:
        change(file, **tags)
    return files


def change(file: Path, **tags: Any) -> pydicom.Dataset:
    """Sets tags of a file, or removes those that are None."""
    image = pydicom.dcmread(file)
    for keyword, value in tags.items():
        if value is None:
            del image[keyword]
        else:
            setattr(image, keyword, value)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.save_as(file)
    return image


def beside(slice_: Path, path: Path, **tags: Any) -> Path:
    """Another image of a slice's study, in a series of its own unless ``tags`` say otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(slice_.read_bytes())
    change(path, **{"SOPInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid(), **tags})
    return path


def scout(slice_: Path, path: Path) -> Path:
    """A localizer."""
    return beside(
        slice_, path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[0, 1, 0, 0, 0, -1]
    )


def dose_report(slice_: Path, path: Path) -> Path:
    """A page that was drawn as an image: secondary capture, Modality CT."""
    return beside(
        slice_, path, SOPClassUID=SecondaryCaptureImageStorage, ImageType=["DERIVED", "SECONDARY", "DOSE_INFO"],
        ImagePositionPatient=None, ImageOrientationPatient=None,
    )  # fmt: skip


def exam_summary(slice_: Path, path: Path) -> Path:
    """A page that a scanner stores as a CT image without position."""
    return beside(
        slice_, path, ImageType=["DERIVED", "SECONDARY", "OTHER"],
        ImagePositionPatient=None, ImageOrientationPatient=None,
    )  # fmt: skip


def bolus_tracking(slice_: Path, folder: Path, images: int = 12, positions: int = 1) -> list[Path]:
    """The same few slices again and again."""
    series, (x, y, z) = generate_uid(), pydicom.dcmread(slice_).ImagePositionPatient
    return [
        beside(slice_, folder / f"B{i:02d}", SeriesInstanceUID=series, ImagePositionPatient=[x, y, z + i % positions])
        for i in range(images)
    ]
