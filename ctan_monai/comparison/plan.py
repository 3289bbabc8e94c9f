# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctan_monai.errors import DataError

METHODS = ("stl", "hps", "mtan", "ctan")


@dataclass(frozen=True)
class Run:
    """One training of a comparison.

    Attributes:
        method: "stl", or the name of another ``method_*.json``, such as "ctan" or "ctan_without_ctab".
        override: its config in the bundle without ``.json``, such as "method_stl_dose".
        tasks: names of the tasks that its network has.
        weighting: "dwa", "equal" or whatever ``weighting_*.json`` the bundle has.
        seed: of initialisation, order and augmentation.
    """

    method: str
    override: str
    tasks: tuple[str, ...]
    weighting: str
    seed: int

    @property
    def row(self) -> str:
        """The row of the table to which it belongs; weighting plays no part with one task."""
        return self.method if len(self.tasks) == 1 else f"{self.method}_{self.weighting}"

    @property
    def name(self) -> str:
        """Name of its folder."""
        method = self.override.removeprefix("method_")
        return f"{method}_seed{self.seed}" if len(self.tasks) == 1 else f"{method}_{self.weighting}_seed{self.seed}"


def plan_runs(
    configs: Path, methods: Sequence[str] = METHODS, weightings: Sequence[str] = ("dwa",), seeds: Sequence[int] = (0,)
) -> list[Run]:
    """The runs that a comparison needs: STL is one network a task.

    Seeds are the outer loop, so that an interrupted comparison has whole rows of the first seeds.

    Args:
        configs: the bundle's ``configs`` folder.
        methods: "stl", and names of the bundle's ``method_*.json``; by default the paper's.
        weightings: names of the bundle's ``weighting_*.json``; methods with several tasks are run with each.
        seeds: of the repetitions.

    Raises:
        DataError: the bundle has no such method or weighting, or one is named twice.
    """
    for what, names in (("methods", methods), ("weightings", weightings), ("seeds", seeds)):
        if not names or len(set(names)) != len(names):
            raise DataError(f"--{what}: expected at least one and each once, got {list(names)}.")
    for weighting in weightings:
        _config(configs, f"weighting_{weighting}")
    all_tasks = tuple(_config(configs, "train")["task_names"])
    runs = []
    for seed in seeds:
        for method in methods:
            if method == "stl":
                for task in all_tasks:
                    _config(configs, f"method_stl_{task}")
                    runs.append(Run(method, f"method_stl_{task}", (task,), weightings[0], seed))
                continue
            if "task_names" in _config(configs, f"method_{method}"):
                raise DataError(f"--methods {method}: has not all tasks. Give stl, which is one network for each task.")
            runs += [Run(method, f"method_{method}", all_tasks, weighting, seed) for weighting in weightings]
    return runs


def _config(configs: Path, name: str) -> dict[str, Any]:
    path = configs / f"{name}.json"
    if not path.is_file():
        kind = name.split("_")[0]
        there = ", ".join(sorted(p.stem.removeprefix(f"{kind}_") for p in configs.glob(f"{kind}_*.json")))
        raise DataError(f"{path}: no such config of the bundle; it has {kind}: {there or 'none'}.")
    config: dict[str, Any] = json.loads(path.read_text())
    return config
