# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Measures the training pipeline of a bundle, as its train.json describes it, on this machine.

Samples a second that the loader gives by itself, and the share of a training that is spent waiting for it, with HPS
(the quickest method, so the hardest case), resnet18 and the 7x7 stem. Prints the figures and writes them as JSON.

example:
  python tools/benchmark_pipeline.py --bundle ham10000 --dataset_dir data/ham10000 --output pipeline.json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from ctan_monai.engines import bf16_autocast
from ctan_monai.reports import provenance, write_json

REPOSITORY = Path(__file__).resolve().parents[1]


def pipeline(bundle: str, dataset_dir: Path, workers: int, **overrides: Any) -> ConfigParser:
    """The bundle's train.json with the quickest network, on prepared data."""
    folder = REPOSITORY / "bundles" / bundle
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / "train.json"))
    quick = {"backbone": "resnet18", "stem": "conv7x7", "pretrained": False, "num_workers": workers}
    paths = {"bundle_root": str(folder), "dataset_dir": str(dataset_dir)}
    parser.update({**quick, **paths, "network_def::_target_": "ctan_monai.networks.HPS", **overrides})
    return parser


def loader_rate(parser: ConfigParser, batches: int) -> float:
    """Samples a second of the loader alone, after its first batch."""
    count, start = 0, 0.0
    for i, batch in enumerate(parser.get_parsed_content("train::dataloader")):
        if i == 0:
            start = time.perf_counter()
            continue
        count += batch["image"].shape[0]
        if i == batches:
            break
    return count / (time.perf_counter() - start)


def training(parser: ConfigParser, batches: int) -> tuple[float, float]:
    """Samples a second of the training, and the share of its time that is spent waiting, after the first batch."""
    network, loss = parser.get_parsed_content("network"), parser.get_parsed_content("loss_function")
    optimizer, prepare = parser.get_parsed_content("optimizer"), parser.get_parsed_content("prepare_batch")
    inferer, device = parser.get_parsed_content("train::inferer"), parser.get_parsed_content("device")
    network.train()
    waited, count, start = 0.0, 0, 0.0
    mark = time.perf_counter()
    for i, batch in enumerate(parser.get_parsed_content("train::dataloader")):
        waited += time.perf_counter() - mark
        if i == 0:  # starting workers and opening files is no part of the rate
            waited, start = 0.0, time.perf_counter()
        else:
            count += batch["image"].shape[0]
        image, targets = prepare(batch, device)
        optimizer.zero_grad(set_to_none=True)
        with bf16_autocast(device, parser.get_parsed_content("amp")):
            outputs = inferer(image, network)
        loss(outputs, targets)["loss"].backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if i == batches:
            break
        mark = time.perf_counter()
    seconds = time.perf_counter() - start
    return count / seconds, waited / seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(path.name for path in (REPOSITORY / "bundles").iterdir())
    parser.add_argument("--bundle", required=True, choices=names)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="prepared data of that bundle")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the figures")
    parser.add_argument("--size", type=int, nargs=2, help="height and width, where the bundle has that value")
    parser.add_argument("--batches", type=int, default=40, help="batches measured (default 40)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="numbers of loader processes")
    options = parser.parse_args(arguments)
    overrides = {"size": options.size} if options.size else {}
    rows = []
    for workers in options.workers:
        made = [pipeline(options.bundle, options.dataset_dir, workers, **overrides) for _ in range(2)]
        rate = loader_rate(made[0], options.batches)
        trained, waiting = training(made[1], options.batches)
        row = {
            "workers": workers,
            "loader_samples_per_second": round(rate, 1),
            "training_samples_per_second": round(trained, 1),
            "waiting_fraction": round(waiting, 4),
        }
        rows.append(row)
        print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    settings = {"bundle": options.bundle, "method": "HPS", "backbone": "resnet18", "stem": "conv7x7", **overrides}
    settings |= {"threads": torch.get_num_threads(), "batch_size": made[1].get_parsed_content("batch_size")}
    write_json(options.output, {"rows": rows, "provenance": provenance(settings)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
