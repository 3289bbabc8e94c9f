# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lesions import IMAGES, LESIONS, image_file, mask_file, write_release, write_zips
from PIL import Image
from support import run_tool

from ctan_monai.command.prepare import parse_size
from ctan_monai.data import read_datalist, read_images
from ctan_monai.data.ham10000 import chunk as chunk
from ctan_monai.data.ham10000.prepare import prepare_ham10000
from ctan_monai.utils import DataError

SECTIONS = ("training", "validation", "test")
MASKS = "HAM10000_segmentations_lesion_tschandl"


@pytest.fixture(autouse=True)
def _quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress bars are shown where a test fails only."""


def entries(datalist: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["case_id"]: entry for section in SECTIONS for entry in datalist[section]}


def test_arrays_masks_and_list(tmp_path: Path) -> None:
    datalist = prepare_ham10000(write_release(tmp_path / "in"), tmp_path / "out", (48, 64))
    assert json.loads((tmp_path / "out" / "datalist.json").read_text()) == datalist
    images = np.load(tmp_path / "out" / "images.npy", mmap_mode="r")
    segmentations = np.load(tmp_path / "out" / "segmentations.npy", mmap_mode="r")
    assert (images.shape, images.dtype) == ((7, 48, 64, 3), np.uint8)
    assert (segmentations.shape, segmentations.dtype) == ((7, 48, 64), np.uint8)
    found = entries(datalist)
    assert sorted(found) == IMAGES
    entry = found[IMAGES[4]]
    assert (entry["index"], entry["diagnosis"], entry["box"]) == (4, 5, [0, 0, 48, 64])
    assert entry["facts"]["lesion_id"] == "HAM_5"
    assert entry["facts"]["mask_size"] == [24, 32]
    np.testing.assert_allclose(images[4], np.broadcast_to([80, 50, 50], (48, 64, 3)), atol=3)  # JPEG is not exact
    assert (segmentations[4] == np.repeat([[1, 0]], 32, axis=1)).all()
    assert (tmp_path / "out" / entry["mask"]).read_bytes() == mask_file()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "datalist.json", "images.npy", "masks", "records.json", "segmentations.npy"
    ]  # fmt: skip


def test_zips_give_the_same_as_folders(tmp_path: Path) -> None:
    first = prepare_ham10000(write_release(tmp_path / "a"), tmp_path / "out_a", (48, 64))
    second = prepare_ham10000(write_zips(tmp_path / "b"), tmp_path / "out_b", (48, 64))
    assert entries(first) == entries(second)
    for name in ("images.npy", "segmentations.npy"):
        assert (tmp_path / "out_a" / name).read_bytes() == (tmp_path / "out_b" / name).read_bytes()
    zips = {f"HAM10000_images_part_{n}.zip" for n in (1, 2)} | {f"{MASKS}.zip", "HAM10000_metadata.csv"}
    assert set(second["provenance"]["source_sha256"]) == zips


def test_padding_and_a_mask_of_another_size(tmp_path: Path) -> None:
    release = write_release(tmp_path / "in")
    (release / MASKS / f"{IMAGES[0]}_segmentation.png").write_bytes(mask_file((96, 72)))
    datalist = prepare_ham10000(release, tmp_path / "out", (64, 64))
    entry = entries(datalist)[IMAGES[0]]
    assert entry["box"] == [8, 0, 48, 64]
    image, mask = (np.load(tmp_path / "out" / f"{name}.npy")[0] for name in ("images", "segmentations"))
    assert not image[:8].any() and not image[56:].any()
    assert image[8:56].any(axis=2).all()
    assert mask[8:56, :32].all()
    assert not mask[:8].any() and not mask[:, 33:].any()
    assert entry["facts"]["mask_size"] == [72, 96]


def test_an_inverted_palette_is_resolved(tmp_path: Path) -> None:
    """Some copies hold masks as palette images whose index 0 is white."""
    release = write_release(tmp_path / "in")
    mask = Image.fromarray(np.repeat(np.repeat([[0, 1]], 16, axis=1), 24, axis=0).astype(np.uint8))
    mask = mask.convert("P")
    mask.putpalette([255, 255, 255, 0, 0, 0])
    stream = io.BytesIO()
    mask.save(stream, "PNG")
    (release / MASKS / f"{IMAGES[0]}_segmentation.png").write_bytes(stream.getvalue())
    prepare_ham10000(release, tmp_path / "out", (48, 64))
    segmentations = np.load(tmp_path / "out" / "segmentations.npy")
    np.testing.assert_array_equal(segmentations[0], segmentations[1])


def test_gray_below_the_threshold_is_background(tmp_path: Path) -> None:
    release = write_release(tmp_path / "in")
    (release / MASKS / f"{IMAGES[0]}_segmentation.png").write_bytes(mask_file(value=127))
    datalist = prepare_ham10000(release, tmp_path / "out", (48, 64))
    (skipped,) = datalist["provenance"]["skipped"]
    assert "holds no lesion (no gray value above 127)" in skipped["reason"]


def test_what_does_not_match_is_named_and_counted(tmp_path: Path) -> None:
    release = write_release(tmp_path / "in")
    (release / MASKS / f"{IMAGES[0]}_segmentation.png").unlink()
    (release / MASKS / "ISIC_0000098_segmentation.png").write_bytes(mask_file())
    (release / "HAM10000_images_part_1" / "ISIC_0000099.jpg").write_bytes(image_file())
    (release / "HAM10000_images_part_2" / f"{IMAGES[1]}.jpg").unlink()
    (release / MASKS / f"{IMAGES[5]}_segmentation.png").write_bytes(mask_file((32, 32)))
    (release / "HAM10000_images_part_1" / f"{IMAGES[6]}.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    record = prepare_ham10000(release, tmp_path / "out", (48, 64))["provenance"]
    reasons = {case["case_id"]: case["reason"] for case in record["skipped"]}
    assert set(reasons) == {IMAGES[0], IMAGES[5], IMAGES[6], "ISIC_0000099"}
    assert "has no mask. Get the missing file" in reasons[IMAGES[0]]
    assert "is 32 x 32, and its image 32 x 24: they do not show the same field" in reasons[IMAGES[5]]
    assert "is neither JPEG nor PNG" in reasons[IMAGES[6]]
    assert "has no mask and no metadata row" in reasons["ISIC_0000099"]
    assert record["unmatched"] == {
        "metadata_rows_without_image": [IMAGES[1]],
        "masks_without_image": [IMAGES[1], "ISIC_0000098"],
    }
    with pytest.raises(DataError, match="2 images cannot be used"):
        prepare_ham10000(release, tmp_path / "strict", (48, 64), strict=True)


def test_no_lesion_is_in_two_sections_and_all_sections_are_filled(tmp_path: Path) -> None:
    datalist = prepare_ham10000(write_release(tmp_path / "in"), tmp_path / "out", (48, 64))
    lesions = [{entry["facts"]["lesion_id"] for entry in datalist[section]} for section in SECTIONS]
    assert sum(map(len, lesions)) == len(set(LESIONS)) == len(set.union(*lesions))
    assert all(lesions)


def test_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release, output = write_release(tmp_path / "in"), tmp_path / "out"
    monkeypatch.setattr("ctan_monai.data.ham10000.prepare._CHUNK", 3)
    decoded: list[str] = []
    original = chunk._prepare

    def prepare(job: chunk.ImageJob, *arguments: Any) -> dict[str, Any]:
        if len(decoded) == 4 and not interrupted:
            raise KeyboardInterrupt
        decoded.append(job.image_id)
        return original(job, *arguments)

    interrupted: list[bool] = []
    monkeypatch.setattr(chunk, "_prepare", prepare)
    with pytest.raises(KeyboardInterrupt):
        prepare_ham10000(release, output, (48, 64))
    assert not (output / "datalist.json").exists()
    interrupted.append(True)
    decoded.clear()
    first = prepare_ham10000(release, output, (48, 64))
    assert decoded == IMAGES[3:], "the first chunk was done"
    expected = prepare_ham10000(release, tmp_path / "other", (48, 64))
    assert entries(first) == entries(expected)
    assert (output / "images.npy").read_bytes() == (tmp_path / "other" / "images.npy").read_bytes()
    decoded.clear()
    second = prepare_ham10000(release, output, (48, 64), seed=3)
    assert decoded == [], "another split decodes nothing"
    assert entries(second) == entries(first)
    (release / "HAM10000_images_part_1" / f"{IMAGES[0]}.jpg").write_bytes(image_file(255))
    prepare_ham10000(release, output, (48, 64))
    assert decoded == IMAGES, "a source file has changed"


def test_the_source_is_not_needed_afterwards(tmp_path: Path) -> None:
    release = write_zips(tmp_path / "in")
    prepare_ham10000(release, tmp_path / "out", (48, 64))
    for path in release.iterdir():
        path.unlink()
    cases = read_images(tmp_path / "out", "training", ["segmentation", "diagnosis"], [48, 64])
    assert all(Path(case[key]).is_file() for case in cases for key in ("image", "segmentation", "mask"))


def test_a_config_of_another_size(tmp_path: Path) -> None:
    prepare_ham10000(write_release(tmp_path / "in"), tmp_path / "out", (48, 64))
    with pytest.raises(
        DataError, match=r"prepared at \[48, 64\], the config's size is \[256, 256\]\. Give --size '\[48,64\]'"
    ):
        read_images(tmp_path / "out", "training", ["diagnosis"], [256, 256])


def test_a_task_without_labels(tmp_path: Path) -> None:
    prepare_ham10000(write_release(tmp_path / "in"), tmp_path / "out", (48, 64))
    with pytest.raises(DataError, match=r"has labels for the task 'dose'.*labels there: diagnosis\)"):
        read_datalist(tmp_path / "out", "training", ["dose"])


@pytest.mark.parametrize(
    ("text", "size"), [("256", (256, 256)), ("[96,128]", (96, 128)), ("96, 128", (96, 128)), ("96x128", (96, 128))]
)
def test_size_is_one_value(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "16", "[96,128,3]", "a", "[96,8]"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected height and width of at least 32 pixels"):
        parse_size(text)


def test_command_line(tmp_path: Path) -> None:
    release = write_release(tmp_path / "in")
    (release / MASKS / f"{IMAGES[0]}_segmentation.png").unlink()
    arguments = ["--source", str(release), "--output", str(tmp_path / "out"), "--size", "[48,64]"]
    result = run_tool("tools/prepare_data.py", "ham10000", *arguments)
    assert result.returncode == 0, result.stderr
    assert "skipped 1." in result.stdout
    assert f"skipped {IMAGES[0]}: " in result.stdout
    result = run_tool("tools/prepare_data.py", "ham10000", *arguments, "--strict")
    assert result.returncode == 2
    assert "1 images cannot be used:" in result.stderr.splitlines()[-2]
