# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the memory of the computer is enough for a volume, asked before the network runs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.errors import InputError

__all__ = ["available_memory", "check_memory"]

# Measured with DICOM results, 40 and 120 slices of 512 x 512 voxels: prostate with ResNet-18 takes 0.85 GB and 15 MB a
# slice, openkbp 0.86 GB and 14 MB. ResNet-50 takes another 1.1 GB, which is not counted; the 0.5 GB of modules are,
# although they are no longer free when this is asked.
_BYTES = 900_000_000
_BYTES_PER_VOXEL = 15_500_000 / 512**2


def check_memory(shape: Sequence[int], name: str) -> None:
    """Refuses a volume whose inference needs more memory than there is.

    Args:
        shape: voxels along each axis.
        name: the file or folder, for the message.

    Raises:
        InputError: both figures, and what to do.
    """
    needed, available = _BYTES + _BYTES_PER_VOXEL * math.prod(shape), available_memory()
    if available is not None and needed > available:
        raise InputError(
            f"{name}: has {' x '.join(map(str, shape))} voxels, for which inference needs about {needed / 1e9:.1f} GB "
            f"of memory, and {available / 1e9:.1f} GB are free. Close other programs, or crop the volume."
        )


def available_memory() -> int | None:
    """Bytes that this process may still take, of the computer and of its container; None: unknown."""
    found = []
    try:
        values = dict(re.findall(r"^(\w+): +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE))
        found.append(1024 * (int(values["MemAvailable"]) + int(values.get("SwapFree", 0))))
    except (OSError, KeyError):
        pass
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{part}").read_text().strip() for part in ("max", "current"))
        cached = re.search(r"^inactive_file (\d+)$", Path("/sys/fs/cgroup/memory.stat").read_text(), re.MULTILINE)
        if limit != "max":
            found.append(int(limit) - int(used) + int(cached[1] if cached else 0))
    except (OSError, ValueError):
        pass
    return min(found) if found else None
