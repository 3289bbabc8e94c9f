# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Copies of the bundles with weights of one epoch on a phantom: what a user hands to MONAI Label or MONAI Deploy."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from support import REPOSITORY, run_tool

WORK = REPOSITORY / "runs" / "serving"  # "make clean" removes it
NOT_OF_THE_NETWORK = ("dataset_dir", "output_dir")


@dataclass(frozen=True)
class Recipe:
    """How a bundle's phantom is made, and one input of it.

    Attributes:
        make: options of tools/make_phantom.py.
        prepare: options of tools/prepare_data.py, which fit the bundle's smoke.json.
        example: pattern of an input, in the bundle's part of the work folder.
    """

    make: tuple[str, ...]
    prepare: tuple[str, ...]
    example: str


RECIPES = {
    "openkbp": Recipe(("--patients", "3"), (), "prepared/test/*/ct.nii"),
    "prostate": Recipe(("--patients", "3"), (), "release/patient 001/CT"),
    "ham10000": Recipe(("--patients", "21"), ("--size", "[96,128]"), "release/HAM10000_images_part_1/*.jpg"),
    "stoic": Recipe(("--patients", "10"), ("--size", "96", "--spacing", "3.6", "3.6", "5"), "release/data/mha/*.mha"),
}


@dataclass(frozen=True)
class TrainedBundle:
    """A bundle's copy with its weights.

    Attributes:
        name: of the bundle.
        folder: the copy; its configs say which network the weights are of.
        example: an input: a file, or the folder of a DICOM series.
    """

    name: str
    folder: Path
    example: Path


def trained_bundle(name: str) -> TrainedBundle:
    """Makes the phantom and trains for one epoch, unless an earlier run has done so, and copies the bundle anew.

    Args:
        name: of the bundle.
    """
    recipe, folder = RECIPES[name], WORK / "bundles" / name
    release, prepared, run = (WORK / name / part for part in ("release", "prepared", "run"))
    configs = f"bundles/{name}/configs"
    commands = [
        ["tools/make_phantom.py", name, "--output", str(release), *recipe.make, "--seed", "1"],
        ["tools/prepare_data.py", name, "--source", str(release), "--output", str(prepared), *recipe.prepare],
        ["-m", "monai.bundle", "run", "training", "--config_file", f"['{configs}/train.json','{configs}/smoke.json']",
         "--dataset_dir", str(prepared), "--output_dir", str(run), "--max_epochs", "1"],
    ]  # fmt: skip
    for command in [] if (run / "model.pt").is_file() else commands:
        result = run_tool(*command)
        assert result.returncode == 0, result.stdout + result.stderr
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(REPOSITORY / configs, folder / "configs")
    (folder / "models").mkdir()
    shutil.copy(run / "model.pt", folder / "models")
    smoke = json.loads((REPOSITORY / configs / "smoke.json").read_text())
    for config in ("train.json", "inference.json"):  # the network that was trained, as a packed bundle states it
        path = folder / "configs" / config
        content = json.loads(path.read_text())
        content.update({k: v for k, v in smoke.items() if k in content and k not in NOT_OF_THE_NETWORK})
        path.write_text(json.dumps(content, indent=4))
    return TrainedBundle(name, folder, sorted((WORK / name).glob(recipe.example))[0])


def infer_by_bundle(bundle: TrainedBundle, image: Path, output: Path) -> Path:
    """Results of ``python -m monai.bundle run inferring`` in float32, as Label and Deploy compute.

    Returns:
        the folder of the results, ``output``.
    """
    result = run_tool(
        "-m", "monai.bundle", "run", "inferring", "--config_file", str(bundle.folder / "configs" / "inference.json"),
        "--dataset_dir", str(image), "--output_dir", str(output), "--amp", "False",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return output
