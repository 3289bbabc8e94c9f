# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctan_monai.handlers.gradient_aggregation import AGGREGATORS
from ctan_monai.networks import METHODS
from ctan_monai.utils.errors import DataError

PAPERS_METHODS = ("STL", "HPS", "MTAN", "CTAN")


@dataclass(frozen=True)
class Run:
    """One training of a comparison.

    Attributes:
        method: a name of :py:data:`ctan_monai.networks.METHODS`, such as "CTAN".
        tasks: names of the tasks that its network has.
        weighting: a name in the bundle's ``weightings``, such as "DWA".
        seed: of initialization, order and augmentation.
    """

    method: str
    tasks: tuple[str, ...]
    weighting: str
    seed: int

    @property
    def row(self) -> str:
        """The row of the table to which it belongs; weighting plays no part with one task."""
        return self._name(self.method)

    @property
    def name(self) -> str:
        """Name of its folder."""
        method = f"{self.method}_{self.tasks[0]}" if len(self.tasks) == 1 else self.method
        return f"{self._name(method)}_seed{self.seed}"

    @property
    def values(self) -> dict[str, Any]:
        """Ids of ``train.json`` and their values, by which it differs from the other runs."""
        return {
            "method": self.method,
            "task_names": list(self.tasks),
            "weighting": self.weighting,
            "seed": self.seed,
        }

    def _name(self, method: str) -> str:
        return (method if len(self.tasks) == 1 else f"{method}_{self.weighting}").lower()


def plan_runs(
    train: Mapping[str, Any],
    methods: Sequence[str] = PAPERS_METHODS,
    weightings: Sequence[str] = ("DWA",),
    seeds: Sequence[int] = (0,),
) -> list[Run]:
    """The runs that a comparison needs: STL is one network a task.

    Seeds are the outer loop, so that an interrupted comparison has whole rows of the first seeds.

    Args:
        train: the bundle's ``train.json``.
        methods: names of :py:data:`ctan_monai.networks.METHODS`; by default the paper's.
        weightings: names in the bundle's ``weightings`` or of ``AGGREGATORS``, for the methods with several tasks.
        seeds: of the repetitions.

    Raises:
        DataError: an unknown method or weighting, or one is named twice.
    """
    for what, names in (("methods", methods), ("weightings", weightings), ("seeds", seeds)):
        if not names or len(set(names)) != len(names):
            raise DataError(f"--{what}: expected at least one and each once, got {list(names)}.")
    known_names: tuple[tuple[str, Sequence[str], Mapping[str, Any]], ...] = (
        ("methods", methods, METHODS),
        (
            "weightings",
            weightings,
            {k: v for k, v in train["weightings"].items() if not k.startswith("_")} | AGGREGATORS,
        ),
    )
    for what, names, known in known_names:
        for name in names:
            if name not in known:
                raise DataError(f"--{what} {name}: unknown, expected one of {', '.join(known)}.")
    tasks = tuple(train["task_names"])
    runs = []
    for seed in seeds:
        for method in methods:
            if method == "STL":
                runs += [Run(method, (task,), weightings[0], seed) for task in tasks]
            else:
                runs += [Run(method, tasks, weighting, seed) for weighting in weightings]
    return runs
