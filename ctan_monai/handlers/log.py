# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ctan_monai.utils.files import csv_text, write_atomic


class EpochLog:
    """A csv with one row an epoch: the engine's metrics, and for a trainer its learning rate and seconds.

    The file is written anew and atomically after each epoch; a resumed run keeps the rows before its first epoch.

    Args:
        path: the csv.
        optimizer: whose learning rate is logged; None for an evaluator (MONAI gives it the trainer's epoch).
    """

    def __init__(self, path: str | Path, optimizer: torch.optim.Optimizer | None = None) -> None:
        self.path = Path(path)
        self.optimizer = optimizer
        self._start = time.perf_counter()

    def attach(self, engine: Engine) -> None:
        """Attach after the handlers that publish metrics."""
        engine.add_event_handler(Events.EPOCH_STARTED, self.started)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)

    def started(self, engine: Engine) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def completed(self, engine: Engine) -> None:
        """Write the row of this epoch."""
        if idist.get_rank() != 0:
            return
        epoch = engine.state.epoch
        row: dict[str, Any] = {"epoch": epoch}
        row.update({k: v for k, v in engine.state.metrics.items() if isinstance(v, (int, float))})
        if self.optimizer is not None:
            row["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        row["seconds"] = round(time.perf_counter() - self._start, 2)
        rows = [r for r in self.read(self.path) if int(r["epoch"]) < epoch]
        write_atomic(self.path, csv_text([*rows, row]))

    @staticmethod
    def read(path: str | Path) -> list[dict[str, str]]:
        """The rows of a log; none where the file does not exist."""
        path = Path(path)
        return list(csv.DictReader(io.StringIO(path.read_text()))) if path.is_file() else []
