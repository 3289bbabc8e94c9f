# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny HAM10000 release for tests: 32 x 24 pixels an image, three lesions of each of two diagnoses."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
IMAGES = [f"ISIC_{number:07d}" for number in range(1, 8)]  # the last two show one lesion
LESIONS = [1, 2, 3, 4, 5, 6, 6]
DX = ["nv", "mel", "nv", "mel", "nv", "mel", "mel"]


def image_file(shade: int = 100, size: tuple[int, int] = (32, 24), kind: str = "JPEG") -> bytes:
    """A JPEG (or other) file of one color."""
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 50, 50)).save(stream, kind, quality=95)
    return stream.getvalue()


def mask_file(size: tuple[int, int] = (32, 24), value: int = 255) -> bytes:
    """A PNG mask whose left half is lesion."""
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[:, : size[0] // 2] = value
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def metadata(images: list[str] = IMAGES) -> str:
    """The table as csv."""
    rows = [f"HAM_{n},{image},{dx},histo,50.0,male,back" for n, image, dx in zip(LESIONS, images, DX, strict=True)]
    return "\n".join([HEADER, *rows]) + "\n"


def write_release(folder: Path) -> Path:
    """Two folders of images, one of masks, and the metadata."""
    for part in (1, 2):
        (folder / f"HAM10000_images_part_{part}").mkdir(parents=True)
    (folder / "HAM10000_segmentations_lesion_tschandl").mkdir()
    for position, name in enumerate(IMAGES):
        part = folder / f"HAM10000_images_part_{1 + position % 2}"
        (part / f"{name}.jpg").write_bytes(image_file(20 * position))
        (folder / "HAM10000_segmentations_lesion_tschandl" / f"{name}_segmentation.png").write_bytes(mask_file())
    (folder / "HAM10000_metadata.csv").write_text(metadata())
    return folder


def write_zips(folder: Path) -> Path:
    """The same in zips: images flat, masks in a folder beside macOS's companions."""
    folder.mkdir(parents=True)
    for part in (1, 2):
        with zipfile.ZipFile(folder / f"HAM10000_images_part_{part}.zip", "w") as archive:
            for position, name in enumerate(IMAGES):
                if 1 + position % 2 == part:
                    archive.writestr(f"{name}.jpg", image_file(20 * position))
    with zipfile.ZipFile(folder / "HAM10000_segmentations_lesion_tschandl.zip", "w") as archive:
        for name in IMAGES:
            archive.writestr(f"HAM10000_segmentations_lesion_tschandl/{name}_segmentation.png", mask_file())
            archive.writestr(f"__MACOSX/HAM10000_segmentations_lesion_tschandl/._{name}_segmentation.png", b"Mac")
    (folder / "HAM10000_metadata.csv").write_text(metadata())
    return folder
