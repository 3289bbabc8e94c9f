# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The work of a node: find series, predict each once, send its results until they have arrived."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.utils.errors import DataError

from .ledger import Entry, Ledger
from .orthanc import Destination, Orthanc, OrthancError

__all__ = ["Node"]

logger = logging.getLogger(__name__)
_OWN = "ctan-monai"  # Manufacturer of our results
_WITH_A_CT = ("RTSTRUCT", "RTPLAN", "RTDOSE")  # may hold the targets of a network that takes them
_LONGEST_PAUSE = 3600.0


class Node:
    """Predicts the CT series that an Orthanc server receives.

    A series is taken when Orthanc calls its study stable: nothing has arrived for the seconds of its ``StableAge``.
    What became of it stands in the ledger before the next step begins. A prediction that fails is tried again after
    the others, up to ``attempts`` times; sending is tried until it succeeds.

    Args:
        orthanc: where series arrive, and results are put.
        ledger: what was done.
        predict: see :py:class:`ctan_monai.node.PredictSeries`.
        destinations: where results are sent beside.
        attempts: of a prediction.
        pause: seconds before a second attempt, doubled for each further one.
    """

    def __init__(
        self,
        orthanc: Orthanc,
        ledger: Ledger,
        predict: Callable[[Path, str, Path, Path, int], str],
        destinations: Sequence[Destination] = (),
        attempts: int = 3,
        pause: float = 60,
    ) -> None:
        self._orthanc, self._ledger, self._predict = orthanc, ledger, predict
        self._destinations, self._attempts, self._pause = list(destinations), attempts, pause
        self._since = -1  # number of the last of Orthanc's changes that was seen; below 0: none
        self._unstable: set[str] = set()  # series to look at again
        self._open = {entry.id: entry for entry in ledger.entries() if entry.open}

    def run(self, interval: float = 5, once: bool = False) -> None:
        """Work until the process is ended.

        Args:
            interval: seconds between two looks at Orthanc.
            once: end when nothing is left that can be done now.
        """
        with self._ledger.lock() as lock:
            answering = True
            while True:
                try:
                    self.discover()
                    answering = True
                except OrthancError as error:
                    if once:
                        raise DataError(str(error)) from error
                    if answering:  # said once
                        logger.error("%s; trying again", error)
                    answering = False
                else:
                    if self.work(lock.fileno()):
                        continue
                    if once and not self._unstable:
                        return
                time.sleep(interval)

    def discover(self) -> None:
        """Enter the new CT series of stable studies in the ledger.

        Raises:
            OrthancError: Orthanc does not answer; what is new is found later.
        """
        last = int(self._orthanc.get("/changes?last")["Last"])
        if self._since < 0 or last < self._since:  # at first, or another archive: all that is there
            self._unstable.update(self._orthanc.get("/series"))
            self._since = last
        while self._since < last:
            answer = self._orthanc.get(f"/changes?since={self._since}&limit=1000")
            for change in answer["Changes"]:
                if change["ChangeType"] in ("NewSeries", "StableSeries"):
                    self._unstable.add(change["ID"])
            if int(answer["Last"]) <= self._since:
                break
            self._since = int(answer["Last"])
        for identifier in sorted(self._unstable):
            if self._look_at(identifier):
                self._unstable.discard(identifier)

    def _look_at(self, identifier: str) -> bool:
        """Enter a series if it is a CT; returns whether there is no need to look again."""
        try:
            series = self._orthanc.get(f"/series/{identifier}")
            tags = series["MainDicomTags"]
            if tags.get("Modality") != "CT":
                return True
            study = self._orthanc.get(f"/studies/{series['ParentStudy']}")
        except OrthancError as error:
            if error.missing:  # deleted
                return True
            raise
        if not (series["IsStable"] and study["IsStable"]):
            return False
        number = len(series["Instances"])
        try:
            entry = self._ledger.read(identifier)
        except DataError:  # logged at the start
            return True
        if entry is None:
            uids = str(study["MainDicomTags"]["StudyInstanceUID"]), str(tags["SeriesInstanceUID"])
            entry = Entry(identifier, *uids, number)
            self._keep(entry)
            logger.info("series %s: taken, %d slices", entry.series, number)
        elif entry.instances != number and entry.state == "waiting":
            entry.instances = number
            self._keep(entry)
        elif entry.instances != number and entry.state != "changed":
            reason = f"{entry.instances} slices were predicted, and now there are {number}"
            self._finish(entry, "changed", f"{reason}. Predict it again by --again, and discard the former results")
        return True

    def work(self, lock: int) -> bool:
        """One step of the series whose turn it is.

        Args:
            lock: file descriptor of the ledger's lock.

        Returns:
            whether there was one.
        """
        due = [entry for entry in self._open.values() if entry.not_before <= time.time()]
        if not due:
            return False
        entry = min(due, key=lambda it: (it.not_before, it.id))
        step = self._predict_entry if entry.state == "waiting" else self._send_entry
        try:
            step(entry, lock)
        except OrthancError as error:
            if error.missing and entry.state == "waiting":
                self._finish(entry, "failed", "it was deleted in Orthanc before it was predicted")
            else:
                self._try_later(entry, str(error), counted=entry.state == "predicted")  # no fault of the series
        except Exception as error:  # one series never stops the others
            reason = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
            if entry.state == "waiting" and entry.attempts + 1 >= self._attempts:
                self._finish(entry, "failed", reason)
            else:
                self._try_later(entry, reason)
        return True

    def _predict_entry(self, entry: Entry, lock: int) -> None:
        folder = self._ledger.path(entry.id)
        source, results = folder / "input.zip", folder / "results"
        self._orthanc.download([entry.id, *self._beside(entry)], source)
        reason = self._predict(source, entry.series, results, folder / "predict.log", lock)
        source.unlink()
        if any(results.glob("*.dcm")):
            entry.state, entry.attempts, entry.not_before, entry.reason = "predicted", 0, 0.0, reason
            self._keep(entry)
            logger.info("series %s: predicted%s", entry.series, f"; {reason}" if reason else "")
        else:
            self._finish(entry, "withheld", reason or "there are no DICOM results")

    def _beside(self, entry: Entry) -> list[str]:
        """Series of the study that a prediction may need; not our own results."""
        parent = self._orthanc.get(f"/series/{entry.id}")["ParentStudy"]
        all_series: list[dict[str, Any]] = self._orthanc.get(f"/studies/{parent}/series")
        tags = {series["ID"]: series["MainDicomTags"] for series in all_series}
        return [i for i, it in tags.items() if it.get("Modality") in _WITH_A_CT and it.get("Manufacturer") != _OWN]

    def _send_entry(self, entry: Entry, _: int) -> None:
        files = sorted((self._ledger.path(entry.id) / "results").glob("*.dcm"))
        instances = [self._orthanc.upload(file) for file in files]
        failures = []
        for destination in self._destinations:
            if str(destination) not in entry.sent_to:
                try:
                    self._orthanc.send(instances, destination)
                except OrthancError as error:
                    failures.append(str(error))
                else:
                    entry.sent_to.append(str(destination))
                    self._keep(entry)
        if failures:
            raise OrthancError("; ".join(failures))
        self._finish(entry, "sent", entry.reason)

    def _try_later(self, entry: Entry, reason: str, counted: bool = True) -> None:
        wait = min(self._pause * 2**entry.attempts, _LONGEST_PAUSE)
        entry.attempts, entry.not_before = entry.attempts + counted, time.time() + wait
        self._keep(entry)
        logger.warning("series %s: %s; trying again in %.0f s", entry.series, reason, wait)

    def _finish(self, entry: Entry, state: str, reason: str) -> None:
        entry.state, entry.reason = state, reason
        self._keep(entry)
        level = logging.INFO if state == "sent" and not reason else logging.WARNING
        logger.log(level, "series %s: %s%s", entry.series, state, f"; {reason}" if reason else "")

    def _keep(self, entry: Entry) -> None:
        self._ledger.write(entry)
        if entry.open:
            self._open[entry.id] = entry
        else:
            self._open.pop(entry.id, None)
