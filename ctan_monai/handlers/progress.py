# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ignite.distributed as idist
from ignite.engine import Engine, Events
from tqdm import tqdm


class Progress:
    """A progress bar for each epoch, on the error stream of the first rank.

    Ignite's ProgressBar reads the loss of every iteration, which makes the host wait for the device; this one counts.

    Args:
        description: what is shown before the bar.
        disable: True shows none.
    """

    def __init__(self, description: str, disable: bool = False) -> None:
        self.description = description
        self.disable = disable
        self._bar: tqdm | None = None

    def attach(self, engine: Engine) -> None:
        """Attach to any engine."""
        engine.add_event_handler(Events.EPOCH_STARTED, self.started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.close)

    def started(self, engine: Engine) -> None:
        """Open the bar."""
        state = engine.state
        epochs = f" {state.epoch}/{state.max_epochs}" if (state.max_epochs or 1) > 1 else ""
        hidden = self.disable or idist.get_rank() != 0
        self._bar = tqdm(total=state.epoch_length, desc=self.description + epochs, leave=False, disable=hidden)

    def iteration_completed(self, engine: Engine) -> None:
        """One more."""
        if self._bar is not None:
            self._bar.update()

    def close(self, engine: Engine) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def failed(self, engine: Engine) -> None:
        """Close the bar before an error is shown, see :py:class:`ctan_monai.handlers.HandlerGroup`."""
        self.close(engine)
