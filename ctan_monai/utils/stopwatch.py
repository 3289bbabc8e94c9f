# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time


class Stopwatch:
    """Seconds that the named parts of a work take, one after the other.

    Attributes:
        seconds: part to seconds; a part that comes again adds up.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, part: str) -> None:
        """Count the time since the last lap, or since the start, for a part."""
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now
