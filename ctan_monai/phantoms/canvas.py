# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes that phantoms are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Canvas"]


class Canvas:
    """Shapes in the patient's own frame: ``x`` and ``y`` from the axis of the body, ``z`` in unscaled heights."""

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
        self.x, self.y, self.z = x, y, z

    def ellipsoid(self, center: Sequence[float] | np.ndarray, radii: Sequence[float] | np.ndarray) -> np.ndarray:
        parts = [((g - c) / r) ** 2 for g, c, r in zip((self.x, self.y, self.z), center, radii, strict=True)]
        return np.asarray(parts[0] + parts[1] + parts[2] < 1)

    def tube(
        self, center: tuple[float, float], radii: tuple[float, float], span: tuple[float, float], tilt: float = 0.0
    ) -> np.ndarray:
        """An upright tube; ``tilt`` is how far its center's y moves per mm of height."""
        y = self.y - center[1] - tilt * (self.z - span[0])
        inside = ((self.x - center[0]) / radii[0]) ** 2 + (y / radii[1]) ** 2 < 1
        return inside & (self.z >= span[0]) & (self.z < span[1])
