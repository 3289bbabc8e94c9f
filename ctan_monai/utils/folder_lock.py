# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One process at a time writes into a folder: the folder itself is locked, so that no file of a lock is left."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import DataError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["inherited_locks", "lock_folder", "locked_folder", "unlock_folder"]

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 3.0  # in which the workers of a killed program end, see ctan_monai.data.preparation.parallel

_inherited = False
_handles: dict[str, int] = {}  # folder to its open handle
_counts: dict[str, int] = {}  # folder to how often this process has taken it


def lock_folder(folder: str | Path, option: str) -> str:
    """Take a folder for this process, which may take it several times; a killed process loses it.

    Args:
        folder: that exists.
        option: of the command line, by which the user chooses another folder.

    Returns:
        what :py:func:`unlock_folder` needs.

    Raises:
        DataError: another process has taken the folder.
    """
    name = os.path.realpath(folder)
    if name not in _counts:
        _take(name, folder, option)
    _counts[name] = _counts.get(name, 0) + 1
    return name


def unlock_folder(name: str) -> None:
    """Give a folder back, as often as it was taken."""
    _counts[name] -= 1
    if not _counts[name]:
        del _counts[name]
        if name in _handles:
            os.close(_handles.pop(name))


@contextlib.contextmanager
def locked_folder(folder: str | Path, option: str) -> Iterator[None]:
    """Within it, no other process takes the folder, see :py:func:`lock_folder`."""
    name = lock_folder(folder, option)
    try:
        yield
    finally:
        unlock_folder(name)


@contextlib.contextmanager
def inherited_locks() -> Iterator[None]:
    """Processes that are forked within it hold this process's folders as long as they live: they write there, too.

    A worker may outlive a killed program by a second, and must not meet the next one in the folder.
    """
    global _inherited
    former, _inherited = _inherited, True
    try:
        yield
    finally:
        _inherited = former


def _take(name: str, folder: str | Path, option: str) -> None:
    if fcntl is None:
        return
    handle = os.open(name, os.O_RDONLY)
    end = time.monotonic() + _WAIT_SECONDS
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.1)
    except BlockingIOError as error:
        os.close(handle)
        raise DataError(
            f"{folder}: another program is writing into this folder. Wait until it has ended, or choose another folder "
            f"with {option}."
        ) from error
    except OSError as error:  # of some network drives
        os.close(handle)
        logger.warning("%s: cannot be locked (%s). Let no second program write into it.", folder, error.strerror)
        return
    _handles[name] = handle


def _forget() -> None:
    """A worker process shares its parent's lock, and would keep it after the parent was killed."""
    for handle in () if _inherited else _handles.values():
        os.close(handle)
    _handles.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
