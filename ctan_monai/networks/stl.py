# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Single-task learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .hps import HPS

__all__ = ["STL"]


class STL(HPS):
    """Single-task learning: HPS with exactly one task, one network a task. Arguments: see ``MultiTaskNetwork``.

    Raises:
        ValueError: where ``tasks`` does not hold exactly one task.
    """

    @staticmethod
    def check_tasks(tasks: Mapping[str, Mapping[str, Any]]) -> None:
        """Raises ValueError where there is not exactly one task, or it is not as ``MultiTaskNetwork`` takes it."""
        if len(tasks) > 1:
            raise ValueError(
                f"STL takes exactly one task, found {len(tasks)} ({', '.join(tasks)}): build one STL a task."
            )
        HPS.check_tasks(tasks)
