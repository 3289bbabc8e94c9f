# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of what CTAN and MTAN attend to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from ctan_monai.networks.attention_measures import AttentionMaps, attention_maps

from .charts import figure_png

__all__ = ["attention_maps", "attention_picture"]


def attention_picture(
    image: np.ndarray, maps: AttentionMaps, transpose: bool = False, masks_only: bool = False
) -> bytes:
    """One row a task: the image, the four masks and the bottleneck's attention over it.

    Args:
        image: (H, W) in [0, 1], or (H, W, 3).
        maps: of :py:func:`ctan_monai.networks.attention_maps`.
        transpose: arrays are (x, y), as volumes have them, and are shown with x to the right.
        masks_only: nothing of the image is drawn, for data whose licence forbids it.

    Returns:
        PNG.
    """
    turn: Callable[[np.ndarray], np.ndarray] = (lambda a: np.swapaxes(a, 0, 1)) if transpose else (lambda a: a)
    shown = turn(image)
    height, width = shown.shape[:2]
    columns = 4 + (not masks_only) + bool(maps.bottleneck)
    figure = Figure(figsize=(2.3 * columns, 2.5 * len(maps.masks) * height / width + 0.4), layout="constrained")
    grid = figure.subplots(len(maps.masks), columns, squeeze=False)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    for row, (task, masks) in zip(grid, maps.masks.items(), strict=True):
        panels: list[tuple[str, np.ndarray | None]] = [] if masks_only else [(task, None)]
        panels += [(f"{task if masks_only else ''} A of stage {j + 1}".strip(), m) for j, m in enumerate(masks)]
        panels += [("bottleneck", maps.bottleneck[task])] if maps.bottleneck else []
        for axes, (title, values) in zip(row, panels, strict=True):
            axes.imshow(np.zeros_like(shown) if masks_only else shown, cmap="gray", vmin=0, vmax=1)
            if values is not None:
                # each panel has its own scale, which its title states: the mean over channels lies near 0.5
                axes.imshow(turn(values), cmap="viridis", alpha=1.0 if masks_only else 0.6, extent=extent)
                title = f"{title}\n{values.min():.2f} (dark) to {values.max():.2f}"
            axes.set_title(title, fontsize=8)
            axes.set_axis_off()
    return figure_png(figure, dpi=120)
