# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trains many small networks side by side on one GPU, with the OpenKBP data held there, for compare_methods' tables.

A small network leaves most of a GPU idle, and the bundle's loader feeds one training at a time. Here the slices are on
the GPU, augmentation too, and each run's training step is one CUDA graph on a stream of its own. Networks, losses,
weightings, order of the slices, metrics and the functional test are the package's. What differs from the bundle:
CT as 8-bit codes (2.5 HU in soft tissue), dose in steps of 0.1 Gy, and no RemoveFragmentsd during validation; the
test patients are measured with it. Times are of runs side by side and say nothing about a method's cost.

examples:
  python tools/train_on_gpu.py pack --dataset_dir data/openkbp --output data/openkbp_packed
  python tools/train_on_gpu.py run --packed data/openkbp_packed --grid tools/openkbp_grid.json --output runs/gpu
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import lzma
import math
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

from ctan_monai.comparison import Run, comparison_metrics, plan_runs
from ctan_monai.comparison.collect import collect_result
from ctan_monai.data.loader import StepSampler
from ctan_monai.files import write_json
from ctan_monai.handlers import DynamicWeightAverage, UncertaintyWeighting
from ctan_monai.handlers.functional_test import paired_interval
from ctan_monai.losses import ComboLoss, DoseMAELoss, MultiTaskLoss
from ctan_monai.metrics import RadiotherapyReference, radiotherapy_metrics, summarise
from ctan_monai.networks import channel_means, method, neutral_parts, neutralize
from ctan_monai.reports import provenance
from ctan_monai.transforms import MaskBodyd, RemoveFragmentsd

REPOSITORY = Path(__file__).resolve().parents[1]
SECTIONS = ("training", "validation", "test")
SIZE = 128  # voxels along each axis of an OpenKBP volume
CODES = np.interp(np.arange(256), [0, 18, 40, 210, 255], [-1024, -450, -160, 240, 1050]).astype(np.float32)
DOSE_STEP = 0.1  # Gy
LABELS = {"brainstem": 1, "spinal_cord": 2, "right_parotid": 3, "left_parotid": 4}
SWAPPED = (0, 1, 2, 4, 3)  # labels of a patient mirrored left to right
TASKS = {
    "segmentation": {"level": "pixel", "out_channels": len(LABELS) + 1},
    "dose": {"level": "pixel", "out_channels": 1},
}
DEFAULTS: dict[str, Any] = {  # ids of the bundle's train.json
    "backbone": "resnet18_half",
    "stem": "conv7x7",
    "max_epochs": 10,
    "steps_per_epoch": 400,
    "batch_size": 16,
    "learning_rate": 0.001,
    "final_learning_rate": 1e-05,
    "weight_decay": 1e-05,
    "mirror_probability": 0.5,
    "augment_probability": 0.5,
    "val_interval": 2,
    "windows": [[-160, 240], [-450, 1050], [-1024, 1024]],
    "dose_scale": 70.0,
    "min_fragment": 0.1,
    "optimizer::_target_": "torch.optim.AdamW",
}


# --- the packed data ---


def pack(options: argparse.Namespace) -> None:
    """Write each patient as one compressed file, small enough to be sent to another machine."""
    from ctan_monai.data.prepared import load_datalist, read_datalist

    jobs = [
        (case, section, options.output / section)
        for section in SECTIONS
        for case in read_datalist(options.dataset_dir, section)[: options.patients]
    ]
    for section in SECTIONS:
        (options.output / section).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.workers) as pool:
        facts = list(pool.map(pack_case, jobs))
    datalist = load_datalist(options.dataset_dir)
    about = {key: datalist.get(key) for key in ("name", "reference", "licence", "provenance")}
    about["provenance"] = {k: about["provenance"].get(k) for k in ("source", "split")}
    content = {section: [f for f, job in zip(facts, jobs, strict=True) if job[1] == section] for section in SECTIONS}
    write_json(options.output / "manifest.json", {"about": about, **content})
    total = sum(path.stat().st_size for path in options.output.rglob("*.xz")) / 1e6
    print(f"{len(jobs)} patients in {options.output}, {total:.0f} MB")


def pack_case(job: tuple[Mapping[str, Any], str, Path]) -> dict[str, Any]:
    """Write one patient; returns what the manifest says of it."""
    import nibabel as nib
    from monai.data import MetaTensor

    case, section, folder = job

    def array(path: str) -> np.ndarray:
        return np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]

    ct = array(case["image"]).astype(np.float32)
    masked = MaskBodyd("image")({"image": MetaTensor(torch.from_numpy(ct)[None])})
    planes = [masked["body"][0].numpy() > 0] if section != "training" else []
    if section != "training":
        ct = masked["image"][0].numpy()
    codes = np.rint(np.interp(ct, CODES, np.arange(256))).astype(np.uint8)
    steps = np.rint(array(case["dose"]) / DOSE_STEP).astype(np.int16).transpose(2, 1, 0)
    change = np.diff(steps, axis=2, prepend=np.int16(0)).view(np.uint16)
    structures = case.get("structures", {}) if section == "test" else {}
    if section == "test":
        planes += [array(case["possible_dose_mask"]) > 0, *(array(path) > 0 for path in structures.values())]
    parts = [
        codes.transpose(2, 1, 0),
        array(case["segmentation"]).astype(np.uint8).transpose(2, 1, 0),
        (change & 255).astype(np.uint8),
        (change >> 8).astype(np.uint8),
        *(np.packbits(plane.transpose(2, 1, 0)) for plane in planes),
    ]
    content = lzma.compress(b"".join(np.ascontiguousarray(p).tobytes() for p in parts), preset=4)
    (folder / f"{case['case_id']}.xz").write_bytes(content)
    facts = {key: case[key] for key in ("case_id", "spacing", "segmentation_present", "body_slices")}
    return {**facts, "structures": list(structures)}


def unpack_case(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """CT codes, labels, dose steps (Z, X, Y) and bit planes of a packed patient."""
    data = np.frombuffer(lzma.decompress(path.read_bytes()), np.uint8)
    voxels = SIZE**3

    def volume(k: int) -> np.ndarray:
        return data[k * voxels : (k + 1) * voxels].reshape(SIZE, SIZE, SIZE).transpose(0, 2, 1)

    change = (volume(2).astype(np.uint16) | (volume(3).astype(np.uint16) << 8)).view(np.int16)
    steps = np.cumsum(change, axis=1, dtype=np.int16)  # the differences ran along x
    bits = data[4 * voxels :].reshape(-1, voxels // 8)
    planes = [np.unpackbits(b).reshape(SIZE, SIZE, SIZE).transpose(0, 2, 1).astype(bool) for b in bits]
    return volume(0), volume(1), steps, planes


class Section:
    """One section of the data on the device, all slices of all its patients in a row.

    Attributes:
        codes, labels, steps: (N, X, Y), N slices; ``body`` likewise, for validation and test.
        present: (N, 4), whether each organ was contoured in the slice's patient.
        cases: the manifest's entries.
    """

    def __init__(self, folder: Path, cases: list[dict[str, Any]], device: torch.device, workers: int) -> None:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
            found = list(pool.map(unpack_case, [folder / f"{case['case_id']}.xz" for case in cases]))
        self.cases = cases
        self.planes = [planes for *_, planes in found]
        self.codes = torch.from_numpy(np.concatenate([f[0] for f in found]))
        self.labels = torch.from_numpy(np.concatenate([f[1] for f in found]))
        self.steps = torch.from_numpy(np.concatenate([f[2] for f in found]))
        has_body = [planes[0] for planes in self.planes if planes]
        self.body = torch.from_numpy(np.concatenate(has_body)) if has_body else torch.empty(0)
        present = torch.tensor([case["segmentation_present"] for case in cases], dtype=torch.float32)
        self.present = present.repeat_interleave(SIZE, dim=0)
        self.trained = [SIZE * i + k for i, case in enumerate(cases) for k in case["body_slices"]]

    def to(self, device: torch.device) -> Section:
        """Move the arrays."""
        for name in ("codes", "labels", "steps", "body", "present"):
            setattr(self, name, getattr(self, name).to(device))
        self.decode = torch.from_numpy(CODES).to(device)
        return self


def windowed(hu: torch.Tensor, windows: Sequence[Sequence[float]]) -> torch.Tensor:
    """(B, X, Y) in HU to (B, windows, X, Y) in [0, 1], as StackWindowsd."""
    return torch.stack([((hu - low) / (high - low)).clamp(0, 1) for low, high in windows], dim=1)


# --- one run ---


class Training:
    """One run: its network, its training step, and what it measured.

    Args:
        run: what to train.
        table: name of the table it belongs to.
        section: "test" or "validation", where the finished network is measured.
        values: ids of train.json; those that begin with "network::" are arguments of the network.
        data: the sections, on the device.
        device: of them.
    """

    def __init__(
        self,
        run: Run,
        table: str,
        section: str,
        values: Mapping[str, Any],
        data: Mapping[str, Section],
        device: torch.device,
    ) -> None:
        self.run, self.table, self.section, self.data, self.device = run, table, section, data, device
        self.given = dict(values)
        self.values = {**DEFAULTS, **values}
        v = self.values
        torch.manual_seed(run.seed)
        tasks = {task: TASKS[task] for task in run.tasks}
        extra = {k.removeprefix("network::"): v[k] for k in v if k.startswith("network::")}
        self.network = method(run.method)(
            2, len(v["windows"]), tasks, backbone=v["backbone"], stem=v["stem"], pretrained=False, **extra
        )
        self.network.to(device, memory_format=torch.channels_last)
        losses = {"segmentation": ComboLoss(), "dose": DoseMAELoss(v["dose_scale"])}
        self.loss = MultiTaskLoss(losses, run.tasks, uncertainty=run.weighting == "uncertainty").to(device)
        cuda = device.type == "cuda"
        self.rate = torch.tensor(v["learning_rate"], device=device) if cuda else v["learning_rate"]
        parameters = [*self.network.parameters(), *self.loss.parameters()]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=self.rate, weight_decay=v["weight_decay"], fused=True, **({"capturable": True} if cuda else {})
        )
        self.weighting: Callable[[Any], None] | None = None
        if run.weighting == "uncertainty":
            self.weighting = UncertaintyWeighting(self.loss).show
        elif run.weighting == "DWA":
            self.weighting = DynamicWeightAverage(self.loss, 2.0)
        steps, batch = v["steps_per_epoch"], v["batch_size"]
        self.sampler = StepSampler(len(data["training"].trained), run.seed, steps * batch)
        self.index = torch.zeros(steps, batch, dtype=torch.long, device=device)
        self.theta = torch.zeros(steps, batch, 2, 3, device=device)
        self.mirror = torch.zeros(steps, batch, dtype=torch.bool, device=device)
        self.place = torch.zeros(1, dtype=torch.long, device=device)
        self.sums = torch.zeros(2, len(run.tasks), device=device)
        self.swapped = torch.tensor(SWAPPED, dtype=torch.uint8, device=device)
        self.ones = torch.ones(batch, device=device)
        self.stream = torch.cuda.Stream() if cuda else None
        self.graph: Any = None
        self.training_log: list[dict[str, float]] = []
        self.validation_log: list[dict[str, float]] = []
        self.best: tuple[float, int, dict[str, torch.Tensor]] = (-math.inf, 0, {})
        self.functional: dict[str, Any] | None = None
        self.rows: list[Any] = []
        self.error = ""

    def autocast(self) -> Any:
        """bfloat16 on a GPU."""
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    def batch(self) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The batch at ``place``: image and targets, augmented."""
        data = self.data["training"]
        index = self.index.index_select(0, self.place)[0]
        mirror = self.mirror.index_select(0, self.place)[0]
        theta = self.theta.index_select(0, self.place)[0]
        hu = data.decode[data.codes[index].long()]
        dose = data.steps[index].float() * DOSE_STEP
        labels, present = data.labels[index], data.present[index]
        flip = mirror[:, None, None]
        hu, dose = (torch.where(flip, x.flip(1), x) for x in (hu, dose))
        labels = torch.where(flip, self.swapped[labels.flip(1).long()], labels)
        present = torch.where(mirror[:, None], present[:, [0, 1, 3, 2]], present)
        grid = affine_grid(theta, [len(index), 1, SIZE, SIZE], align_corners=False)
        smooth = grid_sample(torch.stack([hu, dose], 1), grid, "bilinear", "border", align_corners=False)
        labels = grid_sample(labels[:, None].float(), grid, "nearest", "border", align_corners=False)
        image = windowed(smooth[:, 0], self.values["windows"]).contiguous(memory_format=torch.channels_last)
        targets = {"segmentation": labels, "segmentation_present": present, "dose": smooth[:, 1:]}
        return image, {**targets, "dose_present": self.ones}

    def step(self) -> None:
        """One optimization step."""
        image, targets = self.batch()
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
        assert self.stream is not None
        with torch.cuda.stream(self.stream):
            start = copy.deepcopy(self.network.state_dict()), copy.deepcopy(self.loss.state_dict())
            self.network.train()
            self.prepare_epoch(1)
            for _ in range(3):
                self.optimizer.zero_grad(set_to_none=True)
                self.step()
            self.stream.synchronize()
            self.optimizer.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            # not torch.cuda.graph: it would wait for all the other runs
            graph.capture_begin(capture_error_mode="thread_local")
            self.step()
            graph.capture_end()
            self.graph = graph
            self.network.load_state_dict(start[0])
            self.loss.load_state_dict(start[1])
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()
            self.sums.zero_()
            self.stream.synchronize()

    def prepare_epoch(self, epoch: int) -> None:
        """Order and augmentation of an epoch, which depend on (seed, epoch) alone."""
        v = self.values
        self.sampler.set_epoch(epoch)
        shape = tuple(self.index.shape)
        order = torch.tensor([self.data["training"].trained[i] for i in self.sampler]).reshape(shape)
        draw = np.random.default_rng((self.run.seed, epoch))
        angle = draw.uniform(-0.17, 0.17, shape)
        shift = draw.uniform(-6, 6, (*shape, 2)) / (SIZE / 2)
        scale = 1 + draw.uniform(-0.1, 0.1, (*shape, 2))
        turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(*shape, 2, 2)
        theta = np.concatenate([turn * scale[..., None, :], turn @ shift[..., None]], -1)
        augmented = draw.uniform(size=shape) < v["augment_probability"]
        theta = np.where(augmented[..., None, None], theta, np.eye(2, 3))
        self.index.copy_(order)
        self.theta.copy_(torch.from_numpy(theta))
        self.mirror.copy_(torch.from_numpy(draw.uniform(size=shape) < v["mirror_probability"]))
        self.place.zero_()

    def train(self) -> None:
        """All epochs, with validation."""
        v = self.values
        for epoch in range(1, v["max_epochs"] + 1):
            began = time.perf_counter()
            self.network.train()
            self.prepare_epoch(epoch)
            low = v["final_learning_rate"]
            rate = low + (v["learning_rate"] - low) * (1 + math.cos(math.pi * (epoch - 1) / v["max_epochs"])) / 2
            self.set_rate(rate)
            weights = self.loss.weights.tolist()
            self.sums.zero_()
            for _ in range(v["steps_per_epoch"]):
                if self.graph is not None:
                    self.graph.replay()
                else:
                    self.optimizer.zero_grad(set_to_none=True)
                    self.step()
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
            if epoch % v["val_interval"] == 0 or epoch == v["max_epochs"]:
                self.validate(epoch)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate, in the graph as well."""
        if isinstance(self.rate, torch.Tensor):
            self.rate.fill_(rate)
        else:
            for group in self.optimizer.param_groups:
                group["lr"] = rate

    def validate(self, epoch: int) -> None:
        """Measure on the validation patients and keep the best network."""
        began = time.perf_counter()
        scores, _ = self.scores("validation")
        found = {**scores, "seconds": time.perf_counter() - began}
        self.validation_log.append({"epoch": epoch, **found})
        if scores["score"] > self.best[0]:
            state = {k: value.clone() if torch.is_tensor(value) else value for k, value in self.network.state_dict().items()}
            self.best = (scores["score"], epoch, state)

    @torch.no_grad()
    def predictions(self, section: str) -> Iterator[tuple[slice, dict[str, torch.Tensor]]]:
        """Raw outputs of a section, several hundred slices at a time."""
        data = self.data[section]
        self.network.eval()
        count = 512 if self.device.type == "cuda" else 32
        count = count // 4 if self.values["stem"] == "conv3x3" else count
        for first in range(0, len(data.codes), count):
            part = slice(first, min(first + count, len(data.codes)))
            image = windowed(data.decode[data.codes[part].long()], self.values["windows"])
            with self.autocast():
                yield part, self.network(image.contiguous(memory_format=torch.channels_last))

    def scores(self, section: str) -> tuple[dict[str, float], np.ndarray]:
        """The validation score and each task's part in it; and the mean over tasks, case by case."""
        data = self.data[section]
        counts, doses = [], []
        for part, output in self.predictions(section):
            body = data.body[part]
            if "segmentation" in output:
                found, labels = output["segmentation"].argmax(1) * body, data.labels[part]
                each = []
                for label in LABELS.values():
                    p, r = found == label, labels == label
                    each.append(torch.stack([(p & r).sum((1, 2)), p.sum((1, 2)), r.sum((1, 2))], -1))
                counts.append(torch.stack(each, 1))
            if "dose" in output:
                dose = (output["dose"][:, 0] * self.values["dose_scale"]).clamp(min=0) * body
                reference = data.steps[part].float() * DOSE_STEP
                doses.append(torch.stack([(dose - reference).abs().sum((1, 2)), reference.sum((1, 2))], -1))
        by_case: dict[str, np.ndarray] = {}
        if counts:
            both, p, r = torch.cat(counts).reshape(-1, SIZE, len(LABELS), 3).sum(1).double().unbind(-1)
            by_case["segmentation"] = torch.where(r > 0, 2 * both / (p + r), torch.nan).nanmean(1).cpu().numpy()
        if doses:
            error, total = torch.cat(doses).reshape(-1, SIZE, 2).double().sum(1).unbind(-1)
            by_case["dose"] = (1 - error / total).cpu().numpy()
        means = {task: float(np.nanmean(by_case[task])) for task in self.run.tasks}
        return {"score": float(np.mean(list(means.values()))), **means}, np.mean(list(by_case.values()), axis=0)

    def test_parts(self) -> None:
        """The functional test of the best network, on the validation patients."""
        with channel_means(self.network) as means:
            whole, cases = self.scores("validation")
        parts = {}
        for part in neutral_parts(self.network):
            with neutralize(self.network, part, means):
                without, without_cases = self.scores("validation")
            losses = {"loss" if name == "score" else f"{name}_loss": whole[name] - without[name] for name in whole}
            parts[part] = {**losses, "interval": paired_interval(cases, without_cases)}
        self.functional = {**whole, "cases": len(cases), "parts": parts}

    def predict(self, folder: Path) -> Path:
        """Write label map and dose of all patients of the run's section, for ``measure_case``."""
        data = self.data[self.section]
        path = folder / f"{self.table}_{self.run.name}"
        path.mkdir(parents=True)
        found: dict[str, list[torch.Tensor]] = {}
        for _, output in self.predictions(self.section):
            if "segmentation" in output:
                found.setdefault("segmentation", []).append(output["segmentation"].argmax(1).to(torch.uint8).cpu())
            if "dose" in output:
                gy = (output["dose"][:, 0] * self.values["dose_scale"]).clamp(min=0)
                found.setdefault("dose", []).append((gy * 100).round().to(torch.int16).cpu())
        for task, pieces in found.items():
            volumes = torch.cat(pieces).reshape(len(data.cases), SIZE, SIZE, SIZE)
            np.save(path / f"{task}.npy", volumes.numpy())
        return path

    def everything(self, scratch: Path, measure: Callable[[Path, str], list[Any]]) -> None:
        """Train, test the parts and hand the predictions to those who measure them."""
        try:
            with torch.cuda.stream(self.stream) if self.stream is not None else nullcontext():
                self.train()
                self.network.load_state_dict(self.best[2])
                self.test_parts()
                if self.section == "test":
                    self.rows = measure(self.predict(scratch), self.section)
        except Exception:
            self.error = traceback.format_exc()
            print(self.run.name, self.error, flush=True)
        self.graph = None

    def write(self, output: Path, about: Mapping[str, Any]) -> None:
        """The run's folder as the bundle would write it, and the result file of compare_methods."""
        folder = output / "folders" / self.table / self.run.name
        (folder / "evaluation").mkdir(parents=True, exist_ok=True)
        for name, log in (("training_log", self.training_log), ("validation_log", self.validation_log)):
            with open(folder / f"{name}.csv", "w", newline="") as stream:
                writer = csv.DictWriter(stream, log[0])
                writer.writeheader()
                writer.writerows(log)
        values = {**self.values, **self.run.values}
        record = {
            **provenance(None, self.run.seed, about),
            "values": values,
            "max_epochs": values["max_epochs"],
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "best": {"epoch": self.best[1], "score": self.best[0]},
            "trained_by": "tools/train_on_gpu.py",
            "functional_test": self.functional,
        }
        write_json(folder / "training.json", record)
        if self.section != "test":
            write_json(output / self.table / f"{self.run.name}.json", {**record, "validation_log": self.validation_log})
            return
        rows = [row.get() for row in self.rows]
        ids = [case["case_id"] for case in self.data[self.section].cases]
        evaluation = {
            "summary": summarise(rows),
            "patients": dict(zip(ids, rows, strict=True)),
            "provenance": provenance(None, self.run.seed, {**about, "section": self.section}),
        }
        write_json(folder / "evaluation" / "evaluation.json", evaluation)
        settings = {**self.run.values, "config_files": ["cpu.json"], **self.given}
        metrics = comparison_metrics("openkbp")
        write_json(output / self.table / f"{self.run.name}.json", collect_result(folder, self.run, settings, metrics))


# --- measuring, in processes that never see the GPU ---

_REFERENCES: dict[str, list[tuple[RadiotherapyReference, np.ndarray]]] = {}


def references(section: Section) -> list[tuple[RadiotherapyReference, np.ndarray]]:
    """What each patient's prediction is measured against, and the body."""
    found = []
    for i, (case, planes) in enumerate(zip(section.cases, section.planes, strict=True)):
        part = slice(i * SIZE, (i + 1) * SIZE)
        body, mask, *structures = (np.ascontiguousarray(plane.transpose(1, 2, 0)) for plane in planes)
        reference = RadiotherapyReference(
            spacing=case["spacing"],
            dose=section.steps[part].permute(1, 2, 0).numpy().astype(np.float32) * np.float32(DOSE_STEP),
            segmentation=section.labels[part].permute(1, 2, 0).numpy(),
            labels=LABELS,
            body=body,
            possible_dose_mask=mask,
            structures=dict(zip(case["structures"], structures, strict=True)),
        )
        found.append((reference, body))
    return found


def measure_case(path: Path, section: str, number: int) -> dict[str, Any]:
    """All metrics of one patient, after the bundle's post-processing."""
    torch.set_num_threads(1)
    reference, body = _REFERENCES[section][number]
    prediction = {}
    if (path / "segmentation.npy").is_file():
        labels = np.load(path / "segmentation.npy", mmap_mode="r")[number].transpose(1, 2, 0)
        labels = torch.from_numpy(np.ascontiguousarray(labels))[None]
        labels = RemoveFragmentsd("x", DEFAULTS["min_fragment"])({"x": labels})["x"][0].numpy()
        prediction["segmentation"] = labels * body
    if (path / "dose.npy").is_file():
        dose = np.load(path / "dose.npy", mmap_mode="r")[number].transpose(1, 2, 0)
        prediction["dose"] = dose.astype(np.float32) / 100 * body
    return radiotherapy_metrics(reference, prediction)


# --- the grid ---


def plan(grid: Sequence[Mapping[str, Any]], data: Mapping[str, Section], device: torch.device) -> list[Training]:
    """The runs of a grid file, in order.

    Args:
        grid: groups of runs, each with "table", "methods", "weightings", "seeds", "set" (values for all its runs) and
            "section" ("test" by default).
        data: the sections.
        device: of them.
    """
    train = json.loads((REPOSITORY / "bundles" / "openkbp" / "configs" / "train.json").read_text())
    trainings = []
    for group in grid:
        runs = plan_runs(train, group["methods"], group.get("weightings", ["DWA"]), group.get("seeds", [0]))
        section, values = group.get("section", "test"), group.get("set", {})
        trainings += [Training(run, group["table"], section, values, data, device) for run in runs]
    return trainings


def run(options: argparse.Namespace) -> None:
    """Train the grid; a run that fails does not stop the others."""
    began = time.perf_counter()
    manifest = json.loads((options.packed / "manifest.json").read_text())
    device = torch.device(options.device)
    # before the first call to CUDA: processes are forked, and share the references
    data = {s: Section(options.packed / s, manifest[s], device, options.workers) for s in SECTIONS}
    _REFERENCES["test"] = references(data["test"])
    pool = multiprocessing.get_context("fork").Pool(options.workers)
    cases = len(data["test"].cases)

    def measure(path: Path, section: str) -> list[Any]:
        return [pool.apply_async(measure_case, (path, section, number)) for number in range(cases)]

    data = {name: section.to(device) for name, section in data.items()}
    counts = {s: len(data[s].cases) for s in SECTIONS}
    print(f"{time.perf_counter() - began:.1f} s: data on {device}: {counts}", flush=True)
    trainings = plan(json.loads(options.grid.read_text()), data, device)
    about = {**manifest["about"], "cases": counts}
    keep = set(options.keep_weights)
    scratch = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    todo = list(trainings)
    lock = threading.Lock()
    failed = []

    def work() -> None:
        while True:
            with lock:
                late = time.perf_counter() - began > options.stop_after
                if not todo or late:
                    return
                training = todo.pop(0)
                if device.type == "cuda":
                    training.capture()
            start = time.perf_counter()
            training.everything(scratch, measure)
            if training.error:
                failed.append(training.run.name)
                return
            v = training.values
            each = (time.perf_counter() - start) / (v["max_epochs"] * v["steps_per_epoch"]) * 1000
            what = ", ".join(f"{k} {x}" for k, x in training.given.items())
            print(
                f"{time.perf_counter() - began:.1f} s: {training.table} {training.run.name} ({what}): best "
                f"{training.best[0]:.4f} at epoch {training.best[1]}, {each:.1f} ms a step, {brief(training)}",
                flush=True,
            )
            if training.table in keep and training.section == "test":
                halves = {
                    k: x.half() if torch.is_tensor(x) and x.dim() > 1 else x for k, x in training.best[2].items()
                }
                torch.save(halves, options.output / f"{training.table}_{training.run.name}.pt")

    options.output.mkdir(parents=True, exist_ok=True)
    if device.type == "cuda":
        torch.cuda.synchronize()
    threads = [threading.Thread(target=work) for _ in range(options.side_by_side if device.type == "cuda" else 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{time.perf_counter() - began:.1f} s: trained", flush=True)
    for training in trainings:
        if training.functional and not training.error:
            training.write(options.output, about)
    pool.close()
    pool.join()
    left = [t.run.name for t in todo]
    print(f"{time.perf_counter() - began:.1f} s: written; failed: {failed or 'none'}; not begun: {left or 'none'}")


def brief(training: Training) -> str:
    """Validation and what each part is worth, in thousandths of the score."""
    last = training.validation_log[-1]
    found = " ".join(f"{t} {last[t]:.4f}" for t in training.run.tasks)
    parts = (training.functional or {}).get("parts", {})
    return found + "; " + " ".join(f"{k} {1000 * p['loss']:+.1f}" for k, p in parts.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack", help="make the packed data")
    packing.add_argument("--dataset_dir", type=Path, required=True, help="prepared data (tools/prepare_data.py)")
    packing.add_argument("--output", type=Path, required=True)
    packing.add_argument("--patients", type=int, help="of each section, the first ones (default: all)")
    packing.add_argument("--workers", type=int, default=1)
    packing.set_defaults(call=pack)
    running = commands.add_parser("run", help="train a grid of runs")
    running.add_argument("--packed", type=Path, required=True)
    running.add_argument("--grid", type=Path, required=True, help="groups of runs, as tools/openkbp_grid.json")
    running.add_argument("--output", type=Path, required=True)
    running.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    running.add_argument("--side_by_side", type=int, default=12, help="runs at a time")
    running.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that read and measure")
    running.add_argument("--keep_weights", nargs="*", default=[], metavar="TABLE", help="tables whose weights are kept")
    running.add_argument("--stop_after", type=float, default=math.inf, metavar="SECONDS", help="begin no run after")
    running.set_defaults(call=run)
    options = parser.parse_args(arguments)
    options.call(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
