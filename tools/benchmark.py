# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Measures loading, training and inference speed of a bundle's methods on this machine, on phantom data that it makes.

Everything measured is built from the bundle's own configs. Prints the figures and writes them as JSON with machine,
versions and commit. Takes some minutes a bundle.

example:
  python tools/benchmark.py openkbp --output docs/results/benchmark_openkbp.json
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ctan_monai.bundle import TrainingSetting
from ctan_monai.comparison import plan_runs
from ctan_monai.engines import use_bf16
from ctan_monai.networks import METHODS
from ctan_monai.utils import provenance
from ctan_monai.utils.files import write_json

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = sorted(path.parent.name for path in REPOSITORY.glob("bundles/*/configs"))
STEPS, SECONDS = 60, 60.0  # waiting for data is measured over this many steps, or over this time if they take longer


def prepared_phantom(bundle: str, folder: Path, patients: int | None) -> Path:
    """Prepared phantom data, made by the tools that a user runs; None: as many patients as they make by default."""
    release, prepared = folder / "release", folder / "prepared"
    number = [] if patients is None else ["--patients", str(patients)]
    for command in (
        ["make_phantom.py", bundle, "--output", str(release), "--seed", "0", *number],
        ["prepare_data.py", bundle, "--source", str(release), "--output", str(prepared)],
    ):
        tool = REPOSITORY / "tools" / command[0]
        subprocess.run([sys.executable, str(tool), *command[1:]], check=True, stdout=subprocess.DEVNULL)
    return prepared


def setting(bundle: str, values: Mapping[str, Any]) -> TrainingSetting:
    """A bundle's training with the benchmark's values."""
    return TrainingSetting(REPOSITORY / "bundles" / bundle, [], {"stem": "conv7x7", "pretrained": False, **values})


def median_ms(action: Callable[[], None], repeats: int) -> float:
    """Median time of an action in ms, after two runs that do not count."""
    times = []
    for i in range(repeats + 2):
        start = time.perf_counter()
        action()
        if i >= 2:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def samples_per_second(trained: TrainingSetting) -> float:
    """Samples a second that the loader gives, over whole epochs, when nothing else is done."""
    for _ in trained.loader:  # the first pass reads the files
        pass
    start, count = time.perf_counter(), 0
    for epoch in range(1, 4):
        trained.loader.set_epoch(epoch)
        count += sum(batch["image"].shape[0] for batch in trained.loader)
    return count / (time.perf_counter() - start)


def waiting_fraction(trained: TrainingSetting) -> float:
    """Part of a training epoch that is spent waiting for the loader."""
    waited, steps, epoch = 0.0, 0, 0
    start = mark = time.perf_counter()
    while True:
        epoch += 1
        trained.loader.set_epoch(epoch)
        for batch in trained.loader:
            waited += time.perf_counter() - mark
            trained.step(batch)
            steps += 1
            mark = time.perf_counter()
            if steps == STEPS or mark - start > SECONDS:
                return waited / (mark - start)


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory of this process so far: of the GPU, or resident on a CPU (which never falls)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure_loading(bundle: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The loader alone, and how long HPS on a resnet18, the quickest network and so the hardest case, waits for it."""
    rows = {}
    for workers in (0, 1, 2):
        trained = setting(bundle, {**values, "method": "HPS", "backbone": "resnet18", "num_workers": workers})
        rows[f"{workers} workers"] = {
            "samples_per_second": round(samples_per_second(trained), 1),
            "waiting_fraction": round(waiting_fraction(trained), 4),
        }
        print(f"loader, {workers} workers: {rows[f'{workers} workers']}", flush=True)
    return rows


def measure_methods(bundle: str, values: Mapping[str, Any], repeats: int) -> list[dict[str, Any]]:
    """Training step and inference of each method."""
    train = json.loads((REPOSITORY / "bundles" / bundle / "configs" / "train.json").read_text())
    runs = plan_runs(train, sorted(METHODS, key=lambda name: name != "HPS"))  # the others are compared to it
    rows = []
    for backbone in ("resnet18", "resnet50"):
        hps = 0.0
        for run in runs:
            trained = setting(bundle, {**values, **run.values, "backbone": backbone, "num_workers": 0})
            batch = next(iter(trained.loader))
            case = next(iter(trained["validate::dataloader"]))
            time_ms = median_ms(lambda: trained.step(batch), repeats)  # noqa: B023
            hps = time_ms if run.method == "HPS" else hps
            row = {
                "backbone": backbone,
                "stem": "conv7x7",
                "method": run.method if len(run.tasks) > 1 else f"{run.method} {run.tasks[0]}",
                "parameters_million": round(sum(p.numel() for p in trained["network"].parameters()) / 1e6, 2),
                "step_ms": round(time_ms, 1),
                "ms_per_sample": round(time_ms / batch["image"].shape[0], 1),
                "ratio_to_hps": round(time_ms / hps, 2),
                "inference_seconds_per_case": round(median_ms(lambda: trained.infer(case), 1) / 1000, 3),  # noqa: B023
                "peak_memory_mb_so_far": round(peak_memory_mb(trained["device"])),
            }
            rows.append(row)
            print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", choices=BUNDLES)
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the figures")
    parser.add_argument("--patients", type=int, help="of the phantom (default: the phantom's own)")
    parser.add_argument("--repeats", type=int, default=10, help="steps whose median is taken (default 10)")
    parser.add_argument(
        "--amp",
        choices=("auto", "true", "false"),
        default="auto",
        help="bfloat16: where this machine computes it natively (default), always or never",
    )
    parser.add_argument("--loading-only", action="store_true", help="leave the methods out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = prepared_phantom(arguments.bundle, Path(folder), arguments.patients)
        values = {"dataset_dir": str(data), "amp": arguments.amp}
        result: dict[str, Any] = {"loading": measure_loading(arguments.bundle, values)}
        if not arguments.loading_only:
            result["methods"] = measure_methods(arguments.bundle, values, arguments.repeats)
    precision = "bfloat16" if use_bf16(arguments.amp, "cuda" if torch.cuda.is_available() else "cpu") else "float32"
    settings = {"threads": torch.get_num_threads(), "repeats": arguments.repeats, "precision": precision}
    phantom = {"name": f"{arguments.bundle} phantom", "patients": arguments.patients}
    write_json(arguments.output, {**result, "provenance": provenance(settings, seed=0, data=phantom)})
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
