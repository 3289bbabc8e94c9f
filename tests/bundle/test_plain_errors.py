# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a user reads when a bundle stops: one message, and a traceback only where it helps."""

from __future__ import annotations

import sys

import pytest

from ctan_monai.bundle import error_report as plain_errors
from ctan_monai.bundle.weights import load_weights
from ctan_monai.utils.errors import plain_cause


def raised(action) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def wrapped_by_monai(cause: BaseException) -> BaseException:
    def evaluate() -> None:
        raise RuntimeError("Failed to evaluate ConfigExpression: $x") from cause

    return raised(evaluate)


def reported(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    plain_errors._hook(type(error), error, error.__traceback__)
    return capsys.readouterr().err


def ours() -> BaseException:
    """An error of this package about another error, as "no space left" becomes "the folder cannot be written"."""
    return raised(lambda: load_weights(None, "absent.pt"))  # type: ignore[arg-type]


def test_our_errors_come_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_errors, "_previous", sys.__excepthook__)
    text = reported(wrapped_by_monai(ours()), capsys)
    assert text == "\nerror: no trained weights at 'absent.pt': train first, or give a file with --checkpoint.\n"
    monkeypatch.setenv("CTAN_TRACEBACK", "1")
    text = reported(wrapped_by_monai(ours()), capsys)
    assert text.startswith("Traceback")
    assert text.endswith("\nerror: no trained weights at 'absent.pt': train first, or give a file with --checkpoint.\n")


def test_the_message_is_ours_and_not_that_of_the_error_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    behind = OSError(2, "No such file or directory")
    error = OSError("cannot write to the output folder 'x': choose another one with --output_dir.")
    error.__cause__ = behind
    assert plain_cause(wrapped_by_monai(error)) is error


def test_unexpected_errors_keep_their_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_errors, "_previous", sys.__excepthook__)
    text = reported(wrapped_by_monai(raised(lambda: [][0])), capsys)
    assert text.startswith("Traceback")
    assert text.endswith("\nerror: list index out of range\n")


def test_an_interruption_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = reported(wrapped_by_monai(KeyboardInterrupt()), capsys)
    assert text.count("\n") == 2
    assert "--resume True" in text
