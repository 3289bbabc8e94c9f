# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What data that cannot be used raise, so that a command line can tell them from a fault of ours."""

from __future__ import annotations

__all__ = ["DataError", "InputError"]


class DataError(ValueError):
    """Data on disk that cannot be used: the message names the file, what was found and expected, and the remedy."""


class InputError(DataError):
    """An input image, or a file of its study, that cannot be used; the same four things in its message."""
