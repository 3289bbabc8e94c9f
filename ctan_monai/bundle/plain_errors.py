# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from types import TracebackType

_previous = sys.excepthook


def show_cause_last() -> None:
    """From now on, end the report of an error that stops the program with the message of its first cause.

    MONAI wraps what goes wrong in a config in errors that name the expression; the message that says which file is
    wrong, and what to do, then stands in the middle of a hundred lines.
    """
    sys.excepthook = _hook


def _hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    _previous(kind, error, traceback)
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if cause is not error:
        print(f"\nerror: {cause}", file=sys.stderr)
