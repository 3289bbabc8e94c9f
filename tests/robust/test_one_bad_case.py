# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with one case is its reason, and the others go on."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.data import DataLoader
from torch import nn

from ctan_monai.data.preparation.parallel import prepare_cases
from ctan_monai.engines import MultiTaskEvaluator, PrepareMultiTaskBatch
from ctan_monai.engines.batch import FAILURE
from ctan_monai.inference import CaseDataset


def _prepare(kind: str, output: Path) -> str:
    if kind == "memory":
        raise MemoryError
    if kind == "crash" and multiprocessing.parent_process() is not None:
        os._exit(9)  # as the kernel does where memory is not enough
    if kind == "key":
        raise KeyError("Columns")
    return f"prepared {kind}"


@pytest.mark.parametrize("workers", [1, 2])
def test_preparation(workers: int, tmp_path: Path) -> None:
    kinds = ["good", "memory", "key", "better"] + ["crash"] * (workers > 1)
    jobs = {kind: (kind, tmp_path / kind) for kind in kinds}
    found: dict[str, Any] = dict(prepare_cases(jobs, _prepare, workers, "x", "case"))
    assert sorted(found) == sorted(kinds)
    assert (found["good"], found["better"]) == ("prepared good", "prepared better")
    assert "memory is not enough" in found["memory"]
    assert "KeyError" in found["key"]
    if workers > 1:
        assert "was ended" in found["crash"] and "--workers 1" in found["crash"]


class _Network(nn.Module):
    """Its output is NaN, or it has no memory, for images of some values."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        value = int(image.max())
        if value == 2:
            return {"dose": image * torch.nan}
        if value == 3:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")
        return {"dose": image}


def _items(evaluator: MultiTaskEvaluator) -> list[dict[str, Any]]:
    from monai.engines.utils import IterationEvents

    found: list[dict[str, Any]] = []
    evaluator.add_event_handler(IterationEvents.MODEL_COMPLETED, lambda engine: None)
    from ignite.engine import Events

    @evaluator.on(Events.ITERATION_COMPLETED)
    def _keep(engine: Any) -> None:
        found.extend({**item, **output} for item, output in zip(engine.state.batch, engine.state.output, strict=True))

    evaluator.run()
    return found


def _evaluator(labels: bool) -> MultiTaskEvaluator:
    data = [{"case_id": str(v), "image": torch.full((1, 4, 4), float(v))} for v in (1, 2, 3, 4)]
    if labels:
        data = [{**item, "dose": item["image"]} for item in data]
    return MultiTaskEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(CaseDataset(data), batch_size=1),
        network=_Network(),
        prepare_batch=PrepareMultiTaskBatch(["dose"]),
        amp=False,
    )


def test_inference_goes_on_where_the_output_is_not_finite_or_memory_lacks() -> None:
    items = _items(_evaluator(labels=False))
    assert [item["case_id"] for item in items] == ["1", "2", "3", "4"]
    assert [FAILURE in item for item in items] == [False, True, True, False]
    assert "output dose has 16 values that are NaN or infinite" in items[1][FAILURE]
    assert "memory is not enough" in items[2][FAILURE]


def test_validation_with_labels_hides_no_error() -> None:
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        _items(_evaluator(labels=True))
