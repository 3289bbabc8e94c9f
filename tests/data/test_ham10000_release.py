# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from lesions import HEADER, IMAGES, metadata, write_release, write_zips

from ctan_monai.data.ham10000.metadata import parse_metadata
from ctan_monai.data.ham10000.release import find_release
from ctan_monai.utils import DataError


def test_folders_and_zips_hold_the_same(tmp_path: Path) -> None:
    folders, zips = find_release(write_release(tmp_path / "a")), find_release(write_zips(tmp_path / "b"))
    assert sorted(folders.images) == sorted(zips.images) == sorted(zips.masks) == IMAGES
    for name in IMAGES:
        assert folders.images[name].read() == zips.images[name].read()
        assert folders.masks[name].read() == zips.masks[name].read()
    assert folders.rows == zips.rows
    assert zips.notes == []


def test_any_case_nesting_and_companions_of_macos(tmp_path: Path) -> None:
    release = write_release(tmp_path / "a" / "b")
    (release / "HAM10000_images_part_1").rename(release / "ham10000_IMAGES_part_1")
    images = release / "ham10000_IMAGES_part_1"
    (images / f"{IMAGES[0]}.jpg").rename(images / f"{IMAGES[0].lower()}.JPG")
    (images / f"._{IMAGES[2]}.jpg").write_bytes(b"Mac OS X")
    (release / "__MACOSX").mkdir()
    (release / "__MACOSX" / "ISIC_0000099.jpg").write_bytes(b"Mac OS X")
    (release / "HAM10000_metadata.csv").rename(release / "ham10000_METADATA.CSV")
    found = find_release(tmp_path)
    assert sorted(found.images) == IMAGES
    assert found.images[IMAGES[0]].path.name == "isic_0000001.JPG"


def test_one_zip_with_everything(tmp_path: Path) -> None:
    release = write_release(tmp_path / "release")
    shutil.make_archive(str(tmp_path / "all"), "zip", release)
    assert sorted(find_release(tmp_path / "all.zip").images) == IMAGES


def test_files_that_are_there_twice(tmp_path: Path) -> None:
    release = write_release(tmp_path)
    shutil.copytree(release / "HAM10000_images_part_1", release / "images_again")
    (note,) = find_release(release).notes
    assert note.startswith("4 files are there twice, the first was taken (not ")
    assert "images_again" in note


def test_metadata_with_tabs_and_eight_columns() -> None:
    lines = metadata().splitlines()
    text = "\ufeff" + "\n".join(
        [
            lines[0].replace(",", "\t") + "\tdataset",
            *(line.replace(",", "\t") + "\tvidir_molemax" for line in lines[1:]),
        ]
    )
    rows = parse_metadata(text, "x.tab")
    assert list(rows) == IMAGES
    row = rows[IMAGES[1]]
    assert (row.lesion_id, row.dx) == ("HAM_2", "mel")
    assert row.facts == {
        "dx_type": "histo", "age": "50.0", "sex": "male", "localization": "back", "dataset": "vidir_molemax"
    }  # fmt: skip


def test_an_empty_age_is_left_out() -> None:
    rows = parse_metadata(f"{HEADER}\nHAM_1,ISIC_1,nv,histo,,male,back\n", "x.csv")
    assert "age" not in rows["ISIC_1"].facts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,dx\nISIC_1,nv\n", r"^x\.csv: the columns lesion_id are missing; found: image_id, dx\. Expected"),
        ("", r"^x\.csv: the columns lesion_id, image_id, dx are missing; found: nothing"),
        (f"{HEADER}\n", r"^x\.csv: holds no row below its header"),
        (f"{HEADER}\nHAM_1,ISIC_1,naevus,,,,\n", r"^x\.csv, line 2: dx is 'naevus', expected one of akiec, bcc, bkl"),
        (f"{HEADER}\n,ISIC_1,nv,,,,\n", r"^x\.csv, line 2: no lesion_id"),
        (
            f"{HEADER}\nHAM_1,ISIC_1,nv,,,,\nHAM_1,ISIC_1,mel,,,,\n",
            r"^x\.csv, line 3: ISIC_1 has another row already, with other values",
        ),
    ],
)
def test_metadata_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_metadata(text, "x.csv")


def test_a_folder_that_is_missing_or_no_release(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: no such folder.*doi:10\.7910/DVN/DBW86T"):
        find_release(tmp_path / "none")
    with pytest.raises(DataError, match=r"no metadata \(HAM10000_metadata, .*\), no image ISIC.*, no mask ISIC"):
        find_release(tmp_path)
    (write_release(tmp_path / "a") / "HAM10000_metadata.csv").unlink()
    with pytest.raises(DataError, match=r"a: no metadata \(HAM10000_metadata, \.csv or \.tab\) in it"):
        find_release(tmp_path / "a")


def test_zips_inside_a_zip(tmp_path: Path) -> None:
    write_zips(tmp_path / "zips")
    shutil.make_archive(str(tmp_path / "dataverse_files"), "zip", tmp_path / "zips")
    with pytest.raises(DataError, match=r"There are zips inside .*dataverse_files\.zip: unpack it once"):
        find_release(tmp_path / "dataverse_files.zip")


def test_a_damaged_zip(tmp_path: Path) -> None:
    release = write_zips(tmp_path / "a")
    (release / "HAM10000_images_part_1.zip").write_bytes(b"PK not quite")
    with pytest.raises(DataError, match=r"HAM10000_images_part_1\.zip: is not a zip, or a damaged one"):
        find_release(release)


def test_a_damaged_member(tmp_path: Path) -> None:
    path = write_zips(tmp_path / "a") / "HAM10000_images_part_1.zip"
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo(f"{IMAGES[0]}.jpg").header_offset + 60
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"part_1\.zip/{IMAGES[0]}\.jpg: cannot be read \(Bad CRC"):
        find_release(tmp_path / "a").images[IMAGES[0]].read()
