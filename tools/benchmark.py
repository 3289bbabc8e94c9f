# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Measures loading, training and inference speed of the four methods on this machine, on phantom data it makes.

Prints a table and writes it as JSON with machine, versions and commit. Takes some minutes.

example:
  python tools/benchmark.py --output docs/results/benchmark.json
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.data import Dataset
from monai.inferers import SliceInferer
from monai.transforms import Compose, SelectItemsd, ToTensord

from ctan_monai.data import EpochDataLoader, expand_slices, read_datalist
from ctan_monai.engines import PrepareMultiTaskBatch, bf16_autocast
from ctan_monai.losses import ComboLoss, DoseMAELoss, MultiTaskLoss
from ctan_monai.networks import CTAN, HPS, MTAN, STL
from ctan_monai.reports import provenance, write_json
from ctan_monai.transforms import LoadAxialSliced, StackWindowsd

WINDOWS = [[-160, 240], [-450, 1050], [-1024, 1024]]
TASKS = {
    "segmentation": {"level": "pixel", "out_channels": 5},
    "dose": {"level": "pixel", "out_channels": 1},
}
BATCH = 8


def phantom(folder: Path) -> Path:
    """Prepared phantom data, made by the tools that a user runs."""
    tools = Path(__file__).resolve().parent
    release, prepared = folder / "release", folder / "prepared"
    for command in (
        ["make_phantom.py", "openkbp", "--output", str(release), "--patients", "6", "--seed", "0"],
        ["prepare_data.py", "openkbp", "--source", str(release), "--output", str(prepared)],
    ):
        subprocess.run([sys.executable, str(tools / command[0]), *command[1:]], check=True, stdout=subprocess.DEVNULL)
    return prepared


def loader(prepared: Path, workers: int) -> EpochDataLoader:
    """The training loader of the openkbp bundle."""
    transform = Compose(
        [
            LoadAxialSliced(["image", "segmentation", "dose"]),
            StackWindowsd("image", WINDOWS),
            ToTensord("segmentation_present", track_meta=False),
            SelectItemsd(["image", "segmentation", "segmentation_present", "dose"]),
        ]
    )
    cases = read_datalist(prepared, "training", list(TASKS))
    return EpochDataLoader(
        Dataset(expand_slices(cases), transform), seed=0, batch_size=BATCH, shuffle=True, num_workers=workers
    )


def samples_per_second(prepared: Path, workers: int) -> float:
    """Slices a second that the loader gives, over whole epochs, when nothing else is done."""
    batches = loader(prepared, workers)
    for _ in batches:  # the first pass reads the files
        pass
    start, count = time.perf_counter(), 0
    for epoch in range(1, 4):
        batches.set_epoch(epoch)
        count += sum(batch["image"].shape[0] for batch in batches)
    return count / (time.perf_counter() - start)


class Step:
    """One training step of a method, as the bundle does it."""

    def __init__(self, method: type, tasks: dict[str, Any], backbone: str, device: torch.device, amp: bool) -> None:
        torch.manual_seed(0)
        self.device, self.amp = device, amp
        self.network = method(2, 3, tasks, backbone=backbone, stem="conv7x7").to(
            device, memory_format=torch.channels_last
        )
        self.network.train()
        losses = {"segmentation": ComboLoss(), "dose": DoseMAELoss(70.0)}
        self.loss = MultiTaskLoss(losses, list(tasks)).to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-4)
        self.prepare = PrepareMultiTaskBatch(list(tasks), channels_last=True)

    def __call__(self, batch: dict[str, torch.Tensor]) -> None:
        image, targets = self.prepare(batch, self.device)
        self.optimizer.zero_grad(set_to_none=True)
        with bf16_autocast(self.device, self.amp):
            outputs = self.network(image)
        self.loss(outputs, targets)["loss"].backward()
        self.optimizer.step()
        synchronize(self.device)


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that a clock measures its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_ms(action: Callable[[], None], repeats: int) -> float:
    """Median time of an action in ms, after two runs that do not count."""
    times = []
    for i in range(repeats + 2):
        start = time.perf_counter()
        action()
        if i >= 2:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def waiting_fraction(prepared: Path, step: Step, workers: int, limit: int) -> float:
    """Part of a training epoch that is spent waiting for the loader (HPS is the quickest method: the hardest case)."""
    batches = loader(prepared, workers)
    batches.set_epoch(1)
    waited, start = 0.0, time.perf_counter()
    mark = start
    for i, batch in enumerate(batches):
        waited += time.perf_counter() - mark
        step(batch)
        mark = time.perf_counter()
        if i + 1 == limit:
            break
    return waited / (time.perf_counter() - start)


def seconds_per_patient(step: Step) -> float:
    """Time of one 128 x 128 x 128 patient through the network, slice by slice."""
    inferer = SliceInferer(roi_size=(128, 128), spatial_dim=2, sw_batch_size=8)
    image = torch.rand(1, 3, 128, 128, 128, device=step.device)
    step.network.eval()
    start = time.perf_counter()
    with torch.inference_mode(), bf16_autocast(step.device, step.amp):
        inferer(image, step.network)
    synchronize(step.device)
    step.network.train()
    return time.perf_counter() - start


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory of this process so far: of the GPU, or resident on a CPU (which never falls)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure(prepared: Path, repeats: int, device: torch.device, amp: bool) -> dict[str, Any]:
    """All figures."""
    result: dict[str, Any] = {"loader_samples_per_second": {}, "methods": []}
    for workers in (0, 2):
        result["loader_samples_per_second"][f"{workers} workers"] = round(samples_per_second(prepared, workers), 1)
    batch = next(iter(loader(prepared, 0)))
    methods: list[tuple[str, type, dict[str, Any]]] = [
        ("HPS", HPS, TASKS),
        ("STL segmentation", STL, {"segmentation": TASKS["segmentation"]}),
        ("STL dose", STL, {"dose": TASKS["dose"]}),
        ("MTAN", MTAN, TASKS),
        ("CTAN", CTAN, TASKS),
    ]
    for backbone in ("resnet18", "resnet50"):
        hps = 0.0
        for name, method, tasks in methods:
            step = Step(method, tasks, backbone, device, amp)
            time_ms = median_ms(lambda: step(batch), repeats)  # noqa: B023
            hps = time_ms if name == "HPS" else hps
            row = {
                "backbone": backbone,
                "stem": "conv7x7",
                "method": name,
                "parameters_million": round(sum(p.numel() for p in step.network.parameters()) / 1e6, 2),
                "step_ms": round(time_ms, 1),
                "ms_per_slice": round(time_ms / BATCH, 1),
                "ratio_to_hps": round(time_ms / hps, 2),
                "seconds_per_patient": round(seconds_per_patient(step), 2),
                "peak_memory_mb_so_far": round(peak_memory_mb(device)),
            }
            if name == "HPS" and backbone == "resnet18":
                for workers in (0, 1, 2):
                    fraction = waiting_fraction(prepared, step, workers, limit=60)
                    result[f"waiting_fraction_{workers}_workers"] = round(fraction, 4)
            result["methods"].append(row)
            print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the figures")
    parser.add_argument("--repeats", type=int, default=10, help="steps whose median is taken (default 10)")
    parser.add_argument("--no-amp", action="store_true", help="float32 in place of bfloat16 autocast")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(max(torch.get_num_threads(), 1))
    with tempfile.TemporaryDirectory() as folder:
        result = measure(phantom(Path(folder)), arguments.repeats, device, amp=not arguments.no_amp)
    settings = {
        "image": "128x128, 3 channels",
        "batch": BATCH,
        "precision": "float32" if arguments.no_amp else "bfloat16 autocast",
        "threads": torch.get_num_threads(),
        "device": device.type,
    }
    record = {**result, "provenance": provenance(settings, seed=0, data={"name": "OpenKBP phantom, 6 patients"})}
    write_json(arguments.output, record)
    for key, value in result.items():
        if key != "methods":
            print(f"{key}: {value}")
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
