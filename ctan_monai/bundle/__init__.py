# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from ctan_monai.utils.moved import moved

from .config_values import plain_values
from .distributed import distribute, place_network, rank_device, start_distributed, stop_distributed
from .inference_chains import read_inference_chains
from .load_training import TrainingSetting
from .select import select_tasks
from .training_record import recorded_values, use_training_record
from .weights import load_weights
from .workflow import bundle_root, check_overrides

__all__ = [
    "TrainingSetting",
    "bundle_root",
    "check_overrides",
    "distribute",
    "load_weights",
    "place_network",
    "plain_values",
    "rank_device",
    "read_inference_chains",
    "recorded_values",
    "select_tasks",
    "start_distributed",
    "stop_distributed",
    "use_training_record",
]

__getattr__ = moved(
    __name__,
    {
        "prepare_output_dir": "ctan_monai.utils",
        "write_atomic": "ctan_monai.utils",
    },
)
