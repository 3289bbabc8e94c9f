# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def refuse_label_list(config: Mapping[str, Any], root: str | Path) -> None:
    """Refuse the training data that MONAI Label puts into a training config: images with one label map each.

    A network of several tasks unlearns those whose labels are missing: their layers get no gradient from the loss, and
    Adam turns the weight decay alone into steps of the full learning rate. The images are not prepared either.

    Args:
        config: of the running workflow.
        root: the bundle's folder, for the message.

    Raises:
        ValueError: the training data are such a list.
    """
    dataset = config.get("train", {}).get("dataset")
    data = dataset.get("data") if isinstance(dataset, Mapping) else None
    if not isinstance(data, list) or any(not isinstance(item, Mapping) or "label" not in item for item in data):
        return
    tasks = " and ".join(config.get("available_tasks", {}))
    raise ValueError(
        f"{root}: MONAI Label's list of {len(data)} labelled images cannot train this bundle. Expected prepared data "
        f"with labels of {tasks}; the list has one label an image, and a network trained on it would unlearn the "
        "rest. Prepare the cases with ctan-monai prepare, train with 'python -m monai.bundle run training "
        "--config_file .../configs/train.json --dataset_dir DIR', and copy the new model.pt to the bundle's models "
        "folder: the running server takes it. 'start_server --conf skip_trainers true' hides this button."
    )
