# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Preparing many cases: in one or several processes, with progress, and with reasons for those that are left out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

import SimpleITK as sitk
from tqdm import tqdm

from ctan_monai.utils import original_names
from ctan_monai.utils.errors import DataError, case_reason
from ctan_monai.utils.folder_lock import inherited_locks

__all__ = ["list_reasons", "prepare_cases"]

Key = TypeVar("Key", bound=Hashable)


def prepare_cases(
    jobs: Mapping[Key, Sequence[Any]], prepare: Callable[..., Any], workers: int, description: str, unit: str
) -> Iterator[tuple[Key, Any | str]]:
    """Calls ``prepare(*arguments)`` for each job, and shows the progress.

    Args:
        jobs: name of a case to the arguments of ``prepare``; the last one is the path that it writes.
        prepare: a function of a module (so that another process can import it).
        workers: processes; at most as many as there are cores.
        description: of the progress bar.
        unit: what a job is, for the progress bar.

    Yields:
        the name and what ``prepare`` returned, or the text of its error, as cases get done.

    Raises:
        DataError: the output cannot be written.
    """
    # the processes take its place; and ITK waits forever for a thread for which memory was not enough
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    for key, result in tqdm(_results(jobs, prepare, workers), total=len(jobs), desc=description, unit=unit):
        yield key, original_names(result) if isinstance(result, str) else result


def _results(
    jobs: Mapping[Key, Sequence[Any]], prepare: Callable[..., Any], workers: int
) -> Iterator[tuple[Key, Any | str]]:
    if workers <= 1:
        for key, arguments in jobs.items():
            yield key, _try(prepare, arguments)
        return
    remaining = dict(jobs)
    with _pool(min(workers, os.cpu_count() or 1)) as pool:
        with inherited_locks():  # the first call forks the workers
            futures = {pool.submit(_try, prepare, arguments): key for key, arguments in jobs.items()}
        try:
            for future in as_completed(futures):
                key = futures.pop(future)
                result = future.result()
                del remaining[key]
                yield key, result
            return
        except BrokenProcessPool:
            pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for key, arguments in remaining.items():  # one of them ended a worker: each gets one of its own
        with _pool(1) as pool:
            try:
                with inherited_locks():
                    future = pool.submit(_try, prepare, arguments)
                yield key, future.result()
            except BrokenProcessPool:
                yield (
                    key,
                    f"{Path(arguments[-1]).name}: the process that prepared it was ended, most often since memory was "
                    "not enough. Close other programs, and prepare again with --workers 1.",
                )


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    """Let a worker end when the program is killed: it would wait for work for ever, with all files open."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _try(prepare: Callable[..., Any], arguments: Sequence[Any]) -> Any | str:
    """The prepared case's record, or why it cannot be used."""
    try:
        return prepare(*arguments)
    except DataError as error:
        return str(error)
    except Exception as error:
        if not isinstance(error, OSError) or error.errno is None:  # libraries raise such errors about content, too
            return case_reason(error)
        raise DataError(
            f"{Path(arguments[-1])}: cannot be written ({error.strerror or error}). Free some space or give another "
            "--output, then run the same command: it goes on where it stopped."
        ) from error


def list_reasons(reasons: Sequence[str], what: str = "patients") -> str:
    """One text of why cases cannot be used: the first five and a count of the rest."""
    shown = "".join(f"\n  {reason}" for reason in reasons[:5])
    more = f"\n  and {len(reasons) - 5} more" if len(reasons) > 5 else ""
    return f"{len(reasons)} {what} cannot be used:{shown}{more}"
