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
def _threads() -> None:
    """Small tensors are slowest on many threads, and CI has two cores: one for each of two test processes."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the commands that tests start
        torch.set_num_threads(1)
    else:
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
def pelvis(test_data_dir: Path) -> Path:
    """A real pelvic CT with structures and a simulated plan's dose, as DICOM."""
    folder = test_data_dir / "pelvis_rt_dicom"
    if not folder.is_dir():
        pytest.skip(f"the real pelvic plan is absent: no '{folder}' (set CTAN_TEST_DATA)")
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
def real_chests(test_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two real chest CTs as the STOIC release has them: number to .mha with age and sex in the header."""
    import SimpleITK as sitk

    folder, files = tmp_path_factory.mktemp("chests"), {}
    for number, name, sex in (("1", "chest_ct_pulmonary_crop", "M"), ("2", "chest_ct_aorta_crop", "F")):
        source = test_data_dir / "totalseg_ct_nifti" / f"{name}.nii.gz"
        if not source.is_file():
            pytest.skip(f"the real chest CTs are absent: no '{source}' (set CTAN_TEST_DATA)")
        image = sitk.Cast(sitk.ReadImage(str(source)), sitk.sitkInt16)
        for key in image.GetMetaDataKeys():  # those of NIfTI
            image.EraseMetaData(key)
        image.SetMetaData("PatientAge", "065Y")
        image.SetMetaData("PatientSex", sex)
        files[number] = folder / f"{number}.mha"
        sitk.WriteImage(image, str(files[number]), useCompression=True)
    return files


@pytest.fixture(scope="session")
def stoic_phantom_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """STOIC phantom of ten patients in the release's layout, made by the tool."""
    release = tmp_path_factory.mktemp("stoic_release")
    result = run_tool("tools/make_phantom.py", "stoic", "--output", str(release), "--patients", "10", "--seed", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    return release


@pytest.fixture(scope="session")
def stoic_phantom(stoic_phantom_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, prepared by the tool with the values of the bundle's smoke.json."""
    folder = tmp_path_factory.mktemp("stoic_prepared")
    result = run_tool(
        "tools/prepare_data.py", "stoic", "--source", str(stoic_phantom_release), "--output", str(folder),
        "--size", "96", "--spacing", "3.6", "3.6", "5",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared OpenKBP phantom data of three patients, one a split, made by the tools."""
    return _make_phantom(tmp_path_factory.mktemp("phantom"), "openkbp", 3)


@pytest.fixture(scope="session")
def ham10000_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared HAM10000 phantom data of 21 lesions, three a class; the release is beside it."""
    return _make_phantom(tmp_path_factory.mktemp("phantom"), "ham10000", 21, "--size", "[96,128]")


def _make_phantom(folder: Path, dataset: str, patients: int, *preparing: str) -> Path:
    """A phantom in ``release`` and its prepared data in ``prepared``, which is returned."""
    release, prepared = str(folder / "release"), str(folder / "prepared")
    for command in (
        ["tools/make_phantom.py", dataset, "--output", release, "--patients", str(patients), "--seed", "1"],
        ["tools/prepare_data.py", dataset, "--source", release, "--output", prepared, *preparing],
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
