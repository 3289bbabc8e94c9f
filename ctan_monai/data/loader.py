# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import torch
from monai.data import DataLoader
from monai.data.utils import set_rnd
from torch.utils.data import Dataset
from torch.utils.data.distributed import DistributedSampler


class EpochDataLoader(DataLoader):
    """MONAI's data loader whose order and random transforms depend on (seed, epoch) alone.

    So a run that is resumed at an epoch boundary sees just what the uninterrupted run would have, whatever was drawn
    from the global generators in between. :py:class:`ctan_monai.handlers.EpochSeed` sets the epoch. Under DDP each rank
    reads its own part. A last batch of one is dropped in training, because batch normalisation cannot use it.

    Args:
        dataset: map-style dataset.
        seed: the run's seed.
        batch_size: samples in a batch (a rank).
        shuffle: a new order in each epoch; also marks the loader as one for training.
        num_workers: processes that load; 0 loads in the main process.
        kwargs: others of :py:class:`monai.data.DataLoader`.
    """

    def __init__(
        self, dataset: Dataset, seed: int, batch_size: int, shuffle: bool = False, num_workers: int = 0, **kwargs: Any
    ) -> None:
        size = len(dataset)  # type: ignore[arg-type]
        sampler: DistributedSampler | None = None
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            sampler = DistributedSampler(dataset, shuffle=shuffle, seed=seed)
            size = sampler.num_samples
        kwargs.setdefault("drop_last", shuffle and batch_size > 1 and size % batch_size == 1)
        if num_workers > 0:
            # Only the model computes with several threads; a worker that does would take the cores from it.
            kwargs.setdefault("persistent_workers", False)
        super().__init__(
            dataset,
            num_workers=num_workers,
            batch_size=batch_size,
            shuffle=shuffle if sampler is None else None,
            sampler=sampler,
            generator=torch.Generator(),
            **kwargs,
        )
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration over the loader is."""
        self.epoch = epoch
        if isinstance(self.sampler, DistributedSampler):
            self.sampler.set_epoch(epoch)

    def __iter__(self) -> Any:
        """Seed, then iterate: the iterator of the epoch before may still have drawn from the generator."""
        rank = self.sampler.rank if isinstance(self.sampler, DistributedSampler) else 0
        seed = (self.seed * 1_000_003 + self.epoch) * 1_009 + rank
        self.generator.manual_seed(seed)
        if self.num_workers == 0:
            set_rnd(self.dataset, seed % 2**32)
        return super().__iter__()
