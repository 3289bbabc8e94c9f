# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trains many small networks side by side on one GPU, the data held there, for the tables of compare_methods.

A small network leaves most of a GPU idle, and a loader feeds one training at a time. Here slices and augmentation are
on the GPU, and each run's training step is a CUDA graph on a stream of its own. Networks, losses, weightings, order of
the samples, metrics and the functional test are the package's; settings are those of train.json and cpu.json, changed
by the grid file. What differs from the bundle: OpenKBP's CT is an 8-bit code (2.5 HU in soft tissue) and its dose has
steps of 0.1 Gy; validation does without RemoveFragmentsd, the test without loss of precision above float16. Times are
of runs side by side and say nothing about a method's cost.

examples:
  python tools/train_on_gpu.py pack --dataset_dir data/openkbp --output data/openkbp_packed
  python tools/train_on_gpu.py run --bundle openkbp --data data/openkbp_packed --grid grid.json --output runs/gpu
  python tools/train_on_gpu.py run --bundle ham10000 --data data/ham10000 --grid grid.json --output runs/gpu

A grid file is a list of groups of runs; those in docs/results/grids were run. A group has "table", "methods", and
optionally "weightings", "seeds", "set" (ids of train.json for all its runs; "network::NAME" is an argument of the
network), "section" ("test", or "validation" to leave the test cases alone) and "choose": an id whose value in the best
of the runs so far all later groups get, unless "more" says that another group belongs to the choice.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from gpu_data import DATA, pack

from ctan_monai.comparison import Run, plan_runs
from ctan_monai.comparison.collect import collect_result
from ctan_monai.data import independent_units
from ctan_monai.data.loader import StepSampler
from ctan_monai.handlers import DynamicWeightAverage, UncertaintyWeighting
from ctan_monai.handlers.functional_test import worth_of_parts
from ctan_monai.losses import MultiTaskLoss
from ctan_monai.metrics import comparison_metrics
from ctan_monai.networks import method
from ctan_monai.transforms import input_channels
from ctan_monai.utils import provenance
from ctan_monai.utils.files import write_json

CONFIGS = Path(__file__).resolve().parents[1] / "bundles"
AHEAD = 3  # steps that a run may be queued ahead: a full queue would hold up all runs
HEAVY = threading.Semaphore(3)  # threads that build, validate or test at a time; the others only replay their graphs


class Training:
    """One run: its network, its training step, and what it measured.

    Args:
        run: what to train.
        table: name of the table it belongs to.
        section: "test", or "validation" where the network is not to be tested.
        train: the bundle's train.json and cpu.json.
        given: values of the grid file.
        data: of :py:data:`gpu_data.DATA`, on the device.
        device: of the data.
    """

    def __init__(
        self,
        run: Run,
        table: str,
        section: str,
        train: Mapping[str, Any],
        given: Mapping[str, Any],
        data: Any,
        device: torch.device,
    ) -> None:
        self.run, self.table, self.section, self.given = run, table, section, dict(given)
        self.data, self.device = data, device
        plain = {k: v for k, v in train.items() if not isinstance(v, dict) and "@" not in str(v) and "$" not in str(v)}
        self.values: dict[str, Any] = {**plain, **given, **run.values}
        v = self.values
        torch.manual_seed(run.seed)
        extra = {k.removeprefix("network::"): x for k, x in given.items() if k.startswith("network::")}
        tasks = {task: train["available_tasks"][task] for task in run.tasks}
        inputs = (v["windows"], v["targets"], v["context"], v["position"]) if "windows" in v else ([[0, 1]] * 3,)
        self.network = method(run.method)(
            2, input_channels(*inputs), tasks, backbone=v["backbone"], stem=v["stem"], pretrained=False, **extra
        )
        self.network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = MultiTaskLoss(data.losses(v), run.tasks, uncertainty=run.weighting == "uncertainty").to(device)
        cuda = device.type == "cuda"
        rate = v["learning_rate"]
        self.rate = torch.tensor(rate, device=device) if cuda else rate
        self.optimizer = torch.optim.AdamW(
            [*self.network.parameters(), *self.loss.parameters()],
            lr=self.rate,
            weight_decay=v["weight_decay"],
            fused=True,
            capturable=cuda,
        )
        self.weighting: Callable[[Any], None] | None = None
        if run.weighting == "uncertainty":
            self.weighting = UncertaintyWeighting(self.loss).show
        elif run.weighting == "DWA":
            self.weighting = DynamicWeightAverage(self.loss, 2.0)
        self.steps = v["steps_per_epoch"]
        self.sampler = StepSampler(len(data.trained), run.seed, self.steps * v["batch_size"])
        self.inputs: dict[str, torch.Tensor] = {}
        self.place = torch.zeros(1, dtype=torch.long, device=device)
        self.sums = torch.zeros(2, len(run.tasks), device=device)
        self.graph: Any = None
        self.training_log: list[dict[str, float]] = []
        self.validation_log: list[dict[str, float]] = []
        self.best: tuple[float, int, dict[str, Any]] = (-math.inf, 0, {})
        self.functional: dict[str, Any] | None = None
        self.rows: list[Any] = []
        self.written = False

    def autocast(self) -> Any:
        """bfloat16 on a GPU."""
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    def step(self) -> None:
        """One optimization step, on the batch at ``place``."""
        image, targets = self.data.batch(
            {name: x.index_select(0, self.place)[0] for name, x in self.inputs.items()}, self.values
        )
        with self.autocast():
            output = self.loss(self.network(image), targets)
        output["loss"].backward()
        self.optimizer.step()
        values = torch.stack([output["task_losses"][t].float() for t in self.run.tasks])
        counts = torch.stack([output["task_counts"][t].float() for t in self.run.tasks])
        self.sums.add_(torch.stack([values * counts, counts]))
        self.place.add_(1)

    def capture(self) -> None:
        """Record the step as a CUDA graph; weights and optimizer are then as before."""
        start = copy.deepcopy(self.network.state_dict()), copy.deepcopy(self.loss.state_dict())
        self.network.train()
        self.prepare_epoch(1)
        for _ in range(3):
            self.optimizer.zero_grad(set_to_none=True)
            self.step()
        torch.cuda.current_stream().synchronize()
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        # not torch.cuda.graph: it would wait for all the other runs
        self.graph.capture_begin(capture_error_mode="thread_local")
        self.step()
        self.graph.capture_end()
        self.network.load_state_dict(start[0])
        self.loss.load_state_dict(start[1])
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()

    def prepare_epoch(self, epoch: int) -> None:
        """Order and augmentation of an epoch, which depend on (seed, epoch) alone."""
        self.sampler.set_epoch(epoch)
        shape = (self.steps, self.values["batch_size"])
        drawn = self.data.draw(shape, np.random.default_rng((self.run.seed, epoch)), self.values)
        drawn["index"] = np.array([self.data.trained[i] for i in self.sampler]).reshape(shape)
        for name, array in drawn.items():
            values = torch.from_numpy(array)
            if name in self.inputs:
                self.inputs[name].copy_(values)
            else:
                self.inputs[name] = values.to(self.device)
        self.place.zero_()
        self.sums.zero_()

    def train(self) -> None:
        """All epochs, with validation."""
        v = self.values
        low, epochs = v["final_learning_rate"], v["max_epochs"]
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            with HEAVY:
                self.network.train()
                self.prepare_epoch(epoch)
            rate = low + (v["learning_rate"] - low) * (1 + math.cos(math.pi * (epoch - 1) / epochs)) / 2
            self.set_rate(rate)
            weights = self.loss.weights.tolist()
            if self.graph is None:
                for _ in range(self.steps):
                    self.optimizer.zero_grad(set_to_none=True)
                    self.step()
            else:
                events = [torch.cuda.Event(blocking=True) for _ in range(AHEAD)]
                for number in range(self.steps):
                    events[number % AHEAD].synchronize()
                    self.graph.replay()
                    events[number % AHEAD].record()
            total, count = self.sums.tolist()
            means = [a / max(b, 1) for a, b in zip(total, count, strict=True)]
            row = {"epoch": epoch}
            for task, mean, weight in zip(self.run.tasks, means, weights, strict=True):
                row |= {f"{task}_loss": mean, f"{task}_weight": weight}
            row |= {"loss": sum(w * m for w, m in zip(weights, means, strict=True)), "learning_rate": rate}
            self.training_log.append({**row, "seconds": time.perf_counter() - began})
            if self.weighting is not None:
                metrics = {f"{t}_loss": m for t, m in zip(self.run.tasks, means, strict=True)}
                self.weighting(SimpleNamespace(state=SimpleNamespace(metrics=metrics)))
            if epoch % v["val_interval"] == 0 or epoch == epochs:
                with HEAVY:
                    self.validate(epoch)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate, in the graph as well."""
        if isinstance(self.rate, torch.Tensor):
            self.rate.fill_(rate)
        else:
            for group in self.optimizer.param_groups:
                group["lr"] = rate

    def validate(self, epoch: int) -> None:
        """Measure on the validation cases and keep the best network."""
        began = time.perf_counter()
        scores, _ = self.scores()
        self.validation_log.append({"epoch": epoch, **scores, "seconds": time.perf_counter() - began})
        if scores["score"] > self.best[0]:
            self.best = (scores["score"], epoch, copy.deepcopy(self.network.state_dict()))

    @torch.no_grad()
    def outputs(self, section: str) -> Iterator[tuple[slice, dict[str, torch.Tensor]]]:
        """The network's outputs on a section, many slices or images at a time."""
        self.network.eval()
        size = (1408 if self.device.type == "cuda" else 32) // (4 if self.values["stem"] == "conv3x3" else 1)
        count = self.data.count(section)
        for first in range(0, count, size):
            part = slice(first, min(first + size, count))
            with self.autocast():
                output = self.network(self.data.images(section, part, self.values))
            yield part, output

    def scores(self) -> Any:
        """On the validation cases."""
        return self.data.scores("validation", self.outputs("validation"), self.run.tasks, self.values)

    def test_parts(self) -> None:
        """The functional test, on the validation cases."""
        units = independent_units(self.data.cases["validation"])
        whole, _, parts = worth_of_parts(self.network, self.scores, units)
        self.functional = {**whole, "cases": len(units), "parts": parts}

    def everything(self, scratch: Path, measure: Callable[[Path], list[Any]]) -> None:
        """Train, test the parts, and hand the test predictions to those who measure them."""
        if self.device.type == "cuda":
            with HEAVY:
                self.capture()
        self.train()
        with HEAVY:
            self.network.load_state_dict(self.best[2])
            self.test_parts()
            if self.section == "test":
                folder = scratch / f"{self.table}_{self.run.name}"
                folder.mkdir(parents=True)
                self.data.save(self.outputs("test"), folder, self.values)
                self.rows = measure(folder)
            self.graph = None

    def write(self, output: Path, bundle: str, about: Mapping[str, Any]) -> None:
        """The run's folder as the bundle would write it, and the result file of compare_methods."""
        folder = output / "folders" / self.table / self.run.name
        (folder / "evaluation").mkdir(parents=True, exist_ok=True)
        for name, log in (("training_log", self.training_log), ("validation_log", self.validation_log)):
            with open(folder / f"{name}.csv", "w", newline="") as stream:
                writer = csv.DictWriter(stream, log[0])
                writer.writeheader()
                writer.writerows(log)
        record = {
            **provenance(None, self.run.seed, about),
            "values": self.values,
            "max_epochs": self.values["max_epochs"],
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "best": {"epoch": self.best[1], "score": self.best[0]},
            "functional_test": self.functional,
        }
        write_json(folder / "training.json", record)
        result = output / self.table / f"{self.run.name}.json"
        if self.section != "test":
            write_json(result, {**record, "training_log": self.training_log, "validation_log": self.validation_log})
            return
        evaluation = self.data.evaluation([row.get() for row in self.rows])
        evaluation["provenance"] = provenance(None, self.run.seed, {**about, "section": self.section})
        write_json(folder / "evaluation" / "evaluation.json", evaluation)
        settings = {**self.run.values, "config_files": ["cpu.json"], **self.given}
        write_json(result, collect_result(folder, self.run, settings, comparison_metrics(bundle)))

    def brief(self) -> str:
        """A line for the screen: validation, and what each part is worth in thousandths of the score."""
        found = " ".join(f"{task} {self.functional[task]:.4f}" for task in self.run.tasks) if self.functional else ""
        parts = " ".join(f"{k} {1000 * p['loss']:+.1f}" for k, p in (self.functional or {}).get("parts", {}).items())
        seconds = sum(row["seconds"] for row in self.training_log)
        each = 1000 * seconds / max(self.steps * len(self.training_log), 1)
        given = ", ".join(f"{k} {x}" for k, x in self.given.items())
        return (
            f"{self.table} {self.run.name} ({given}): best {self.best[0]:.4f} at epoch {self.best[1]}, "
            f"{each:.1f} ms a step, {found}; {parts}"
        )


_MEASURED: Any = None  # the data set, in the processes that measure


def measure_case(folder: Path, number: int) -> dict[str, Any]:
    """All metrics of one test case; in a process that never sees the GPU."""
    torch.set_num_threads(1)
    result: dict[str, Any] = _MEASURED.measure(folder, number)
    return result


class Grid:
    """Trains a grid file's runs, several at a time, group after group where one chooses a value for the next.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        global _MEASURED
        self.options, self.began = options, time.perf_counter()
        options.output.mkdir(parents=True, exist_ok=True)
        self.device = torch.device(options.device)
        configs = CONFIGS / options.bundle / "configs"
        self.train = {
            k: v for name in ("train", "cpu") for k, v in json.loads((configs / f"{name}.json").read_text()).items()
        }
        self.data = DATA[options.bundle](options.data, options.workers)
        _MEASURED = self.data
        # before the first call to CUDA: the processes are forked, and share the test cases
        self.pool = multiprocessing.get_context("fork").Pool(options.workers)
        self.data.to(self.device)
        self.about = {**self.data.about, "cases": {k: len(v) for k, v in self.data.cases.items()}}
        self.scratch = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.done: list[Training] = []
        self.chosen: dict[str, Any] = {}
        self.writing = threading.Lock()
        self.say(f"data on {self.device}: {self.about['cases']}")

    def say(self, text: str) -> None:
        """Print a line with the time."""
        print(f"{time.perf_counter() - self.began:.1f} s: {text}", flush=True)

    def run(self) -> None:
        """Train all; a run that fails does not stop the others."""
        stage: list[tuple[Run, Mapping[str, Any]]] = []
        for group in json.loads(self.options.grid.read_text()):
            runs = plan_runs(self.train, group["methods"], group.get("weightings", ["DWA"]), group.get("seeds", [0]))
            stage += [(run, group) for run in runs]
            if "choose" in group and not group.get("more"):
                self.train_all(stage)
                self.choose(group["choose"], group["table"])
                stage = []
        self.train_all(stage)
        self.say("trained")
        self.write(wait=True)
        self.pool.close()
        self.pool.join()
        self.say("written")

    def write(self, wait: bool = False) -> None:
        """Write the runs that are measured, so that what ends the program early costs only the others."""
        with self.writing:
            for training in self.done:
                if not training.written and (wait or all(row.ready() for row in training.rows)):
                    training.write(self.options.output, self.options.bundle, self.about)
                    training.written = True

    def choose(self, key: str, table: str) -> None:
        """Take the value with the best mean validation score over the runs of a table whose name begins alike."""
        scores: dict[Any, list[float]] = {}
        for training in self.done:
            if training.table.startswith(table.rpartition("_")[0]):
                scores.setdefault(training.values[key], []).append(training.best[0])
        means = {value: statistics.fmean(found) for value, found in scores.items()}
        self.chosen[key] = max(means, key=lambda value: means[value])
        self.say(f"{key}: {', '.join(f'{k} {v:.4f}' for k, v in means.items())}; chosen {self.chosen[key]}")

    def train_all(self, stage: Sequence[tuple[Run, Mapping[str, Any]]]) -> None:
        """Train the runs of a stage, as many side by side as asked for."""
        todo = list(stage)

        def work() -> None:
            while todo and time.perf_counter() - self.began < self.options.stop_after:
                run, group = todo.pop(0)
                try:
                    stream = torch.cuda.Stream() if self.device.type == "cuda" else None
                    with torch.cuda.stream(stream) if stream is not None else nullcontext():
                        self.one(run, group)
                except Exception:
                    self.say(f"{group['table']} {run.name} failed: {traceback.format_exc()}")

        count = self.options.side_by_side if self.device.type == "cuda" else 1
        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if todo:
            self.say(f"not begun: {', '.join(run.name for run, _ in todo)}")

    def one(self, run: Run, group: Mapping[str, Any]) -> None:
        """One run from its beginning to its end."""
        given = {**self.chosen, **group.get("set", {})}
        section, table = group.get("section", "test"), group["table"]
        with HEAVY:
            training = Training(run, table, section, self.train, given, self.data, self.device)
        cases = len(self.data.cases["test"])
        training.everything(
            self.scratch,
            lambda folder: [self.pool.apply_async(measure_case, (folder, number)) for number in range(cases)],
        )
        self.done.append(training)
        self.say(training.brief())
        if f"{table}/{run.name}" in self.options.keep_weights:
            # half precision, as packed bundles have them
            halves = {k: (x.half() if x.is_floating_point() else x).cpu() for k, x in training.best[2].items()}
            torch.save(halves, self.options.output / f"{table}_{run.name}.pt")
        self.write()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack", help="make OpenKBP's packed data")
    packing.add_argument("--dataset_dir", type=Path, required=True, help="prepared data (tools/prepare_data.py)")
    packing.add_argument("--output", type=Path, required=True)
    packing.add_argument("--patients", type=int, help="of each section, the first ones (default: all)")
    packing.add_argument("--workers", type=int, default=1)
    packing.set_defaults(call=lambda o: pack(o.dataset_dir, o.output, o.patients, o.workers))
    running = commands.add_parser("run", help="train a grid of runs")
    running.add_argument("--bundle", choices=list(DATA), required=True)
    running.add_argument("--data", type=Path, required=True, help="OpenKBP: packed data; HAM10000: prepared data")
    running.add_argument("--grid", type=Path, required=True, help="groups of runs")
    running.add_argument("--output", type=Path, required=True)
    running.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    running.add_argument("--side_by_side", type=int, default=12, help="runs at a time (default: 12)")
    running.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that read and measure")
    running.add_argument(
        "--keep_weights", nargs="*", default=[], metavar="TABLE/RUN", help="runs whose weights to keep"
    )
    running.add_argument("--stop_after", type=float, default=math.inf, metavar="SECONDS", help="begin no run after")
    running.set_defaults(call=lambda o: Grid(o).run())
    options = parser.parse_args(arguments)
    options.call(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
