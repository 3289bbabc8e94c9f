# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Predicts one series of a node in a process of its own, so that whatever it does ends there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.errors import DataError

__all__ = ["PredictSeries"]

_LAST_LINES = 1000  # characters of the log that become the reason


class PredictSeries:
    """``ctan-monai-predict --dicom`` on the zip of a series.

    Args:
        bundle: folder of the unpacked bundle.
        arguments: further ones of the command.
        timeout: seconds after which a prediction is ended.

    Raises:
        DataError: there is no bundle.
    """

    def __init__(self, bundle: Path, arguments: Sequence[str] = (), timeout: float = 3600) -> None:
        if not (bundle / "configs" / "inference.json").is_file():
            raise DataError(f"--bundle {bundle}: not a bundle's folder; expected configs/inference.json in it.")
        self._bundle, self._arguments, self._timeout = bundle.resolve(), list(arguments), timeout

    def __call__(self, source: Path, series: str, results: Path, log: Path, lock: int) -> str:
        """Predict; results of an earlier run that came to its end are kept.

        Args:
            source: zip with the series.
            series: its SeriesInstanceUID.
            results: folder for the results.
            log: what the command prints.
            lock: file descriptor that the command keeps open, so that a lock lasts until it has ended.

        Returns:
            what a reader of the results must know: that none may be used, or that some could not be written; or empty.

        Raises:
            DataError: the command failed; its last words.
        """
        if is_complete(results):
            return unusable(results)
        shutil.rmtree(results, ignore_errors=True)
        # -P: what lies in the working folder is not imported
        command = [sys.executable, "-P", "-m", "ctan_monai.packing.predict", "--bundle", str(self._bundle), "--dicom"]
        command += [f"--series={series}", *self._arguments, "--", str(source), str(results)]
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONWARNINGS": "ignore"}
        with log.open("wb") as stream:
            try:
                status = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment,
                    timeout=self._timeout, pass_fds=[lock], check=False,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired as error:
                raise DataError(f"no result after {self._timeout:.0f} s; see {log}") from error
        text = log.read_text(errors="replace").rpartition("error: ")[2].strip()[-_LAST_LINES:]
        if not is_complete(results):
            raise DataError(f"exit status {status}: {text}")
        return unusable(results) or (text if status else "")


def is_complete(results: Path) -> bool:
    """Whether a prediction came to its end: a report is written last."""
    return any(results.glob("*_report.json")) or any(results.glob("*_probabilities.json"))


def unusable(results: Path) -> str:
    """Why no result may be used; empty: they may."""
    for file in sorted([*results.glob("*_report.json"), *results.glob("*_probabilities.json")]):
        report = json.loads(file.read_text())
        if not report.get("usable", True):
            return str(report.get("unusable_because") or "see " + file.name)
    return ""
