# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import threading
from traceback import walk_tb
from types import TracebackType

from ctan_monai.utils.errors import DataError, lack_of_resources, plain_cause, visible

_previous = sys.excepthook
_previous_of_threads = threading.excepthook


def show_cause_last() -> None:
    """From now on, end the report of an error that stops the program with the message that a user needs.

    MONAI wraps what goes wrong in a config in errors that name the expression; the message that says which file is
    wrong, and what to do, then stands in the middle of a hundred lines. An interruption by the user is answered by one
    line. Errors of this package, which say what to do, come without the hundred lines; the environment variable
    ``CTAN_TRACEBACK=1`` brings them back.
    """
    sys.excepthook = _hook
    threading.excepthook = _thread_hook


def _thread_hook(arguments: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer raises a full disk in its thread, and again in the next call of the main one."""
    error = arguments.exc_value
    if error is None or lack_of_resources(error) is None or os.environ.get("CTAN_TRACEBACK"):
        _previous_of_threads(arguments)


def _hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    cause = plain_cause(error)
    if isinstance(cause, KeyboardInterrupt):
        print(
            "\ninterrupted: an inference or evaluation starts anew; a training goes on from its last whole epoch with "
            "--resume True (in its first epoch nothing is saved yet).",
            file=sys.stderr,
        )
        return
    message = lack_of_resources(cause)
    if (message or _is_ours(cause)) and not os.environ.get("CTAN_TRACEBACK"):
        print(f"\nerror: {visible(message or str(cause))}", file=sys.stderr)
        return
    _previous(kind, error, traceback)
    if cause is not error:
        print(f"\nerror: {cause}", file=sys.stderr)


def _is_ours(error: BaseException) -> bool:
    """Whether this package raised the error to tell a user what to do, and where it was raised is of no use to them."""
    if not isinstance(error, DataError | OSError | ValueError) or error.__traceback__ is None:
        return False
    *_, (last, _) = walk_tb(error.__traceback__)
    return str(last.f_globals.get("__name__", "")).startswith("ctan_monai.")
