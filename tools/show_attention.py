# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of what a trained CTAN or MTAN attends to: the masks A_t of each stage, and the bottleneck's attention.

Of a volume the slice with most of the labelled structures is shown. Writes <case>_attention.png and attention.json
(how much of each mask is saturated, its spatial standard deviation within channels and of their mean, and the mean
cosine between positions at the bottleneck). What the masks are worth is in training.json, under functional_test.

example:
  python tools/show_attention.py --bundle openkbp --dataset_dir data/openkbp --checkpoint runs/ctan/model.pt \\
      --cases pt_242 pt_250 --output runs/ctan/attention
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ctan_monai.bundle import TrainingSetting, load_weights, recorded_values
from ctan_monai.bundle.config_values import check_record
from ctan_monai.data.datalist import load_datalist
from ctan_monai.networks import METHODS
from ctan_monai.reports.attention import attention_maps, attention_picture
from ctan_monai.utils import provenance
from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import read_training_record, write_atomic, write_json

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = sorted(path.parent.name for path in REPOSITORY.glob("bundles/*/configs"))


def one_slice(image: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
    """Of a volume (1, C, X, Y, Z) the axial slice with most labelled voxels, or the middle one; a slice as it is."""
    if image.dim() == 4:
        return image
    counts = (label > 0).sum(dim=(0, 1, 2, 3)) if label is not None and label.dim() == 5 else None
    index = int(counts.argmax()) if counts is not None and counts.max() > 0 else image.shape[-1] // 2
    return image[..., index]


def shown(image: torch.Tensor) -> np.ndarray:
    """The network's input as a gray picture in [0, 1]: its first channel, from its least to its largest value."""
    gray = image[0, 0].float().cpu().numpy()
    return np.asarray((gray - gray.min()) / max(float(np.ptp(gray)), 1e-6))


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Draw the cases; returns what is written as attention.json."""
    known = {str(item["case_id"]) for item in load_datalist(options.dataset_dir).get(options.section, [])}
    if missing := sorted(set(options.cases) - known):
        raise DataError(f"{options.dataset_dir}: section '{options.section}' has no {', '.join(missing)}.")
    root = REPOSITORY / "bundles" / options.bundle
    record = read_training_record(options.checkpoint.parent)
    check_record(record or {}, options.checkpoint.parent / "training.json")
    values = {"dataset_dir": str(options.dataset_dir.resolve()), "num_workers": 0, "pretrained": False}
    values = {**recorded_values(record or {}), **values}  # the method and network that were trained
    if options.method:
        values["method"] = options.method
    setting = TrainingSetting(root, options.config_file, {**values, "validate::section": options.section})
    network = load_weights(setting["network"], options.checkpoint)
    found: dict[str, Any] = {}
    for batch in tqdm(setting["validate::dataloader"], desc="cases", unit="batch"):
        images, labels = setting["prepare_batch"](batch, setting["device"])
        for i, case in enumerate(map(str, batch["case_id"])):
            if options.cases and case not in options.cases:
                continue
            label = labels.get("segmentation")
            image = one_slice(images[i : i + 1], None if label is None else label[i : i + 1])
            if image.dim() != 4:
                raise DataError(f"{case}: its input has the shape {tuple(image.shape)}; this tool draws 2-D networks.")
            maps = attention_maps(network, image)
            write_atomic(
                options.output / f"{case}_attention.png",
                attention_picture(shown(image), maps, images.dim() == 5, options.masks_only),
            )
            found[case] = {
                "saturated": maps.saturated,
                "deviation_within_channels": maps.deviation,
                "deviation_of_the_mean": {task: [float(m.std()) for m in own] for task, own in maps.masks.items()},
                "cosine_between_positions": {
                    task: dict(zip(("input", "equation2"), values, strict=True))
                    for task, values in maps.cosines.items()
                },
            }
    return {
        "cases": found,
        "training": record,
        "provenance": provenance(values, setting["seed"]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", required=True, choices=BUNDLES)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="prepared data (tools/prepare_data.py)")
    parser.add_argument("--checkpoint", type=Path, required=True, help="model.pt of a training")
    parser.add_argument(
        "--config_file", nargs="+", type=Path, default=[], help="its overrides, if training.json is not beside it"
    )
    parser.add_argument("--method", choices=list(METHODS), help="likewise, the network's method (default: CTAN)")
    parser.add_argument("--cases", nargs="+", default=[], help="case ids (default: all of the section)")
    parser.add_argument("--section", default="test", choices=("training", "validation", "test"))
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    parser.add_argument("--masks-only", action="store_true", help="draw nothing of the images, to publish the pictures")
    options = parser.parse_args(arguments)
    return exit_status(lambda: show(options), ValueError)


def show(options: argparse.Namespace) -> None:
    """Draw, and say where the pictures are."""
    write_json(options.output / "attention.json", run(options))
    print(f"written to {options.output}")


if __name__ == "__main__":
    sys.exit(main())
