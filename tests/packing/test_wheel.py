# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The wheel holds the bundles, so that nobody needs a clone to train."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from support import REPOSITORY, run_tool

import ctan_monai
from ctan_monai.utils import bundles
from ctan_monai.utils.bundles import bundle_folder, bundle_names, bundles_folder, places_of_installed
from ctan_monai.utils.errors import DataError

BUNDLES = ["ham10000", "openkbp", "prostate", "stoic"]
OF_THE_SOURCE = ("ctan_monai", "bundles", "MANIFEST.in", "setup.cfg", "setup.py", "pyproject.toml")
ALSO = ("README.md", "LICENSE", "constraints.txt")
MOST_BYTES = 30e6


def tracked() -> set[str]:
    """The bundles' files as git has them: without what trainings left."""
    done = subprocess.run(["git", "ls-files", "bundles"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is not a git checkout")
    return set(done.stdout.splitlines())


def test_the_patterns_of_wheel_and_sdist_match_what_git_has() -> None:
    source = (REPOSITORY / "setup.py").read_text()
    (value,) = (node.value for node in ast.parse(source).body if isinstance(node, ast.Assign))
    patterns = {f"bundles/*/{pattern}" for pattern in ast.literal_eval(value)}
    manifest = re.findall(r"^include (bundles/\S+)$", (REPOSITORY / "MANIFEST.in").read_text(), re.MULTILINE)
    assert patterns == set(manifest)
    found = {p.relative_to(REPOSITORY).as_posix() for pattern in patterns for p in REPOSITORY.glob(pattern)}
    assert tracked() - found == set()


@pytest.mark.slow
def test_the_wheel_of_the_sdist_holds_all_bundles(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in OF_THE_SOURCE + ALSO:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(REPOSITORY / name, source / name)
    (source / "bundles" / "stoic" / "models" / "checkpoint.pt").write_text("of a training in the clone")
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    assert run_tool("-c", build, str(tmp_path), cwd=source).returncode == 0
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert f"ctan_monai-{ctan_monai.__version__}/bundles/stoic/configs/train.json" in archive.getnames()
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    done = run_tool(*command, str(sdist))
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name in tracked():
            content = archive.read(f"ctan_monai/{name}")
            assert content == (REPOSITORY / name).read_bytes(), name
    assert "ctan_monai/bundles/stoic/models/checkpoint.pt" not in names
    assert "ctan_monai/packing/templates/recipient.md.j2" in names
    assert not any(name.startswith(("tools/", "tests/")) for name in names)
    check_repacked(wheel, tmp_path / "installed")


def check_repacked(wheel: Path, installed: Path) -> None:
    """What an installed package packs for a recipient is its own wheel, without the weights."""
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    assert run_tool(*command).returncode == 0
    code = "import sys, pathlib, ctan_monai.packing.wheel as w; w.write_wheel(pathlib.Path(sys.argv[1]))"
    done = run_tool("-c", code, str(installed / "wheels"), cwd=installed, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(installed / "wheels" / wheel.name) as second:
        expected = {name for name in first.namelist() if not re.match(r"ctan_monai/bundles/\w+/models/", name)}
        assert set(second.namelist()) == expected
        for name in expected:
            assert name.endswith("RECORD") or second.read(name) == first.read(name), name


def test_the_bundles_of_a_clone() -> None:
    assert bundles_folder() == REPOSITORY / "bundles"
    assert bundle_names() == BUNDLES
    with pytest.raises(DataError, match=r"^liver: no such bundle\. Give one of ham10000, openkbp, prostate, stoic\.$"):
        bundle_folder("liver")
    config = json.loads((bundle_folder("stoic") / "configs" / "train.json").read_text())
    assert places_of_installed(config, bundle_folder("stoic")) == {}, "a clone keeps its folders"


@pytest.mark.parametrize(
    ("files", "places"),
    [
        (["train"], {"dataset_dir": "data/stoic", "output_dir": "runs/stoic"}),
        (["train", "smoke"], {"dataset_dir": "data/stoic_phantom", "output_dir": "runs/stoic_smoke"}),
        (
            ["inference"],
            {"dataset_dir": "data/input", "output_dir": "runs/stoic/eval", "checkpoint": "runs/stoic/model.pt"},
        ),
    ],
)
def test_an_installed_bundle_works_in_the_current_folder(
    files: list[str], places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "_INSTALLED", REPOSITORY / "bundles")
    root = REPOSITORY / "bundles" / "stoic"
    config = {}
    for name in files:
        config |= json.loads((root / "configs" / f"{name}.json").read_text())
    assert places_of_installed(config, root) == places
    given = {"dataset_dir": "mine", "output_dir": "out", "checkpoint": "w.pt"}
    assert places_of_installed(config | given, root) == {}
