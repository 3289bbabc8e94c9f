# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM files from either generation of pydicom: MONAI Label's environment has 2.4."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pydicom
from pydicom.dataset import Dataset

__all__ = ["save_dicom"]


def save_dicom(dataset: Dataset, path: Path | str | IO[bytes]) -> None:
    """Writes a whole DICOM file: preamble, file meta information, data set.

    Args:
        dataset: with a ``file_meta`` whose TransferSyntaxUID says how it is to be encoded.
        path: of the file, or a stream; a file of that name is overwritten.
    """
    if int(pydicom.__version_info__[0]) >= 3:
        dataset.save_as(path, enforce_file_format=True)
        return
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.is_little_endian, dataset.is_implicit_VR = syntax.is_little_endian, syntax.is_implicit_VR
    dataset.save_as(path, write_like_original=False)
