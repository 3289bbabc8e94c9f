# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ignite.engine import Engine, Events
from monai.utils import set_determinism

from ctan_monai.data.loader import EpochDataLoader


class EpochSeed:
    """Seeds every epoch by (seed, epoch), which makes a run repeatable and resuming exact.

    Args:
        loader: the training loader, which has the run's seed.
    """

    def __init__(self, loader: EpochDataLoader) -> None:
        self.loader = loader

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer; Ignite makes the loader's iterator after this event."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seed the global generators and the loader."""
        seed = (self.loader.seed * 1_000_003 + engine.state.epoch) % 2**32
        set_determinism(seed=seed, use_deterministic_algorithms=None)
        self.loader.set_epoch(engine.state.epoch)
