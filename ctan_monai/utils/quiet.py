# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What libraries print about a user's files: a line for each value of each slice, in words that name no remedy.

What matters of it is an error of this package, or a note in its results.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_libraries", "quiet_stderr"]

_LOGGERS = ("pydicom", "highdicom", "nibabel.global", "monai.data.nvimgcodec_pydicom_plugin")
_WARNING = r"(pydicom|highdicom|nibabel|PIL)\b"  # modules


def quiet_libraries() -> None:
    """Turns off, in this process, logs and warnings of the libraries that read and write images; for commands."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=_WARNING)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Within it, what compiled code writes to the error stream is thrown away, such as the warnings of ITK and GDCM.

    Python's own lines of other threads go the same way: for short passages.
    """
    try:
        saved = os.dup(2)
    except OSError:  # there is no error stream
        yield
        return
    try:
        _flush()
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
        _flush()
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
