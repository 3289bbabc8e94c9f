# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import tarfile
import warnings
from pathlib import Path

import pytest
import torch

# torch's and MONAI's own imports warn (torch.jit is deprecated, optional packages are absent); "pytest -W error" is
# about our code, so they are imported here first.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import monai.bundle
    import monai.engines
    import monai.handlers
    import monai.networks.nets
    import torch.utils.tensorboard  # noqa: F401

REPOSITORY = Path(__file__).resolve().parents[1]


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
