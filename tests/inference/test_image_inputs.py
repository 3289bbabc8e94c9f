# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from lesions import image_file
from monai.transforms import LoadImaged
from PIL import Image

from ctan_monai.imaging import to_rgb
from ctan_monai.inference import find_images
from ctan_monai.transforms import LoadImagePhotod
from ctan_monai.utils import DataError, InputError


def test_a_file_and_a_nested_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.JPG").write_bytes(image_file())
    (tmp_path / "b" / "c.png").write_bytes(image_file(kind="PNG"))
    for name in ("a_segmentation.png", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert find_images(tmp_path) == [
        {"image": str(tmp_path / "a.JPG"), "case_id": "a"},
        {"image": str(tmp_path / "b" / "c.png"), "case_id": "c"},
    ]
    assert find_images(tmp_path / "b" / "c.png") == [{"image": str(tmp_path / "b" / "c.png"), "case_id": "c"}]


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for name in ("a.jpg", "x/a.jpg", "x/b.jpg", "x/b.png"):
        (tmp_path / name).write_bytes(image_file())
    assert [item["case_id"] for item in find_images(tmp_path)] == ["a", "x_a", "x_b_jpg", "x_b_png"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: no such file or folder\. Give a JPEG or PNG image"):
        find_images(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no image\. Expected \.jpg, \.jpeg, \.png files"):
        find_images(tmp_path)


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "ct.nii").write_bytes(b"")
    with pytest.raises(InputError, match=r"ct\.nii: is neither JPEG nor PNG.*Convert it"):
        find_images(tmp_path / "ct.nii")


def test_all_files_that_are_no_images_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"hello")
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.jpg").write_bytes(image_file())
    found = find_images(tmp_path)
    assert [item["case_id"] for item in found] == ["c"], "the others go on"
    (tmp_path / "c.jpg").unlink()
    with pytest.raises(InputError) as error:
        find_images(tmp_path)
    lines = str(error.value).splitlines()
    assert lines == ["2 of 2 images cannot be used:", *found.unusable]
    assert lines[1] == f"{tmp_path / 'a.jpg'}: is neither JPEG nor PNG. Convert or remove it."
    assert lines[2].startswith(f"{tmp_path / 'b.jpg'}: is empty")


def test_a_truncated_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image_file(kind="PNG", size=(200, 200))[:-40])
    with pytest.raises(InputError, match=r"a\.png: is damaged \("):
        find_images(tmp_path)


def test_rgb_from_gray_transparency_and_turned_images() -> None:
    assert to_rgb(Image.new("LA", (3, 2), (7, 255))).getpixel((0, 0)) == (7, 7, 7)
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned = Image.fromarray(np.stack([pixels] * 3, axis=-1))
    turned.getexif()[0x0112] = 6  # the camera was held upright: turn clockwise by 90 degrees
    np.testing.assert_array_equal(np.asarray(to_rgb(turned))[..., 0], np.rot90(pixels, -1))


def test_photographs_in_zips(tmp_path: Path) -> None:
    for name, members in (("a", {"x/a.jpg": image_file()}), ("b", {"a.jpg": image_file(), "b.jpg": b"hello"})):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for member, content in (members | {"notes.txt": b"", "a_segmentation.png": b""}).items():
                archive.writestr(member, content)
    found = find_images(tmp_path)
    assert [item["case_id"] for item in found] == ["a.zip_x_a", "b.zip_a"]
    assert all(Path(item["image"]).read_bytes() == image_file() for item in found)
    assert found.unusable == [f"{tmp_path / 'b.zip'}/b.jpg: is neither JPEG nor PNG. Convert or remove it."]
    assert [item["case_id"] for item in find_images(tmp_path / "a.zip")] == ["a"]
    (tmp_path / "c.zip").write_bytes(b"hello")
    with pytest.raises(InputError, match=r"c\.zip: cannot be unpacked"):
        find_images(tmp_path / "c.zip")


def test_the_loader_gives_what_monais_gives(tmp_path: Path) -> None:
    """But for files that Pillow refuses, which MONAI's hands to its other readers."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    item = {"image": str(tmp_path / "a.png")}
    found = LoadImagePhotod("image")(item)["image"]
    options = {"reverse_indexing": False, "ensure_channel_first": True, "image_only": True}
    expected = LoadImaged("image", reader="PILReader", converter=to_rgb, **options)(item)["image"]
    assert torch.equal(found.as_tensor(), expected.as_tensor()) and found.dtype == expected.dtype
    assert torch.equal(found.affine, expected.affine)
    assert found.meta["filename_or_obj"] == expected.meta["filename_or_obj"]
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png: is neither JPEG nor PNG"):
        LoadImagePhotod("image")(item)
