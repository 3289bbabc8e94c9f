# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from monai.data import DataLoader
from monai.transforms import Randomizable
from torch.utils.data import Dataset, RandomSampler, Sampler, SequentialSampler
from torch.utils.data.distributed import DistributedSampler


class StepSampler(Sampler[int]):
    """A given number of samples an epoch, drawn without replacement until the data are used up, then shuffled anew.

    The passes over the data are one endless row, each in an order that depends on (seed, pass) alone; epoch e takes the
    e-th piece of it. So an epoch that is resumed has just the samples it would have had, and so has every method.

    Args:
        size: samples in the data set.
        seed: the run's seed.
        count: samples in an epoch (a rank).
        rank: of this process.
        ranks: number of processes; each takes every so many-th sample of an epoch's piece.
    """

    def __init__(self, size: int, seed: int, count: int, rank: int = 0, ranks: int = 1) -> None:
        self.size = size
        self.seed = seed
        self.count = count
        self.rank = rank
        self.ranks = ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted from 1."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        start = max(self.epoch - 1, 0) * self.count * self.ranks
        order: list[int] = []
        current = -1
        for place in range(start + self.rank, start + self.count * self.ranks, self.ranks):
            number, offset = divmod(place, self.size)
            if number != current:
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
                order, current = torch.randperm(self.size, generator=generator).tolist(), number
            yield order[offset]


class _Numbered(Sampler[tuple[int, int]]):
    """The samples of another sampler, each with its place in the epoch."""

    def __init__(self, sampler: Sampler[int]) -> None:
        self.sampler = sampler

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return enumerate(self.sampler)


class _SeededSamples(Dataset[Any]):
    """A data set whose random transforms depend on the epoch's seed and a sample's place in the epoch alone."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset
        self.seed = 0

    @property
    def data(self) -> Any:
        return self.dataset.data  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, numbered: tuple[int, int]) -> Any:
        place, index = numbered
        transform = getattr(self.dataset, "transform", None)
        if isinstance(transform, Randomizable):
            transform.set_random_state((self.seed * 1_000_003 + place) % 2**32)
        return self.dataset[index]


class EpochDataLoader(DataLoader):
    """MONAI's data loader whose order and random transforms depend on (seed, epoch) alone, whatever the workers.

    So a run that is resumed at an epoch boundary sees just what the uninterrupted run would have, whatever was drawn
    from the global generators in between. :py:class:`ctan_monai.handlers.EpochSeed` sets the epoch. Under DDP each rank
    reads its own part. A last batch of one is dropped in training, because batch normalization cannot use it.

    Args:
        dataset: map-style dataset.
        seed: the run's seed.
        batch_size: samples in a batch (a rank).
        shuffle: a new order in each epoch; False for a loader that is not for training.
        num_workers: processes that load; 0 loads in the main process.
        steps_per_epoch: batches in an epoch of training, see :py:class:`StepSampler`; 0: an epoch is one pass.
        kwargs: others of :py:class:`monai.data.DataLoader`.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        seed: int,
        batch_size: int,
        shuffle: bool = True,
        num_workers: int = 0,
        steps_per_epoch: int = 0,
        **kwargs: Any,
    ) -> None:
        if not isinstance(steps_per_epoch, int) or steps_per_epoch < 0 or (steps_per_epoch and not shuffle):
            raise ValueError(
                f"steps_per_epoch must be 0 (one pass) or a number of batches of a shuffled loader, got "
                f"{steps_per_epoch!r} with shuffle={shuffle}."
            )
        size = len(dataset)  # type: ignore[arg-type]
        generator = torch.Generator()
        sampler: Sampler[int]
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        if steps_per_epoch:
            ranks = torch.distributed.get_world_size() if distributed else 1
            sampler = StepSampler(size, seed, steps_per_epoch * batch_size, self.rank, ranks)
            size = len(sampler)
        elif distributed:
            sampler = DistributedSampler(dataset, shuffle=shuffle, seed=seed)
            size = sampler.num_samples
        else:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)  # type: ignore[arg-type]
        self._order = sampler
        kwargs.setdefault("drop_last", shuffle and batch_size > 1 and size % batch_size == 1)
        if num_workers > 0:
            # Only the model computes with several threads; a worker that does would take the cores from it.
            kwargs.setdefault("persistent_workers", False)
        super().__init__(
            _SeededSamples(dataset),
            num_workers=num_workers,
            batch_size=batch_size,
            sampler=_Numbered(sampler),
            generator=generator,
            **kwargs,
        )
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration over the loader is."""
        self.epoch = epoch
        if isinstance(self._order, DistributedSampler | StepSampler):
            self._order.set_epoch(epoch)

    def __iter__(self) -> Any:
        """Seed, then iterate: the iterator of the epoch before may still have drawn from the generator."""
        seed = (self.seed * 1_000_003 + self.epoch) * 1_009 + self.rank
        self.generator.manual_seed(seed)
        self.dataset.seed = seed  # type: ignore[attr-defined]
        return super().__iter__()
