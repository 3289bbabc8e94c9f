# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Some images of HAM10000, from the release into the prepared arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ctan_monai.imaging.letterbox import content_box, letterbox
from ctan_monai.imaging.photos import decode_mask, decode_photo
from ctan_monai.utils.errors import DataError, case_reason
from ctan_monai.utils.files import write_json

from .release import SourceFile

__all__ = ["IMAGES", "MASKS", "SEGMENTATIONS", "ImageJob", "prepare_chunk"]

IMAGES, SEGMENTATIONS, MASKS = "images.npy", "segmentations.npy", "masks"
_ASPECT_TOLERANCE = 0.02  # of image and mask, relative; rounding a 200 x 150 copy of 600 x 450 stays far below


@dataclass(frozen=True)
class ImageJob:
    """An image to prepare, and its row in the arrays."""

    index: int
    image_id: str
    image: SourceFile
    mask: SourceFile


def prepare_chunk(jobs: Sequence[ImageJob], size: Sequence[int], folder: Path, record: Path) -> list[dict[str, Any]]:
    """Decodes images and masks one by one and writes them into the arrays, or finds that this was done.

    Args:
        jobs: rows that are written here alone.
        size: height and width of the arrays.
        folder: holds the arrays and the folder of original masks.
        record: written last, with what is returned.

    Returns:
        for each image ``image_id``, ``index`` and either ``reason`` (it cannot be used) or ``box``, ``image_size``,
        ``mask_size`` (height, width), ``lesion_fraction`` and ``sha256`` of the source files.

    Raises:
        OSError: the output cannot be written.
    """
    try:
        done = json.loads(record.read_text())
        if [item["index"] for item in done] == [job.index for job in jobs]:
            result: list[dict[str, Any]] = done
            return result
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    images = np.load(folder / IMAGES, mmap_mode="r+")
    segmentations = np.load(folder / SEGMENTATIONS, mmap_mode="r+")
    records = []
    for job in jobs:
        try:
            found = _prepare(job, size, images, segmentations, folder / MASKS)
        except OSError:  # of the output: what is read raises a DataError
            raise
        except Exception as error:
            found = {"reason": case_reason(error)}
        records.append({"image_id": job.image_id, "index": job.index, **found})
    images.flush()
    segmentations.flush()
    write_json(record, records)
    return records


def _prepare(
    job: ImageJob, size: Sequence[int], images: np.ndarray, segmentations: np.ndarray, masks: Path
) -> dict[str, Any]:
    contents = job.image.read(), job.mask.read()
    photo = decode_photo(contents[0], str(job.image))
    mask = decode_mask(contents[1], str(job.mask))
    if abs((mask.shape[1] / mask.shape[0]) / (photo.width / photo.height) - 1) > _ASPECT_TOLERANCE:
        raise DataError(
            f"{job.mask}: is {mask.shape[1]} x {mask.shape[0]}, and its image {photo.width} x {photo.height}: they do "
            "not show the same field. Expected the same aspect: get both again."
        )
    if not mask.any():
        raise DataError(f"{job.mask}: holds no lesion (no gray value above 127). Get the mask again.")
    box = content_box((photo.height, photo.width), size)
    images[job.index] = letterbox(photo, box, size)
    gray = Image.fromarray(mask.astype(np.uint8) * 255)
    segmentations[job.index] = letterbox(gray, box, size) > 127
    (masks / f"{job.image_id}.png").write_bytes(contents[1])
    return {
        "box": list(box),
        "image_size": [photo.height, photo.width],
        "mask_size": list(mask.shape),
        "lesion_fraction": round(float(mask.mean()), 6),
        "sha256": {n: hashlib.sha256(c).hexdigest() for n, c in zip(("image", "mask"), contents, strict=True)},
    }
