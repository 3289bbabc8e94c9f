# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What data that cannot be used raise, so that a command line can tell them from a fault of ours."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Any

__all__ = [
    *("DataError", "InputError", "UnusableInputs", "UnusableResults", "case_reason", "content_of", "failure_lines"),
    *("lack_of_resources", "plain_cause", "verdict_line", "visible"),
]

# but for tab and line break: controls, marks that turn the direction of text, halves of characters
_UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
_WRAPPERS = re.compile(r"Failed to (evaluate|instantiate)|applying transform ")  # MONAI's, around what goes wrong


def visible(text: str) -> str:
    """Text without what a terminal obeys, such as an escape sequence in a DICOM string or in a file's name."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


class DataError(ValueError):
    """Data on disk that cannot be used: the message names the file, what was found and expected, and the remedy.

    Attributes:
        exit_status: of a command that ends with it.
    """

    exit_status = 2

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(visible(one) if isinstance(one, str) else one for one in arguments))


class InputError(DataError):
    """An input image, or a file of its study, that cannot be used; the same four things in its message."""


class UnusableInputs(InputError):
    """Some images of a run could not be used, and the others have their results."""


class UnusableResults(DataError):
    """None of the results of some images may be used, see :py:func:`verdict_line`."""

    exit_status = 3


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


def verdict_line(case: str, report_name: str, report: Mapping[str, Any]) -> str:
    """What a user must know of a case before they look at anything.

    Args:
        case: its name.
        report_name: of the file with its report.
        report: ``usable``, ``unusable_because``, ``warnings`` (sentences, or one text) and ``withheld_dicom``, the
            kinds of DICOM files that were not written; what is missing is as if all were well.
    """
    warnings = report.get("warnings") or []
    count = 1 if isinstance(warnings, str) else len(warnings)
    if not report.get("usable", True):
        withheld = ", ".join(report.get("withheld_dicom", []))
        note = f" DICOM is withheld ({withheld}); --write_implausible writes it." if withheld else ""
        return f"{case}: NOT USABLE, see {report_name}: {report.get('unusable_because', '')}{note}"
    if count:
        return f"{case}: {count} warning{'s' if count > 1 else ''}, see {report_name}"
    return f"{case}: no warnings, which is not a guarantee of correctness ({report_name})."


@contextlib.contextmanager
def content_of(path: Path | str, remedy: str) -> Iterator[None]:
    """Within it, a file's content is interpreted: what goes wrong is told as that of the file.

    A file of another structure than ours raises a KeyError here, an AttributeError there; no list of checks has all.

    Args:
        path: the file.
        remedy: what to do, a sentence.

    Raises:
        DataError: anything but an error of ours went wrong.
    """
    try:
        yield
    except DataError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        cause = plain_cause(error)
        if isinstance(cause, DataError):
            raise cause from error
        place = extract_tb(cause.__traceback__)[-1]
        raise DataError(
            f"{path}: is not as this program writes it ({type(cause).__name__}: {cause}; {Path(place.filename).name}, "
            f"line {place.lineno}). {remedy}"
        ) from error


def lack_of_resources(error: BaseException) -> str | None:
    """What to do where disk or memory was not enough; None: it was another error.

    Args:
        error: of any library; PyTorch has its own for both.
    """
    text = str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}the disk is full ({error.strerror}). Free some space there, or choose a folder on another disk."
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        place = f"{error.filename}: " if error.filename else ""
        return (
            f"{place}a file may not be that large here ({error.strerror}). Raise the limit (ulimit -f), or choose a "
            "folder on another disk."
        )
    if type(error).__name__ == "OutOfMemoryError":  # of CUDA
        return "the GPU's memory is not enough: close what else uses it, or give --device cpu."
    allocator = isinstance(error, RuntimeError) and re.search(
        "DefaultCPUAllocator|alloc_cpu|bad_alloc|Unable to (create|join) (a )?thread", text
    )
    if isinstance(error, MemoryError) or allocator or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        asked = re.search(r"allocate ([\d.]+ ?[KMGT]iB|\d+ bytes)", text)
        return (
            f"the computer's memory is not enough{f' for another {asked[1]}' if asked else ''}: close other programs, "
            "take fewer --workers or a smaller --batch_size, or crop the image."
        )
    return None


def case_reason(error: Exception, name: str = "") -> str:
    """Why one case of many cannot be used, for a list.

    Args:
        error: what was raised. A message of ours says it all; of others the place is told, too.
        name: of the case's file or folder, which messages of others lack.
    """
    cause = plain_cause(error)
    if isinstance(cause, DataError):
        return str(cause)
    if lacks := lack_of_resources(cause):
        return f"{name}: {lacks}" if name else lacks
    places = extract_tb(cause.__traceback__)
    place = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    prefix = f"{name}: " if name else ""
    return visible(
        f"{prefix}it cannot be used: {type(cause).__name__}: {cause}{place}. Please report this with the file."
    )
