# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import torch


def read_torch_file(path: str | Path) -> Any:
    """The content of a file that PyTorch wrote, as data; checksums are compared, which PyTorch does not do.

    Raises:
        ValueError: it is not such a file, or damaged.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if damaged := archive.testzip():
                    raise ValueError(f"the checksum of its part {damaged} differs")
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises KeyError, EOFError and others on files that are none
        lines = str(error).strip().splitlines() or [type(error).__name__]
        # PyTorch's text goes on with the advice to run what is in the file
        reason = re.split(r"\. |`?weights_only", re.sub(r"\x1b\[[0-9;]*m", "", lines[0]))[0][:200]
        raise ValueError(
            f"'{path}' is not a file of PyTorch weights, or is damaged ({reason}). Get it again, or train anew."
        ) from error
