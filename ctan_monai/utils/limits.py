# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The largest volume and file that is read, the same for every format: a few damaged bytes can claim terabytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .errors import InputError

__all__ = ["MOST_BYTES", "MOST_FILE_BYTES", "MOST_GY", "MOST_HU", "MOST_PIXELS", "MOST_VOXELS", "check_volume_size"]

MOST_VOXELS = 512 * 512 * 1500
MOST_BYTES = 2 << 30  # 5.5 bytes a voxel of the largest volume; HU need 2
MOST_PIXELS = 100_000_000  # of a photograph: more is not a dermoscopic image, and would need gigabytes
MOST_FILE_BYTES = 1 << 28  # of a photograph's file or a table
MOST_HU = 65535  # of any CT, with or without the offset of 1024; one damaged bit of a float makes 1e20
MOST_GY = 10_000  # of any plan; beside the sources of brachytherapy it reaches thousands


def check_volume_size(shape: Sequence[int], itemsize: int, name: str) -> None:
    """Checks what a header claims, before memory is taken for it.

    Args:
        shape: voxels along each axis.
        itemsize: bytes a voxel.
        name: the file, for the message.

    Raises:
        InputError: more than ``MOST_VOXELS`` or ``MOST_BYTES``.
    """
    voxels = math.prod(shape)
    if voxels > MOST_VOXELS or voxels * itemsize > MOST_BYTES:
        raise InputError(
            f"{name}: its header claims {' x '.join(map(str, shape))} voxels of {itemsize} bytes; at most "
            f"{MOST_VOXELS:,} voxels and {MOST_BYTES:,} bytes are read. Crop or resample the volume, or get the file "
            "again if it is damaged."
        )
