# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import contextlib
from functools import cache
from pathlib import Path
from typing import Any

from monai.handlers import TensorBoardStatsHandler


class _OnFirstUse:
    """A ``SummaryWriter`` that makes its file when something is written: an evaluation writes nothing."""

    def __init__(self, log_dir: str) -> None:
        self.log_dir = log_dir
        self._writer: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_writer":
            raise AttributeError(name)
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter  # here: it takes a second to import

            self._writer = SummaryWriter(self.log_dir)
            atexit.register(self._end)
        return getattr(self._writer, name)

    def _end(self) -> None:
        with contextlib.suppress(OSError):  # a full disk has been reported by the call that met it
            self.close()

    def close(self) -> None:
        """End the file; what is written later goes into another one."""
        if self._writer is not None:
            atexit.unregister(self._end)
            self._writer.close()
            self._writer = None


def summary_writer(log_dir: str | Path) -> Any:
    """The one ``SummaryWriter`` of this process for a folder: TensorBoard's loaders follow the newest file alone.

    Args:
        log_dir: the folder, which is made on the first use.
    """
    return _writer(str(Path(log_dir).resolve()))


@cache
def _writer(log_dir: str) -> _OnFirstUse:
    return _OnFirstUse(log_dir)


class TensorBoardStats(TensorBoardStatsHandler):
    """MONAI's handler, which writes into the one file of :py:func:`summary_writer`.

    Without ``output_transform``, as of an evaluator, whose iterations have no loss, it writes epochs alone.

    Args:
        log_dir: the folder.
        kwargs: others of :py:class:`monai.handlers.TensorBoardStatsHandler`.
    """

    def __init__(self, log_dir: str | Path, **kwargs: Any) -> None:
        kwargs.setdefault("iteration_log", "output_transform" in kwargs)
        super().__init__(summary_writer=summary_writer(log_dir), **kwargs)
