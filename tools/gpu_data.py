# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets on the device, for train_on_gpu: augmented batches, validation scores, measured predictions."""

from __future__ import annotations

import json
import lzma
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

from ctan_monai.data.datalist import load_datalist, read_datalist
from ctan_monai.imaging.letterbox import undo_letterbox
from ctan_monai.losses import ClassificationLoss, ComboLoss, DoseMAELoss
from ctan_monai.metrics import (
    BalancedAccuracy,
    RadiotherapyReference,
    case_rows,
    diagnosis_metrics,
    lesion_mask_metrics,
    radiotherapy_metrics,
    summarize,
    summarize_lesions,
)
from ctan_monai.transforms import MaskBodyd, RemoveFragmentsd, input_planes
from ctan_monai.transforms.network_input import slice_offsets
from ctan_monai.utils.files import write_json

SECTIONS = ("training", "validation", "test")
Outputs = Iterable[tuple[slice, Mapping[str, torch.Tensor]]]
Scores = tuple[dict[str, float], dict[str, Any]]  # and by task what the metric keeps of each case


class OpenKBP:
    """OpenKBP as packed by ``pack``: 8-bit CT codes, labels and dose steps of all slices.

    Args:
        folder: the packed data.
        workers: processes that read.
    """

    SIZE = 128  # voxels along each axis of a volume
    CODES = np.interp(np.arange(256), [0, 18, 40, 210, 255], [-1024, -450, -160, 240, 1050]).astype(np.float32)
    DOSE_STEP = 0.1  # Gy
    SWAPPED = (0, 1, 2, 4, 3)  # labels of a patient mirrored left to right

    def __init__(self, folder: Path, workers: int) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        self.about = manifest["about"]
        self.cases = {section: manifest[section] for section in SECTIONS}
        self.arrays: dict[str, dict[str, torch.Tensor]] = {}
        self.trained = [self.SIZE * i + k for i, c in enumerate(self.cases["training"]) for k in c["body_slices"]]
        self.references: list[RadiotherapyReference] = []
        self._places: dict[tuple[str, tuple[float, ...]], torch.Tensor] = {}
        for section, cases in self.cases.items():
            with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
                found = list(pool.map(unpack_case, [folder / section / f"{case['case_id']}.xz" for case in cases]))
            names = ("codes", "labels", "steps", "targets")
            arrays = {name: torch.from_numpy(np.concatenate([f[i] for f in found])) for i, name in enumerate(names)}
            if section != "training":
                arrays["body"] = torch.from_numpy(np.concatenate([planes[0] for *_, planes in found]))
            present = torch.tensor([case["segmentation_present"] for case in cases], dtype=torch.float32)
            arrays["present"] = present.repeat_interleave(self.SIZE, dim=0)
            arrays["position"] = torch.cat([self._positions(case) for case in cases])
            self.arrays[section] = arrays
            if section == "test":
                self.references = [self._reference(*each) for each in zip(cases, found, strict=True)]

    def to(self, device: torch.device) -> None:
        """Move the arrays."""
        self.arrays = {s: {k: x.to(device) for k, x in arrays.items()} for s, arrays in self.arrays.items()}
        self.decode = torch.from_numpy(self.CODES).to(device)
        self.swapped = torch.tensor(self.SWAPPED, device=device)

    def losses(self, values: Mapping[str, Any]) -> dict[str, torch.nn.Module]:
        """By task."""
        return {"segmentation": ComboLoss(), "dose": DoseMAELoss(values["dose_scale"])}

    def draw(self, shape: tuple[int, ...], draw: np.random.Generator, values: Mapping[str, Any]) -> dict[str, Any]:
        """The augmentation of an epoch, an array (steps, batch, ...) each."""
        angle = draw.uniform(-0.17, 0.17, shape)
        shift = draw.uniform(-6, 6, (*shape, 2)) / (self.SIZE / 2)
        theta = affine(angle, 1 + draw.uniform(-0.1, 0.1, (*shape, 2)), shift)
        augmented = draw.uniform(size=shape) < values["augment_probability"]
        return {
            "theta": np.where(augmented[..., None, None], theta, np.eye(2, 3)).astype(np.float32),
            "mirror": draw.uniform(size=shape) < values["mirror_probability"],
        }

    def batch(
        self, inputs: Mapping[str, torch.Tensor], values: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Image and targets of the training slices ``inputs["index"]``, augmented."""
        data, index, mirror = self.arrays["training"], inputs["index"], inputs["mirror"]
        places = self.places("training", values["context"])[index]
        slices = places.shape[1]
        dose = data["steps"][index].float() * self.DOSE_STEP
        smooth = torch.cat([self.decode[data["codes"][places].long()], dose[:, None]], 1)
        sharp = data["labels"][index].long()[:, None]
        if values["targets"]:
            sharp = torch.cat([sharp, data["targets"][places].long()], 1)
        flip = mirror[:, None, None, None]
        smooth, sharp = (torch.where(flip, x.flip(2), x) for x in (smooth, sharp))
        labels, present = sharp[:, :1], data["present"][index]
        sharp = torch.cat([torch.where(flip, self.swapped[labels], labels), sharp[:, 1:]], 1)
        present = torch.where(mirror[:, None], present.index_select(1, self.swapped[1:] - 1), present)
        smooth, sharp = warp(smooth, sharp, inputs["theta"], "border")
        answers = {"segmentation": sharp[:, :1], "segmentation_present": present, "dose": smooth[:, slices:]}
        image = self._input(smooth[:, :slices], sharp[:, 1:], data["position"][index], values)
        return image, {**answers, "dose_present": torch.ones_like(present[:, 0])}

    def count(self, section: str) -> int:
        """Slices of a section."""
        return len(self.arrays[section]["codes"])

    def images(self, section: str, part: slice, values: Mapping[str, Any]) -> torch.Tensor:
        """Network input of some slices."""
        data, places = self.arrays[section], self.places(section, values["context"])[part]
        targets = data["targets"][places].float() if values["targets"] else places.new_zeros(0)
        return self._input(self.decode[data["codes"][places].long()], targets, data["position"][part], values)

    def places(self, section: str, context: Sequence[float]) -> torch.Tensor:
        """Of each slice of a section its own number and those of its neighbors, (N, 1 + len(context))."""
        key = (section, tuple(context))
        if key not in self._places:
            each = []
            for i, case in enumerate(self.cases[section]):
                offsets = torch.tensor([0, *slice_offsets(context, case["spacing"][2])])
                found = (torch.arange(self.SIZE)[:, None] + offsets).clamp(0, self.SIZE - 1)
                each.append(found + i * self.SIZE)
            self._places[key] = torch.cat(each).to(self.decode.device)
        return self._places[key]

    def scores(self, section: str, outputs: Outputs, tasks: Sequence[str], values: Mapping[str, Any]) -> Scores:
        """Validation score and each task's part in it, and their values patient by patient."""
        data, labels = self.arrays[section], range(1, len(self.SWAPPED))
        counts, doses = [], []
        for part, output in outputs:
            body = data["body"][part]
            if "segmentation" in output:
                found, true = output["segmentation"].argmax(1) * body, data["labels"][part]
                pairs = [(found == label, true == label) for label in labels]
                each = [torch.stack([(p & r).sum((1, 2)), p.sum((1, 2)), r.sum((1, 2))], -1) for p, r in pairs]
                counts.append(torch.stack(each, 1))
            if "dose" in output:
                dose = (output["dose"][:, 0] * values["dose_scale"]).clamp(min=0) * body
                reference = data["steps"][part].float() * self.DOSE_STEP
                doses.append(torch.stack([(dose - reference).abs().sum((1, 2)), reference.sum((1, 2))], -1))
        by_case: dict[str, np.ndarray] = {}
        if counts:
            both, p, r = torch.cat(counts).reshape(-1, self.SIZE, len(labels), 3).sum(1).double().unbind(-1)
            by_case["segmentation"] = torch.where(r > 0, 2 * both / (p + r), torch.nan).nanmean(1).cpu().numpy()
        if doses:
            error, total = torch.cat(doses).reshape(-1, self.SIZE, 2).double().sum(1).unbind(-1)
            by_case["dose"] = (1 - error / total).cpu().numpy()
        means = {task: float(np.nanmean(by_case[task])) for task in tasks}
        rows = {task: ("mean", values) for task, values in by_case.items()}
        return {"score": float(np.mean(list(means.values()))), **means}, rows

    def save(self, outputs: Outputs, folder: Path, values: Mapping[str, Any]) -> None:
        """Write label maps and doses of the test patients, for ``measure``."""
        found: dict[str, list[torch.Tensor]] = {}
        for _, output in outputs:
            if "segmentation" in output:
                found.setdefault("segmentation", []).append(output["segmentation"].argmax(1).to(torch.uint8).cpu())
            if "dose" in output:
                gy = (output["dose"][:, 0] * values["dose_scale"]).clamp(min=0)
                found.setdefault("dose", []).append((gy * 100).round().to(torch.int16).cpu())
        for task, pieces in found.items():
            np.save(folder / f"{task}.npy", torch.cat(pieces).reshape(-1, *[self.SIZE] * 3).numpy())

    def measure(self, folder: Path, number: int) -> dict[str, Any]:
        """All metrics of one test patient, after the bundle's post-processing."""
        reference = self.references[number]
        assert reference.body is not None
        prediction = {}
        if (folder / "segmentation.npy").is_file():
            labels = np.load(folder / "segmentation.npy", mmap_mode="r")[number].transpose(1, 2, 0)
            item: dict[Any, Any] = {"x": torch.from_numpy(np.ascontiguousarray(labels))[None]}
            prediction["segmentation"] = RemoveFragmentsd("x", 0.1)(item)["x"][0].numpy() * reference.body
        if (folder / "dose.npy").is_file():
            dose = np.load(folder / "dose.npy", mmap_mode="r")[number].transpose(1, 2, 0)
            prediction["dose"] = dose.astype(np.float32) / 100 * reference.body
        return radiotherapy_metrics(reference, prediction)

    def evaluation(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Summary and rows, as evaluation.json has them."""
        ids = [case["case_id"] for case in self.cases["test"]]
        return {"summary": summarize(rows), "patients": dict(zip(ids, rows, strict=True))}

    def _input(
        self, hu: torch.Tensor, targets: torch.Tensor, position: torch.Tensor, values: Mapping[str, Any]
    ) -> torch.Tensor:
        """The channels of NetworkInputd, of slices and their neighbors (B, 1 + n, X, Y)."""
        prescribed = (targets / values["dose_scale"]).unbind(1) if values["targets"] else ()
        place = position[:, None, None].expand_as(hu[:, 0]) if values["position"] else None
        channels = input_planes(hu.unbind(1), prescribed, place, values["windows"])
        return torch.stack(channels, 1).contiguous(memory_format=torch.channels_last)

    def _positions(self, case: Mapping[str, Any]) -> torch.Tensor:
        """Of each slice of a patient where it lies within the body."""
        first, last = min(case["body_slices"]), max(case["body_slices"])
        result: torch.Tensor = ((torch.arange(self.SIZE) - first) / max(last - first, 1)).clamp(0, 1)
        return result

    def _reference(self, case: Mapping[str, Any], found: tuple[Any, ...]) -> RadiotherapyReference:
        _, labels, steps, _, planes = found
        body, mask, *structures = (np.ascontiguousarray(plane.transpose(1, 2, 0)) for plane in planes)
        organs = ("brainstem", "spinal_cord", "right_parotid", "left_parotid")
        return RadiotherapyReference(
            spacing=case["spacing"],
            dose=steps.transpose(1, 2, 0).astype(np.float32) * np.float32(self.DOSE_STEP),
            segmentation=np.ascontiguousarray(labels.transpose(1, 2, 0)),
            labels={organ: i for i, organ in enumerate(organs, start=1)},
            body=body,
            possible_dose_mask=mask,
            structures=dict(zip(case["structures"], structures, strict=True)),
        )


class HAM10000:
    """HAM10000 as prepared by tools/prepare_data.py.

    Args:
        folder: the prepared data.
        workers: not used; here so that all data sets are made alike.
    """

    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

    def __init__(self, folder: Path, workers: int) -> None:
        datalist = load_datalist(folder)
        self.about = {key: datalist.get(key) for key in ("name", "reference", "licence")}
        self.cases = {section: read_datalist(folder, section) for section in SECTIONS}
        self.arrays: dict[str, dict[str, torch.Tensor]] = {}
        for section, cases in self.cases.items():
            index = [case["index"] for case in cases]
            arrays = {k: np.load(cases[0][k], mmap_mode="r")[index] for k in ("image", "segmentation")}
            self.arrays[section] = {k: torch.from_numpy(np.array(x)) for k, x in arrays.items()}
            self.arrays[section]["diagnosis"] = torch.tensor([case["diagnosis"] for case in cases])
        self.trained = list(range(len(self.cases["training"])))

    def to(self, device: torch.device) -> None:
        """Move the arrays."""
        self.arrays = {s: {k: x.to(device) for k, x in arrays.items()} for s, arrays in self.arrays.items()}
        self.mean, self.std = (torch.tensor(x, device=device)[:, None, None] for x in (self.MEAN, self.STD))

    def losses(self, values: Mapping[str, Any]) -> dict[str, torch.nn.Module]:
        """By task."""
        return {"segmentation": ComboLoss(), "diagnosis": ClassificationLoss()}

    def draw(self, shape: tuple[int, ...], draw: np.random.Generator, values: Mapping[str, Any]) -> dict[str, Any]:
        """The augmentation of an epoch, an array (steps, batch, ...) each."""
        height, width = self.arrays["training"]["image"].shape[1:3]

        def chosen() -> np.ndarray:
            return np.asarray(draw.uniform(size=shape) < values["augment_probability"])

        theta = affine(
            draw.uniform(-np.pi, np.pi, shape), 1 + draw.uniform(-0.15, 0.15, (*shape, 2)), np.zeros((*shape, 2))
        )
        theta[..., 0, 1] *= height / width  # from pixels to the sides of a picture that is not square
        theta[..., 1, 0] *= width / height
        theta = np.where(chosen()[..., None, None], theta, np.eye(2, 3))
        theta[..., 0, :2] *= np.where(chosen(), -1, 1)[..., None]
        theta[..., 1, :2] *= np.where(chosen(), -1, 1)[..., None]
        scale = np.where(chosen()[..., None], 1 + draw.uniform(-0.15, 0.15, (*shape, 3)), 1)
        gamma = np.where(chosen(), draw.uniform(0.8, 1.25, shape), 1)
        return {k: x.astype(np.float32) for k, x in (("theta", theta), ("scale", scale), ("gamma", gamma))}

    def batch(
        self, inputs: Mapping[str, torch.Tensor], values: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Image and targets of the training images ``inputs["index"]``, augmented."""
        data, index = self.arrays["training"], inputs["index"]
        image = data["image"][index].permute(0, 3, 1, 2).float() / 255
        image, labels = warp(image, data["segmentation"][index][:, None], inputs["theta"], "zeros")
        image = image * inputs["scale"][..., None, None]
        low, high = image.amin((1, 2, 3), keepdim=True), image.amax((1, 2, 3), keepdim=True)
        spread = (high - low).clamp(min=1e-7)
        image = ((image - low) / spread) ** inputs["gamma"][:, None, None, None] * spread + low
        return self._normalized(image), {"segmentation": labels, "diagnosis": data["diagnosis"][index]} | {
            f"{task}_present": torch.ones_like(image[:, :1, 0, 0]) for task in ("segmentation", "diagnosis")
        }

    def count(self, section: str) -> int:
        """Images of a section."""
        return len(self.cases[section])

    def images(self, section: str, part: slice, values: Mapping[str, Any]) -> torch.Tensor:
        """Network input of some images."""
        return self._normalized(self.arrays[section]["image"][part].permute(0, 3, 1, 2).float() / 255)

    def scores(self, section: str, outputs: Outputs, tasks: Sequence[str], values: Mapping[str, Any]) -> Scores:
        """Validation score and each task's part in it, and what the metrics keep of each image."""
        data, dice, classes = self.arrays[section], [], BalancedAccuracy()
        for part, output in outputs:
            if "segmentation" in output:
                found, true = output["segmentation"].argmax(1) == 1, data["segmentation"][part] == 1
                both, p, r = (x.sum((1, 2)).double() for x in (found & true, found, true))
                dice.append(torch.where(r > 0, 2 * both / (p + r), torch.nan))
            if "diagnosis" in output:
                classes(output["diagnosis"].float(), data["diagnosis"][part])
        means = {
            task: float(torch.cat(dice).nanmean() if task == "segmentation" else classes.aggregate()) for task in tasks
        }
        rows: dict[str, Any] = {"segmentation": ("mean", torch.cat(dice).cpu().numpy())} if dice else {}
        if "diagnosis" in tasks:
            rows["diagnosis"] = case_rows(classes)
        return {"score": float(np.mean(list(means.values()))), **means}, rows

    def save(self, outputs: Outputs, folder: Path, values: Mapping[str, Any]) -> None:
        """Write the test images' probabilities, for ``measure``."""
        found: dict[str, list[torch.Tensor]] = {}
        for _, output in outputs:
            for task, logits in output.items():
                probabilities = logits.float().softmax(1)
                part = probabilities[:, 1].half() if task == "segmentation" else probabilities
                found.setdefault(task, []).append(part.cpu())
        for task, pieces in found.items():
            np.save(folder / f"{task}.npy", torch.cat(pieces).numpy())

    def measure(self, folder: Path, number: int) -> dict[str, Any]:
        """All metrics of one test image, on its own grid."""
        from ctan_monai.imaging.photos import read_mask

        case = self.cases["test"][number]
        row: dict[str, Any] = {}
        if (folder / "segmentation.npy").is_file():
            reference = read_mask(case["mask"])
            probability = torch.from_numpy(np.load(folder / "segmentation.npy", mmap_mode="r")[number][None]).float()
            lesion = undo_letterbox(probability, case["box"], reference.shape)
            row |= lesion_mask_metrics(reference, lesion[0].numpy() >= 0.5)
        if (folder / "diagnosis.npy").is_file():
            values = np.load(folder / "diagnosis.npy", mmap_mode="r")[number].tolist()
            row |= diagnosis_metrics(int(case["diagnosis"]), values, self.CLASSES)
        return row

    def evaluation(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Summary and rows, as evaluation.json has them."""
        ids = [case["case_id"] for case in self.cases["test"]]
        return {"summary": summarize_lesions(rows, self.CLASSES), "images": dict(zip(ids, rows, strict=True))}

    def _normalized(self, image: torch.Tensor) -> torch.Tensor:
        return ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


DATA: dict[str, Any] = {"openkbp": OpenKBP, "ham10000": HAM10000}


def affine(angle: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Matrices (..., 2, 3) of rotation times scaling, and of the rotated shift, as MONAI's RandAffine composes them."""
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(*angle.shape, 2, 2)
    return np.concatenate([turn * scale[..., None, :], turn @ shift[..., None]], -1)


def warp(
    smooth: torch.Tensor, labels: torch.Tensor, theta: torch.Tensor, padding: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Resample images linearly and label maps by the nearest neighbor."""
    grid = affine_grid(theta, list(smooth.shape), align_corners=False)
    return (
        grid_sample(smooth, grid, "bilinear", padding, align_corners=False),
        grid_sample(labels.float(), grid, "nearest", padding, align_corners=False),
    )


def pack(dataset_dir: Path, output: Path, patients: int | None, workers: int) -> None:
    """Write each OpenKBP patient as one compressed file, small enough to be sent to another machine."""
    jobs = [
        (case, section, output / section)
        for section in SECTIONS
        for case in read_datalist(dataset_dir, section)[:patients]
    ]
    for section in SECTIONS:
        (output / section).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        facts = list(pool.map(pack_case, jobs))
    datalist = load_datalist(dataset_dir)
    content = {section: [f for f, job in zip(facts, jobs, strict=True) if job[1] == section] for section in SECTIONS}
    about = {key: datalist.get(key) for key in ("name", "reference", "licence")}
    write_json(output / "manifest.json", {"about": about, **content})
    total = sum(path.stat().st_size for path in output.rglob("*.xz")) / 1e6
    print(f"{len(jobs)} patients in {output}, {total:.0f} MB")


def pack_case(job: tuple[Mapping[str, Any], str, Path]) -> dict[str, Any]:
    """Write one patient; returns what the manifest says of it."""
    import nibabel as nib
    from monai.data import MetaTensor

    case, section, folder = job

    def array(path: str) -> np.ndarray:
        return np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]

    ct = array(case["image"]).astype(np.float32)
    planes = []
    if section != "training":  # as the bundle's validation has it
        masked = MaskBodyd("image")({"image": MetaTensor(torch.from_numpy(ct)[None])})
        ct, planes = masked["image"][0].numpy(), [masked["body"][0].numpy() > 0]
    codes = np.rint(np.interp(ct, OpenKBP.CODES, np.arange(256))).astype(np.uint8)
    steps = np.rint(array(case["dose"]) / OpenKBP.DOSE_STEP).astype(np.int16).transpose(2, 1, 0)
    change = np.diff(steps, axis=2, prepend=np.int16(0)).view(np.uint16)
    structures = case.get("structures", {}) if section == "test" else {}
    if section == "test":
        planes += [array(case["possible_dose_mask"]) > 0, *(array(path) > 0 for path in structures.values())]
    parts = [
        codes.transpose(2, 1, 0),
        array(case["segmentation"]).astype(np.uint8).transpose(2, 1, 0),
        (change & 255).astype(np.uint8),
        (change >> 8).astype(np.uint8),
        array(case["targets"]).astype(np.uint8).transpose(2, 1, 0),
        *(np.packbits(plane.transpose(2, 1, 0)) for plane in planes),
    ]
    content = lzma.compress(b"".join(np.ascontiguousarray(p).tobytes() for p in parts), preset=4)
    (folder / f"{case['case_id']}.xz").write_bytes(content)
    facts = {key: case[key] for key in ("case_id", "spacing", "segmentation_present", "body_slices")}
    return {**facts, "structures": list(structures)}


def unpack_case(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """CT codes, labels, dose steps, targets in Gy (Z, X, Y) and bit planes of a packed patient."""
    data = np.frombuffer(lzma.decompress(path.read_bytes()), np.uint8)
    size, voxels = OpenKBP.SIZE, OpenKBP.SIZE**3

    def volume(k: int) -> np.ndarray:
        return data[k * voxels : (k + 1) * voxels].reshape(size, size, size).transpose(0, 2, 1)

    change = (volume(2).astype(np.uint16) | (volume(3).astype(np.uint16) << 8)).view(np.int16)
    steps = np.cumsum(change, axis=1, dtype=np.int16)  # the differences ran along x
    bits = data[5 * voxels :].reshape(-1, voxels // 8)
    planes = [np.unpackbits(b).reshape(size, size, size).transpose(0, 2, 1).astype(bool) for b in bits]
    return volume(0), volume(1), steps, volume(4), planes
