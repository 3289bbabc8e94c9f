# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""How many bad contours, and how many good ones, are flagged by signs that a report could use.

Bad is a Dice below 0.55, good one of at least 0.65. The signs: the organ's volume, extent, and place in the body and
among the other organs, each outside the range of the training patients; and how far the contour of the mirrored scan
differs. Besides, each scan is cut through the middle of each organ: is it told that the image ends within it?

example:
  python tools/check_warnings.py --bundle openkbp --dataset_dir data/openkbp \\
      --checkpoint bundles/openkbp/models/ctan_small/model.pt --output docs/results/openkbp_warnings.json
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from tqdm import tqdm

from ctan_monai.bundle import TrainingSetting, load_weights, recorded_values
from ctan_monai.bundle.config_values import check_record
from ctan_monai.data import read_datalist
from ctan_monai.imaging.body import body_mask
from ctan_monai.inference.plausibility import LONG, organ_edges
from ctan_monai.utils import provenance
from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.files import read_training_record, write_json

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = ("openkbp", "prostate")
BAD, GOOD = 0.55, 0.65  # Dice
AGREEMENT = 0.85  # Dice with the contour of the mirrored scan


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Of two masks; 0 where both are empty."""
    size = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / size if size else 0.0


def shape_figures(
    labels: np.ndarray, body: np.ndarray, spacing: np.ndarray, names: dict[str, int]
) -> dict[str, dict[str, float]]:
    """Of each organ: cc; extent in mm; its center's place in mm from that of the body around it, and along the body
    from those of the other organs."""
    places = {name: np.argwhere(labels == value) for name, value in names.items()}
    places = {name: index for name, index in places.items() if len(index)}
    centers = {name: index.mean(axis=0) * spacing for name, index in places.items()}
    found = {}
    for name, index in places.items():
        around = np.argwhere(body[:, :, index[:, 2].min() : index[:, 2].max() + 1].any(axis=2))
        middle = (around.min(axis=0) + around.max(axis=0)) / 2 * spacing[:2] if len(around) else centers[name][:2]
        extent = np.ptp(index, axis=0) * spacing + spacing
        found[name] = {
            "volume": len(index) * float(spacing.prod()) / 1000,
            **{f"extent {axis}": float(value) for axis, value in zip("xyz", extent, strict=True)},
            **{f"place {axis}": float(centers[name][i] - middle[i]) for i, axis in enumerate("xy")},
            **{f"place from {o}": float(centers[name][2] - c[2]) for o, c in centers.items() if o != name},
        }
    return found


def ranges(cases: Sequence[dict[str, Any]], names: dict[str, int]) -> dict[str, dict[str, tuple[float, float]]]:
    """Least and largest of each figure over the training patients' own contours."""
    figures: dict[tuple[str, str], list[float]] = {}
    for case in tqdm(cases, desc="training patients", unit="patient"):
        image = nib.load(case["segmentation"])
        body = body_mask(np.asarray(nib.load(case["image"]).dataobj))  # type: ignore[attr-defined]
        labels = np.asarray(image.dataobj)  # type: ignore[attr-defined]
        for organ, row in shape_figures(labels, body, np.array(case["spacing"]), names).items():
            for figure, value in row.items():
                figures.setdefault((organ, figure), []).append(value)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for (organ, figure), values in figures.items():
        found.setdefault(organ, {})[figure] = (min(values), max(values))
    return found


def flags(
    labels: np.ndarray, affine: np.ndarray, organ: str, names: dict[str, int], reference: np.ndarray
) -> Counter[str]:
    """Of the scan cut in the middle of an organ, along x and along z: how many of the four halves are flagged."""
    count: Counter[str] = Counter()
    for axis in (0, 2):
        index = np.argwhere(reference)[:, axis]
        middle = int(index.min() + index.max()) // 2
        for part in np.split(labels, [middle], axis=axis):
            count["cut"] += 1
            count["cut, flagged"] += organ in organ_edges(part, affine, names)
    return count


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Predict each patient and its mirror image; returns what is written."""
    root = REPOSITORY / "bundles" / options.bundle
    record = read_training_record(options.checkpoint.parent) or {}
    check_record(record, options.checkpoint.parent / "training.json")
    values = {"dataset_dir": str(options.dataset_dir.resolve()), "num_workers": 0, "pretrained": False}
    counts: Counter[Any] = Counter()
    bad: dict[str, list[str]] = {}
    for section in options.sections:
        setting = TrainingSetting(root, [], {**recorded_values(record), **values, "validate::section": section})
        network = load_weights(setting["network"], options.checkpoint).eval()
        names, pairs = setting["label_names"], setting["mirror_pairs"]
        order = list(range(len(names) + 1))
        for a, b in pairs:
            order[a], order[b] = b, a
        if not counts:
            known = ranges(read_datalist(options.dataset_dir, "training"), names)
        cases = {case["case_id"]: case for case in read_datalist(options.dataset_dir, section)}
        for batch in tqdm(setting["validate::dataloader"], desc=section, unit="patient"):
            images, _ = setting["prepare_batch"](batch, setting["device"])
            with torch.inference_mode():
                scans = (images, images.flip(2))
                own, mirrored = (setting["validate::inferer"](scan, network)["segmentation"] for scan in scans)
            case = cases[str(batch["case_id"][0])]
            volume = nib.load(case["image"])
            body = body_mask(np.asarray(volume.dataobj))  # type: ignore[attr-defined]
            affine = volume.affine  # type: ignore[attr-defined]
            label = own[0].argmax(0).cpu().numpy() * body
            mirror = mirrored.flip(2)[0][order].argmax(0).cpu().numpy() * body
            reference = np.asarray(nib.load(case["segmentation"]).dataobj)  # type: ignore[attr-defined]
            found = shape_figures(label, body, np.array(case["spacing"]), names)
            for organ, value in names.items():
                drawn = reference == value
                if not drawn.any():
                    continue
                score = dice(label == value, drawn)
                kind = "bad" if score < BAD else "good" if score >= GOOD else "between"
                counts[f"{kind}"] += 1
                if kind == "bad":
                    bad.setdefault(str(case["case_id"]), []).append(f"{organ} {score:.2f}")
                outside = {
                    figure.split()[0]
                    for figure, (low, high) in known[organ].items()
                    if organ not in found or not low <= found[organ].get(figure, low) <= high
                }
                for sign in outside:
                    counts[f"{kind}, {sign}"] += 1
                counts[f"{kind}, mirrored"] += dice(label == value, mirror == value) < AGREEMENT
                if organ in LONG:
                    continue
                counts["whole"] += 1
                counts["whole, flagged"] += organ in organ_edges(label, affine, names)
                counts.update(flags(label, affine, organ, names, drawn))
    return {
        "counts": dict(sorted(counts.items())),
        "bad": bad,
        "thresholds": {"bad": BAD, "good": GOOD, "mirrored": AGREEMENT},
        "sections": options.sections,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", choices=BUNDLES, default="openkbp")
    parser.add_argument("--dataset_dir", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--sections", nargs="+", default=["validation", "test"])
    parser.add_argument("--output", type=Path, required=True, help="a JSON file")
    options = parser.parse_args(arguments)
    return exit_status(lambda: write(options))


def write(options: argparse.Namespace) -> None:
    """Count, write, and print."""
    found = run(options)
    write_json(options.output, {**found, "provenance": provenance({"checkpoint": options.checkpoint.name})})
    for name, count in found["counts"].items():
        print(f"{name}: {count}")


if __name__ == "__main__":
    sys.exit(main())
