# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import os
import tarfile
import warnings
from pathlib import Path

import pytest
import torch
from support import REPOSITORY, run_tool

# torch's and MONAI's own imports warn (torch.jit is deprecated, optional packages are absent); "pytest -W error" is
# about our code, so they are imported here first.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in ("ignite.handlers", "monai.bundle", "monai.engines", "monai.handlers", "torch.utils.tensorboard"):
        importlib.import_module(name)


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    """Small tensors on many threads are slower than on two, and CI has two cores."""
    torch.set_num_threads(min(2, os.cpu_count() or 1))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def test_data_dir() -> Path:
    """The folder of real test data, CTAN_TEST_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("CTAN_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real test data are absent: no folder '{folder}' (set CTAN_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def openkbp_source(test_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`provided-data` of 70 real OpenKBP patients, unpacked."""
    archive = test_data_dir / "openkbp-part.tar.xz"
    if not archive.is_file():
        pytest.skip(f"the real OpenKBP patients are absent: no '{archive}' (set CTAN_TEST_DATA)")
    folder = tmp_path_factory.mktemp("openkbp")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return next(folder.rglob("provided-data"))


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared phantom data of three patients, one a split, made by the tools."""
    folder = tmp_path_factory.mktemp("phantom")
    release, prepared = str(folder / "release"), str(folder / "prepared")
    for command in (
        ["tools/make_phantom.py", "openkbp", "--output", release, "--patients", "3", "--seed", "1"],
        ["tools/prepare_data.py", "openkbp", "--source", release, "--output", prepared],
    ):
        result = run_tool(*command)
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "prepared"


@pytest.fixture(scope="session")
def prostate_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared Prostate phantom of three patients, one a split, made by the tools."""
    folder = tmp_path_factory.mktemp("prostate_phantom")
    release, prepared = str(folder / "release"), str(folder / "prepared")
    for command in (
        ["tools/make_phantom.py", "prostate", "--output", release, "--patients", "3", "--seed", "1"],
        ["tools/prepare_data.py", "prostate", "--source", release, "--output", prepared],
    ):
        result = run_tool(*command)
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "prepared"
