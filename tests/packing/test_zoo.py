# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The form of MONAI's model zoo, by the zoo's own checks of a bundle as far as they need no network."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from monai.apps.utils import download_url
from monai.bundle import verify_metadata
from support import REPOSITORY, run_tool

from ctan_monai.utils.files import file_sha256

pytestmark = pytest.mark.slow
URL = "https://example.org/weights"
MOST_PACKAGE_BYTES = 2e6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network that comes with the repository, in the zoo's form; only its own copy of the package is known."""
    folder = tmp_path_factory.mktemp("zoo")
    checkpoint = REPOSITORY / "bundles" / "openkbp" / "models" / "ctan_small" / "model.pt"
    arguments = ["openkbp", "--checkpoint", str(checkpoint), "--half", "--formats", "--zoo", f"{URL}/"]
    done = run_tool("tools/pack_bundle.py", *arguments, "--output", str(folder / "openkbp.zip"))
    assert done.returncode == 0, done.stderr
    assert "exclude_verify_shape_list" in done.stdout
    with zipfile.ZipFile(folder / "openkbp.zip") as archive:
        archive.extractall(folder)
    return folder / "openkbp"


def of_the_bundle(bundle: Path, command: str, *arguments: str) -> str:
    """A command of MONAI's, as the zoo runs it; returns what it printed."""
    meta, config = (str(bundle / "configs" / f"{name}.json") for name in ("metadata", "inference"))
    files = ["--meta_file", meta, "--config_file", config, "--bundle_root", str(bundle)]
    done = run_tool(
        "-m", "monai.bundle", command, "network_def", *arguments, *files, cwd=bundle.parent, PYTHONPATH=str(bundle)
    )  # fmt: skip
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_files(bundle: Path) -> None:
    for name in ("LICENSE", "docs/README.md", "configs/metadata.json", "configs/inference.json", "models/model.pt"):
        assert (bundle / name).is_file(), name
    assert {path.name for path in bundle.iterdir()} == {
        "LICENSE", "configs", "ctan_monai", "docs", "large_files.yml", "models"
    }  # fmt: skip
    assert "README.md](../README.md" not in (bundle / "docs" / "README.md").read_text()
    files = [path for path in (bundle / "ctan_monai").rglob("*") if path.is_file()]
    assert (bundle / "ctan_monai" / "packing" / "templates" / "model_card.md.j2") in files
    assert sum(path.stat().st_size for path in files) < MOST_PACKAGE_BYTES


def test_json_is_as_the_zoos_hook_writes_it(bundle: Path) -> None:
    for path in (bundle / "configs").glob("*.json"):
        assert path.read_text() == json.dumps(json.loads(path.read_text()), indent=4) + "\n", path.name


def test_weights_are_listed_with_their_address(bundle: Path) -> None:
    (entry,) = yaml.safe_load((bundle / "large_files.yml").read_text())["large_files"]
    weights = bundle / "models" / "model.pt"
    assert entry == {
        "path": "models/model.pt", "url": f"{URL}/model.pt", "hash_val": file_sha256(weights), "hash_type": "sha256"
    }  # fmt: skip
    download_url(entry["url"], str(bundle / entry["path"]), entry["hash_val"], entry["hash_type"], fuzzy=True)


@pytest.mark.filterwarnings("ignore:No hash value provided:UserWarning")
def test_version_and_metadata(bundle: Path, test_data_dir: Path, tmp_path: Path) -> None:
    path = bundle / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    assert metadata["version"] in metadata["changelog"]
    schema = tmp_path / "schema.json"  # in place of a download
    shutil.copy(test_data_dir / "monai_meta_schema_20240725.json", schema)
    verify_metadata(meta_file=str(path), filepath=str(schema))


def test_weights_become_torchscript_with_the_package_inside(bundle: Path, tmp_path: Path) -> None:
    exported = tmp_path / "model.ts"
    weights = str(bundle / "models" / "model.pt")
    told = of_the_bundle(bundle, "ckpt_export", "--filepath", str(exported), "--ckpt_file", weights)
    assert told.startswith("0 "), told[-2000:]
    outputs = torch.jit.load(exported)(torch.rand(1, 3, 64, 64))
    assert set(outputs) == {"segmentation", "dose"}


def test_the_check_of_shapes_knows_one_output_only(bundle: Path) -> None:
    """Where it does one day, the note of "pack --zoo" can go."""
    told = of_the_bundle(bundle, "verify_net_in_out")
    assert "AttributeError: 'dict' object has no attribute 'shape'" in told
