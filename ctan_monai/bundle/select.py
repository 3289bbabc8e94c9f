# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def select_tasks(items: Mapping[str, T], tasks: Sequence[str]) -> dict[str, T]:
    """The items of the named tasks, in that order; how one value in a config chooses the tasks of a method.

    Args:
        items: task name to item (network task, metric, ...).
        tasks: names to keep.

    Raises:
        ValueError: a task that has no item, or none asked for.
    """
    unknown = [t for t in tasks if t not in items]
    if unknown or not tasks:
        raise ValueError(f"unknown tasks {unknown or list(tasks)}: this bundle has {sorted(items)}.")
    return {t: items[t] for t in tasks}
