# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""dciodvfy, the validator of DICOM objects from David Clunie's dicom3tools, for tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest

__all__ = ["dicom_errors"]


def dicom_errors(path: Path) -> list[str]:
    """The errors that dciodvfy finds in a file; skips the test where it is not installed.

    It ends with a failed assertion on pixels of 32 bits, which a dose may have by the standard; of these it is given a
    copy with the upper 16 bits.
    """
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian, Ubuntu: apt-get install dicom3tools)")
    dataset = pydicom.dcmread(path)
    if dataset.get("BitsAllocated") == 32:
        dataset.PixelData = (dataset.pixel_array >> 16).astype("<u2").tobytes()
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        path = path.with_suffix(".16bit.dcm")
        dataset.save_as(path)
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False)
    lines = (result.stdout + result.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "dciodvfy:"))]
