# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a node knows of each series, on disk, so that a node that was killed goes on where it was."""

from __future__ import annotations

import fcntl
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_json

__all__ = ["Entry", "Ledger"]

logger = logging.getLogger(__name__)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")  # Orthanc's identifiers, which name folders here
_ENTRY = "series.json"


@dataclass
class Entry:
    """A CT series.

    Attributes:
        id: Orthanc's identifier, a hash of the UIDs.
        study: StudyInstanceUID.
        series: SeriesInstanceUID.
        instances: their number when the series was taken.
        state: ``waiting``: to be predicted; ``predicted``: to be sent; ``sent``: done; ``withheld``: predicted, but no
            result may be sent; ``failed``: given up; ``changed``: it got more slices after it was predicted.
        reason: of the state, or of the last failure.
        attempts: failed ones of the present step.
        not_before: time of the next attempt, seconds since 1970.
        sent_to: destinations that have the results.
    """

    id: str
    study: str
    series: str
    instances: int
    state: str = "waiting"
    reason: str = ""
    attempts: int = 0
    not_before: float = 0.0
    sent_to: list[str] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether there is anything left to do."""
        return self.state in ("waiting", "predicted")


class Ledger:
    """Folder with one folder for each series: its entry, its results and the log of its prediction.

    Args:
        folder: made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def lock(self, wait: bool = True) -> IO[str]:
        """Keep other nodes, and what a killed node left running, out of the folder while the returned file is open.

        Args:
            wait: until they end; else an error.

        Raises:
            DataError: another node uses the folder.
        """
        stream = (self.folder / ".lock").open("w")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            stream.close()
            raise DataError(f"{self.folder}: a node uses this folder. Stop it first.") from error
        return stream

    def path(self, identifier: str) -> Path:
        """Folder of a series.

        Raises:
            DataError: the identifier is not one of Orthanc's.
        """
        if not _ID.fullmatch(identifier):
            raise DataError(f"{identifier!r} is not an identifier of Orthanc.")
        return self.folder / identifier

    def read(self, identifier: str) -> Entry | None:
        """The entry; None: there is none.

        Raises:
            DataError: it is damaged.
        """
        path = self.path(identifier) / _ENTRY
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text())
            return Entry(**{item.name: content[item.name] for item in fields(Entry)})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: not the record of a series. Remove its folder to predict it again.") from error

    def write(self, entry: Entry) -> None:
        """Keep an entry; it is there as a whole or as it was."""
        write_json(self.path(entry.id) / _ENTRY, asdict(entry))

    def entries(self) -> Iterator[Entry]:
        """All that can be read; the others are logged."""
        for path in sorted(self.folder.glob(f"*/{_ENTRY}")):
            try:
                entry = self.read(path.parent.name)
            except DataError as error:
                logger.error("%s", error)
                continue
            if entry is not None:
                yield entry
