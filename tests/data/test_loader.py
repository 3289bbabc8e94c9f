# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Epochs of a given number of steps: which samples they hold."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.data import Dataset
from monai.transforms import Compose, RandGaussianNoised, RandRotate90d

from ctan_monai.data import EpochDataLoader
from ctan_monai.data.loader import StepSampler


def epochs(steps: int, size: int = 10, batch_size: int = 2, count: int = 5, **options: Any) -> list[list[int]]:
    """The samples of the first epochs."""
    data = Dataset([{"number": i} for i in range(size)])
    loader = EpochDataLoader(data, batch_size=batch_size, shuffle=True, steps_per_epoch=steps, **{"seed": 3, **options})
    assert len(loader) == steps
    result = []
    for epoch in range(1, count + 1):
        loader.set_epoch(epoch)
        batches = [batch["number"].tolist() for batch in loader]
        assert [len(batch) for batch in batches] == [batch_size] * steps
        result.append([number for batch in batches for number in batch])
    return result


@pytest.mark.parametrize(("steps", "batch_size"), [(2, 2), (3, 2), (7, 2), (1, 3), (20, 2)])
def test_the_data_are_used_up_before_they_are_drawn_again(steps: int, batch_size: int) -> None:
    drawn = [number for epoch in epochs(steps, batch_size=batch_size) for number in epoch]
    passes = [drawn[i : i + 10] for i in range(0, len(drawn), 10)]
    assert all(len(set(one)) == len(one) for one in passes)
    assert len({tuple(one) for one in passes if len(one) == 10}) == len([one for one in passes if len(one) == 10])


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    assert epochs(3) == epochs(3)
    assert epochs(3) == epochs(3, num_workers=1)
    assert epochs(3) != epochs(3, seed=4)
    data = Dataset([{"number": i} for i in range(10)])
    loader = EpochDataLoader(data, seed=3, batch_size=2, shuffle=True, steps_per_epoch=3)
    loader.set_epoch(4)  # as a resumed run
    assert [number for batch in loader for number in batch["number"].tolist()] == epochs(3)[3]


def test_the_ranks_share_an_epoch() -> None:
    whole = StepSampler(10, seed=3, count=6)
    parts = [StepSampler(10, seed=3, count=3, rank=rank, ranks=2) for rank in (0, 1)]
    for epoch in (1, 2, 3):
        for sampler in (whole, *parts):
            sampler.set_epoch(epoch)
        assert sorted(whole) == sorted([*parts[0], *parts[1]])


def test_off_by_default() -> None:
    data = Dataset([{"number": i} for i in range(10)])
    loader = EpochDataLoader(data, seed=3, batch_size=2, shuffle=True)
    assert sorted(number for batch in loader for number in batch["number"].tolist()) == list(range(10))


@pytest.mark.parametrize("steps", [-1, "400", 2.5])
def test_wrong_numbers_of_steps(steps: Any) -> None:
    with pytest.raises(ValueError, match="steps_per_epoch must be 0"):
        EpochDataLoader(Dataset([{}]), seed=0, batch_size=1, shuffle=True, steps_per_epoch=steps)


def test_steps_need_a_shuffled_loader() -> None:
    with pytest.raises(ValueError, match="shuffle=False"):
        EpochDataLoader(Dataset([{}]), seed=0, batch_size=1, shuffle=False, steps_per_epoch=2)


@pytest.mark.parametrize("options", [{}, {"steps_per_epoch": 7}])
def test_any_number_of_workers_gives_the_same_samples(options: dict[str, Any]) -> None:
    def samples(workers: int, epoch: int) -> torch.Tensor:
        transform = Compose([RandGaussianNoised("x", prob=0.8), RandRotate90d("x", prob=0.5)])
        data = Dataset([{"x": torch.arange(9.0).reshape(1, 3, 3) + 10 * i} for i in range(6)], transform)
        loader = EpochDataLoader(data, seed=3, batch_size=2, num_workers=workers, **options)
        loader.set_epoch(epoch)
        return torch.cat([batch["x"].as_tensor() for batch in loader])

    first = samples(0, 1)
    assert torch.equal(samples(1, 1), first) and torch.equal(samples(2, 1), first)
    assert not torch.equal(samples(0, 2), first)
    assert len(first.unique(dim=0)) == len(first)  # also of a sample that is drawn twice in an epoch
