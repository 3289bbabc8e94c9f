# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What data that cannot be used raise, so that a command line can tell them from a fault of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from traceback import extract_tb

__all__ = ["DataError", "InputError", "UnusableInputs", "case_reason", "failure_lines", "plain_cause"]

_WRAPPERS = re.compile(r"Failed to (evaluate|instantiate)|applying transform ")  # MONAI's, around what goes wrong


class DataError(ValueError):
    """Data on disk that cannot be used: the message names the file, what was found and expected, and the remedy."""


class InputError(DataError):
    """An input image, or a file of its study, that cannot be used; the same four things in its message."""


class UnusableInputs(InputError):
    """Some images of a run could not be used, and the others have their results."""


def plain_cause(error: BaseException) -> BaseException:
    """The error that says what is wrong: the first that is not MONAI's wrapper about a config's expression."""
    while error.__cause__ is not None and _WRAPPERS.match(str(error)):
        error = error.__cause__
    return error


def failure_lines(predicted: int, unusable: Sequence[str], incomplete: Sequence[str]) -> list[str]:
    """What a run says at its end of images that failed.

    Args:
        predicted: images that have results.
        unusable: a line for each image that has none.
        incomplete: a line for each result that could not be written of an image that has others.
    """
    lines = []
    if unusable:
        lines += [f"{len(unusable)} of {predicted + len(unusable)} inputs have no results:", *unusable]
    if incomplete:
        lines += ["Some results could not be written:", *incomplete]
    return lines


def case_reason(error: Exception, name: str = "") -> str:
    """Why one case of many cannot be used, for a list.

    Args:
        error: what was raised. A message of ours says it all; of others the place is told, too.
        name: of the case's file or folder, which messages of others lack.
    """
    cause = plain_cause(error)
    if isinstance(cause, DataError):
        return str(cause)
    places = extract_tb(cause.__traceback__)
    place = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    prefix = f"{name}: " if name else ""
    return f"{prefix}it cannot be used: {type(cause).__name__}: {cause}{place}. Please report this with the file."
