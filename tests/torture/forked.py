# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a command in a process forked from this one, and ends or fails it at its N-th file operation.

An audit hook counts what changes files below one folder: opening for writing, renaming, removing, making and removing
folders, links and truncation, in the command's own worker processes, too. What a hook does not see: the writing itself
(:py:data:`TORN` stands for it), and what programs that the command starts do, such as pip, which die with it.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import mmap
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILL, TORN, FULL = "kill", "torn file", "full disk"
"""SIGKILL before the operation; the same, with the file opened last cut to half; each new file or folder from it on
fails with ENOSPC."""

_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
_MADE = ("os.mkdir", "os.link", "os.symlink")
_HEAD = struct.Struct("qqq")  # operations, whether the last one opened a file, length of the text
_SIZE = 8192
_SECONDS = 300  # a command that takes longer hangs, and is ended by a signal that no outcome expects


@dataclass(frozen=True)
class Ended:
    """How a forked command ended.

    Attributes:
        status: its exit status; of a killed one minus the signal.
        operations: file operations that it counted.
        opened: numbers of those right after which a file lay open for writing, or may have.
        last: the operation at which it was stopped, or its last one.
        text: what it printed.
    """

    status: int
    operations: int
    opened: tuple[int, ...]
    last: str
    text: str


class _Counter:
    """The hook, its count shared by all processes of the command."""

    def __init__(self, below: Path, mode: str, point: int) -> None:
        self.shared = mmap.mmap(-1, _SIZE)
        self.opened = mmap.mmap(-1, _SIZE)  # one byte an operation
        self.below = f"{below}{os.sep}"
        self.mode, self.point = mode, point
        self.file: str | None = None
        self.busy = False

    def __call__(self, event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            if not isinstance(values[2], int) or not values[2] & os.O_ACCMODE:
                return
        elif event not in _CHANGES:
            return
        if self.busy or not self._concerns(event, values):
            return
        number = _HEAD.unpack_from(self.shared)[0] + 1
        text = f"{event} {' '.join(str(value) for value in values[:2])}".replace(self.below, "")[:1000].encode()
        self.shared[_HEAD.size : _HEAD.size + len(text)] = text
        _HEAD.pack_into(self.shared, 0, number, event == "open", len(text))
        if event == "open" and number < _SIZE:
            self.opened[number] = 1
        if number == self.point and self.mode in (KILL, TORN):
            if self.mode == TORN and self.file is not None:
                self.busy = True
                with contextlib.suppress(OSError):  # renamed since
                    os.truncate(self.file, os.stat(self.file).st_size // 2)
            os.killpg(0, signal.SIGKILL)
            time.sleep(60)  # a worker, which the signal has yet to reach
        if event == "open" and isinstance(values[0], str | bytes | os.PathLike):
            self.file = os.path.abspath(os.fsdecode(values[0]))
        if self.mode == FULL and 0 < self.point <= number and (event in _MADE or self._creates(event, values)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fsdecode(values[0]))

    def _concerns(self, event: str, values: tuple[Any, ...]) -> bool:
        path = values[0]
        if isinstance(path, int):
            return event == "os.truncate"
        path = os.fsdecode(path)
        if not os.path.isabs(path) and any(isinstance(value, int) and value >= 0 for value in values[1:]):
            return event in ("os.remove", "os.rmdir")  # below an open folder, as shutil.rmtree does
        return f"{os.path.abspath(path)}{os.sep}".startswith(self.below)

    @staticmethod
    def _creates(event: str, values: tuple[Any, ...]) -> bool:
        return event == "open" and bool(values[2] & os.O_CREAT)


def forked(command: Callable[[], Any], below: Path, mode: str = KILL, point: int = 0, log: Path | None = None) -> Ended:
    """Run a command to its end, or to a file operation.

    Args:
        command: returns the exit status, or anything.
        below: folder whose files are watched.
        mode: what happens at the operation.
        point: number of the operation, from 1; 0: nothing happens.
        log: file for what the command prints; None: a file that is removed.
    """
    assert threading.active_count() == 1, "a fork copies no thread"
    counter = _Counter(below, mode, point)
    log = log or below.parent / f"{below.name}.log"
    child = os.fork()
    if not child:
        _run(command, counter, log)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _wait_for_group(child)
    number, _, length = _HEAD.unpack_from(counter.shared)
    last = counter.shared[_HEAD.size : _HEAD.size + length].decode(errors="replace")
    opened = tuple(place for place in range(1, min(number + 1, _SIZE)) if counter.opened[place])
    return Ended(status, number, opened, last, log.read_text(errors="replace"))


def _run(command: Callable[[], Any], counter: _Counter, log: Path) -> None:
    status: Any = 1
    try:
        os.setpgid(0, 0)
        signal.alarm(_SECONDS)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(stream, "wb", 0), write_through=True) for stream in (1, 2))
        sys.addaudithook(counter)
        try:
            status = command()
        except SystemExit as end:
            status = end.code
        except BaseException:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            status = 1
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    finally:
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def _wait_for_group(group: int) -> None:
    """Workers of a killed command are gone before the next one begins."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
