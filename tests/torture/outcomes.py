# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a part of the torture found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """One row of the table: so many tries of one kind that ended in one way."""

    part: str
    """For example "kills", "mutations"."""
    what: str
    """What was attacked, for example "ham10000, over other data"."""
    outcome: str
    """For example "recovered", "refused", "FAULT"."""
    count: int
    examples: list[str] = field(default_factory=list)
    """Some of the tries, each in one line."""
