# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.utils import set_determinism

from ctan_monai.engines import bf16_autocast, use_bf16

from .data_values import as_data


class TrainingSetting:
    """The objects that a bundle's training config describes, to measure or look at, without running the training.

    TensorBoard's handlers write as soon as they are made: what they write goes to a folder that ends with this object.

    Args:
        root: the bundle's folder.
        overrides: config files given after ``train.json``.
        values: ids and values that a user would give on the command line; they are data, and evaluated nowhere.
    """

    def __init__(self, root: Path, overrides: Sequence[Path], values: Mapping[str, Any]) -> None:
        self.parser = ConfigParser()
        self.parser.read_config([root / "configs" / "train.json", *overrides])
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.parser.update({k: as_data(v) for k, v in {"bundle_root": root, **values, "output_dir": folder}.items()})
        set_determinism(self.parser["seed"])
        self.trainer = self["train::trainer"]
        self.loader = self["train::dataloader"]

    def __getitem__(self, key: str) -> Any:
        return self.parser.get_parsed_content(key)

    def step(self, batch: Mapping[str, Any]) -> None:
        """One training step, as the bundle's trainer does it; returns when the device is done."""
        self.trainer._iteration(self.trainer, batch)
        self._synchronize()

    def infer(self, case: Mapping[str, Any]) -> None:
        """One case of the validation set through the network, by the bundle's inferer."""
        image, _ = self["prepare_batch"](case, self["device"])
        network = self["network"].eval()
        with torch.inference_mode(), bf16_autocast(self["device"], use_bf16(self["amp"], self["device"])):
            self["validate::inferer"](image, network)
        self._synchronize()
        network.train()

    def _synchronize(self) -> None:
        if self["device"].type == "cuda":
            torch.cuda.synchronize(self["device"])
