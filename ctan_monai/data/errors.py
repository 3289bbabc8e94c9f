# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The one exception type for data that cannot be used."""

from __future__ import annotations

__all__ = ["DataError"]


class DataError(ValueError):
    """Data on disk that cannot be used: the message names the file, what was found and expected, and the remedy."""
