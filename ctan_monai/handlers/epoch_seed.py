# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from monai.utils import set_determinism
from torch.utils.data import DataLoader

from ctan_monai.data.loader import EpochDataLoader


class EpochSeed:
    """Seeds every epoch by (seed, epoch), which makes a run repeatable and resuming exact.

    Args:
        loader: the training loader. One of another class draws its order from the global generators: repeatable, but
            not the same with another number of workers.
        seed: the run's; None: that of an ``EpochDataLoader``.
    """

    def __init__(self, loader: DataLoader[Any], seed: int | None = None) -> None:
        self.loader = loader
        self.seed = getattr(loader, "seed", 0) if seed is None else seed

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer; Ignite makes the loader's iterator after this event."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seed the global generators and the loader."""
        seed = (self.seed * 1_000_003 + engine.state.epoch) % 2**32
        set_determinism(seed=seed, use_deterministic_algorithms=None)
        if isinstance(self.loader, EpochDataLoader):
            self.loader.set_epoch(engine.state.epoch)
