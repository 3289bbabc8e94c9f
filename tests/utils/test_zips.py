# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Zips in place of folders: what is unpacked, what is refused, and that nothing stays behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import REPOSITORY

from ctan_monai.utils import is_dicom, original_names, unzip, walk_folders
from ctan_monai.utils.errors import InputError

DICOM = bytes(128) + b"DICM and more"


def all_members(name: str, head: bytes) -> bool:
    return True


def make_zip(path: Path, **members: bytes) -> Path:
    """Members of the names given, "__" for "/"."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def found(root: Path) -> list[str]:
    return [original_names(str(file)) for _, files in walk_folders(root, is_dicom) for file in files]


def test_members_by_content_and_name(tmp_path: Path) -> None:
    path = make_zip(
        tmp_path / "a.zip", DICOM__IM1=DICOM, DICOM__x_dcm=b"no", notes=b"text", short=b"", deep__er__IM2=DICOM
    )
    with zipfile.ZipFile(path, "a") as archive:
        for name in (".hidden/IM", "__MACOSX/IM", "DICOM/._IM1", "DICOM/damaged.DCM"):
            archive.writestr(name, DICOM)
    expected = ["DICOM/IM1", "DICOM/damaged.DCM", "deep/er/IM2"]
    assert found(path) == [f"{path}/{name}" for name in expected]


def test_zips_in_folders_and_one_that_cannot_be_used(tmp_path: Path) -> None:
    for folder in ("b", "c"):
        (tmp_path / folder).mkdir()
    make_zip(tmp_path / "b" / "x.ZIP", IM1=DICOM)
    (tmp_path / "c" / "IM").write_bytes(DICOM)
    (tmp_path / "c" / "bad.zip").write_bytes(b"no zip")
    problems: list[str] = []
    files = [
        original_names(str(file))
        for _, files in walk_folders(tmp_path, is_dicom, problem=lambda error: problems.append(str(error)))
        for file in files
    ]
    assert files == [f"{tmp_path}/b/x.ZIP/IM1", f"{tmp_path}/c/IM"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{tmp_path}/c/bad.zip: cannot be unpacked (File is not a zip file)")
    with pytest.raises(InputError, match=r"bad\.zip: cannot be unpacked"):
        found(tmp_path)


def test_the_same_zip_is_unpacked_once_and_a_changed_one_again(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", IM1=DICOM)
    assert unzip(path, all_members) == unzip(tmp_path / "." / "a.zip", all_members)
    before = unzip(path, all_members)
    make_zip(path, IM1=DICOM, IM2=DICOM)
    assert unzip(path, all_members) != before
    assert len(found(path)) == 2


def test_members_do_not_leave_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../outside", "/absolute", "C:\\drive", "a/../../b"):
            archive.writestr(name, DICOM)
    folder = unzip(path, all_members)
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) == 2, "what begins with a dot is hidden"
    assert not (folder.parent / "outside").exists()
    assert not Path("/absolute").exists()


@pytest.mark.parametrize("kept", [0, 10, 60, 150, -30, -5])
def test_a_zip_that_was_cut_off(kept: int, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", IM1=DICOM, IM2=DICOM * 9)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"a\.zip: cannot be unpacked .*Copy it again"):
        unzip(path, all_members)


def test_a_flipped_bit(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", IM1=bytes(range(256)) * 40)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: cannot be unpacked"):
        unzip(path, all_members)


def test_a_password(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", IM1=DICOM)
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: cannot be unpacked .*password"):
        unzip(path, all_members)


def test_more_than_the_disk_holds_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_zip(tmp_path / "bomb.zip", IM1=bytes(20_000_000))
    assert path.stat().st_size < 30_000
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=20_000_000))
    with pytest.raises(InputError, match=r"bomb\.zip: needs 0\.0 GB to be unpacked .*0\.0 GB free"):
        unzip(path, all_members)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("IM1", DICOM)
        archive.writestr("IM1", DICOM + b"another")
    with pytest.raises(InputError, match=r"a\.zip: holds two files named IM1"):
        unzip(path, all_members)


def test_nothing_stays_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    path = make_zip(tmp_path / "a.zip", IM1=DICOM)
    script = (
        "from pathlib import Path; from ctan_monai.utils import is_dicom, unzip; "
        f"assert (unzip(Path({str(path)!r}), is_dicom) / 'IM1').is_file()"
    )
    environment = {"TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert list((tmp_path / "tmp").iterdir()) == []
