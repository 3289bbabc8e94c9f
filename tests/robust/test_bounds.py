# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Small files that would become gigabytes are refused at once, with the figure; so are values that are not finite."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian
from torch import nn

from ctan_monai.bundle import load_weights
from ctan_monai.data.ham10000.release import SourceFile
from ctan_monai.dicom.read_file import read_dicom
from ctan_monai.imaging.memory import available_memory
from ctan_monai.imaging.nifti import check_nifti
from ctan_monai.inference.ct_inputs import find_inputs
from ctan_monai.inference.photo_inputs import find_images
from ctan_monai.utils import unzip
from ctan_monai.utils.errors import DataError, InputError


@contextmanager
def _at_once(seconds: float = 20, megabytes: float = 100) -> Iterator[None]:
    """Refused, in little time and memory (generous: other tests run beside this one)."""
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        assert time.process_time() - start < seconds
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


def _zeros(path: Path, count: int, head: bytes = b"") -> Path:
    """A .gz of zeros, written as quickly as it is read."""
    piece = bytes(1 << 20)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(head)
        for _ in range(count >> 20):
            stream.write(piece)
    return path


def test_nifti_of_more_voxels_than_any_ct(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((1200, 1200, 900))
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = _zeros(tmp_path / "ct.nii.gz", 1 << 20, header.binaryblock + bytes(4))
    with _at_once(), pytest.raises(InputError, match="1200 x 1200 x 900 voxels of 2 bytes; at most 393,216,000"):
        check_nifti(path)


def test_nifti_with_gigabytes_behind_its_voxels(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((14, 14, 14), np.int16), np.eye(4)), tmp_path / "small.nii")
    path = _zeros(tmp_path / "ct.nii.gz", 1 << 26, (tmp_path / "small.nii").read_bytes())
    with _at_once(2, 30), pytest.raises(InputError, match="more than the 5840 bytes that its header says"):
        check_nifti(path)


def test_deflated_dicom(tmp_path: Path) -> None:
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = meta.MediaStorageSOPInstanceUID = "1.2"
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    dataset.PatientName = "x"
    path = tmp_path / "x.dcm"
    dataset.save_as(path, enforce_file_format=True)
    assert read_dicom(path).PatientName == "x"
    start = 144 + int.from_bytes(path.read_bytes()[140:144], "little")
    deflate = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    path.write_bytes(path.read_bytes()[:start] + deflate.compress(bytes(1 << 27)) + deflate.flush())
    with _at_once(5, 40), pytest.raises(InputError, match=r"become more than 67,108,864"):
        read_dicom(path)


def _zip(path: Path, name: str, megabytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(name, bytes(megabytes << 20))
    return path


def test_zip_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _zip(tmp_path / "x.zip", "HAM10000_metadata.csv", 32)
    (info,) = zipfile.ZipFile(path).infolist()
    monkeypatch.setattr("ctan_monai.data.ham10000.release.MOST_FILE_BYTES", 1 << 24)
    with _at_once(2, 10), pytest.raises(DataError, match="has 33,554,432 bytes; at most 16,777,216"):
        SourceFile(path, info.filename, (info.file_size, info.CRC)).read()


def test_zip_of_more_than_images_compress_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _zip(tmp_path / "x.zip", "a.dcm", 32)
    monkeypatch.setattr("ctan_monai.utils.zips.MOST_BYTES", 1 << 24)
    with _at_once(2, 10), pytest.raises(InputError, match=r"a\.dcm has 33,554,432 bytes; at most 16,777,216"):
        unzip(path, lambda name, head: True)
    monkeypatch.setattr("ctan_monai.utils.zips.MOST_BYTES", 1 << 25)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("b.dcm", bytes(1 << 20))
    with _at_once(2, 10), pytest.raises(InputError, match="needs 34,603,008 to be unpacked"):
        unzip(path, lambda name, head: True)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_photograph(tmp_path: Path) -> None:
    Image.new("1", (13_000, 13_000)).save(tmp_path / "large.png")
    Image.new("RGB", (20, 20)).save(tmp_path / "good.png")
    with _at_once(10, 100):
        found = find_images(tmp_path)
    assert [item["case_id"] for item in found] == ["good"]
    assert "13000 x 13000 pixels, at most 100,000,000" in found.unusable[0]


def test_memory_is_estimated_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, slices in (("large", 4), ("small", 3)):
        image = nib.Nifti1Image(np.zeros((512, 512, slices), np.int16), np.diag([-1, -1, 3, 1]))
        image.header.set_sform(image.affine, 1)
        nib.save(image, tmp_path / f"{name}.nii")
    monkeypatch.setattr("ctan_monai.imaging.memory.available_memory", lambda: 950_000_000)
    found = find_inputs(tmp_path)
    assert [item["case_id"] for item in found] == ["small"]
    assert "512 x 512 x 4 voxels, for which inference needs about 1.0 GB" in found.unusable[0]
    monkeypatch.setattr("ctan_monai.imaging.memory.available_memory", lambda: None)  # unknown
    assert len(find_inputs(tmp_path)) == 2


def test_available_memory() -> None:
    found = available_memory()
    assert found is None or 10_000_000 < found < 1 << 50


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value: float, tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    state = network.state_dict()
    state["weight"] = state["weight"].clone()
    state["weight"][1, 1] = value
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt': 1 weights are NaN or infinite, such as 1 of 'weight'"):
        load_weights(network, tmp_path / "model.pt")


@pytest.mark.parametrize("content", [{"objects": None}, {"objects": {}}, {"objects": {"network": 3}}, [], 3, {"a": 1}])
def test_what_is_no_weights(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt' does not hold a network's weights"):
        load_weights(nn.Linear(2, 3), tmp_path / "model.pt")


def test_damaged_weights(tmp_path: Path) -> None:
    """Cut off, empty, or with one bit changed: PyTorch compares no checksums."""
    path = tmp_path / "model.pt"
    network = nn.Linear(64, 64)
    torch.save(network.state_dict(), path)
    content = path.read_bytes()
    place = content.index(network.weight.detach().numpy().tobytes()[:64])
    flipped = bytearray(content)
    flipped[place + 100] ^= 64
    for damaged in (b"", b"x", content[:100], content[: len(content) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is not a file of PyTorch weights, or is damaged \(") as caught:
            load_weights(nn.Linear(64, 64), path)
        assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)
