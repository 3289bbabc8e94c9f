# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from matplotlib import colormaps

from .summary_writer import summary_writer

_MOST_PANELS = 8  # slices of a case without pixel-level tasks


class ValidationPicture:
    """Writes a picture of one validation case to TensorBoard after each validation.

    From left to right: the image, then reference and prediction of each pixel-level task; of a volume the axial slice
    with most of the reference. A case without pixel-level tasks is shown by its input alone.

    Why not MONAI's ``TensorBoardImageHandler``: it knows one label and one prediction, both arrays of one kind, and
    writes each volume as a film of all its slices.

    Args:
        log_dir: of TensorBoard, that of the other handlers.
        tasks: task to ``{"level": ...}``, as the network gets them.
        columns_first: whether an image's first spatial axis runs from left to right, as of volumes (x, y, z), and not
            from top to bottom, as of photographs.
    """

    def __init__(self, log_dir: str, tasks: Mapping[str, Mapping[str, Any]], columns_first: bool = True) -> None:
        self.log_dir = log_dir
        self.tasks = [name for name, task in tasks.items() if task["level"] == "pixel"]
        self.columns_first = columns_first

    def attach(self, engine: Engine) -> None:
        """Attach to the validation's evaluator."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Write the picture of the last batch's first case; the order of cases is the same in each epoch."""
        if idist.get_rank() != 0:
            return
        writer = summary_writer(self.log_dir)
        assert isinstance(engine.state.output, list)  # decollated
        picture = self.picture(engine.state.output[0])
        writer.add_image("validation_case", picture, engine.state.epoch, dataformats="HWC")
        writer.flush()

    def picture(self, item: Mapping[str, Any]) -> np.ndarray:
        """Panels side by side, (rows, columns, 3), values 0 to 1.

        Args:
            item: a case after post-processing: "image" (C, *spatial), "label_<task>" and "pred_<task>", one-hot or in
                Gy; what is lacking is left out.
        """
        image = _array(item["image"])
        pairs = {task: [_array(item[f"{kind}_{task}"]) for kind in ("label", "pred") if f"{kind}_{task}" in item]
                 for task in self.tasks}  # fmt: skip
        pairs = {task: arrays for task, arrays in pairs.items() if len(arrays) == 2}
        if not pairs:
            panels = [_gray(plane) for plane in _spread(image.reshape(-1, *image.shape[-2:]))]
        else:
            if image.ndim == 4:
                index = _fullest([reference for reference, _ in pairs.values()])
                image = image[..., index]
                pairs = {task: [array[..., index] for array in arrays] for task, arrays in pairs.items()}
            panels = [_gray(image[0])]
            for reference, prediction in pairs.values():
                top = max(float(reference.max()), 1e-6)
                panels += [_colored(reference, top), _colored(prediction, top)]
        if self.columns_first:
            panels = [panel.transpose(1, 0, 2) for panel in panels]
        return np.concatenate(panels, axis=1)


def _array(value: Any) -> np.ndarray:
    return value.detach().float().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _spread(planes: np.ndarray) -> np.ndarray:
    return np.asarray(planes[np.linspace(0, len(planes) - 1, min(len(planes), _MOST_PANELS)).round().astype(int)])


def _fullest(references: list[np.ndarray]) -> int:
    """Index along z of the slice that holds most of the references; of a one-hot one without its background."""
    score = np.zeros(references[0].shape[-1])
    for reference in references:
        shown = reference[1:] if len(reference) > 1 else reference
        total = shown.sum(axis=(0, 1, 2))
        score += total / max(float(total.max()), 1e-6)
    return int(score.argmax())


def _gray(plane: np.ndarray) -> np.ndarray:
    low, high = float(plane.min()), float(plane.max())
    return np.repeat(((plane - low) / max(high - low, 1e-6))[..., None], 3, axis=-1)


def _colored(array: np.ndarray, top: float) -> np.ndarray:
    """A label map (one-hot, background black) or a map of values in colors."""
    if len(array) > 1:
        labels = array.argmax(axis=0)
        colors: np.ndarray = colormaps["tab10"]((labels - 1) % 10)[..., :3] * (labels > 0)[..., None]
        return colors
    values: np.ndarray = colormaps["inferno"](np.clip(array[0] / top, 0, 1))[..., :3]
    return values
