# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Odd names and tables of a user's files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ctan_monai.data.ham10000 import parse_metadata
from ctan_monai.data.image_inputs import find_images
from ctan_monai.errors import DataError
from ctan_monai.reports.scrub import scrub_paths

_HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"


def test_names_that_tables_and_reports_cannot_hold(tmp_path: Path) -> None:
    for name in ("=1+1", "@SUM(1)", "-1", "+1", "a\nb", "c\x1b[31m", "plain"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f"{name}.png")
    content = (tmp_path / "plain.png").read_bytes()
    for odd in (b"\xff\xfe.png", b"n" * 240 + b".png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + odd)).write_bytes(content)
    found = find_images(tmp_path)
    names = {item["case_id"] for item in found}
    assert names == {"_=1+1", "_@SUM(1)", "_-1", "_+1", "a_b", "c_[31m", "plain"}
    assert len(found.unusable) == 2
    assert any("not UTF-8 text. Rename it." in line for line in found.unusable)
    assert any("has 244 bytes, at most 200" in line for line in found.unusable)
    "\n".join(found.unusable).encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_metadata_with_any_line_break(end: str) -> None:
    text = end.join([_HEADER, "HAM_1,ISIC_1,nv,histo,40,male,back", "HAM_2,ISIC_2,mel,histo,50,female,face", ""])
    assert [row.dx for row in parse_metadata(text, "x.csv").values()] == ["nv", "mel"]


def test_metadata_with_an_endless_field() -> None:
    text = f"{_HEADER}\nHAM_1,ISIC_1,nv,histo,40,male,{'x' * 200_000}\n"
    with pytest.raises(DataError, match=r"x\.csv, line \d: field larger than field limit"):
        parse_metadata(text, "x.csv")


@pytest.mark.parametrize(
    "text, scrubbed",
    [
        ("mount:/home/ann/secret", "mount:secret"),
        ("error:/home/ann/x y", "error:x y"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("C:/Users/ann/x", "x"),
        ("at 12:30 in /data/ann/x", "at 12:30 in x"),
    ],
)
def test_paths_after_a_colon(text: str, scrubbed: str) -> None:
    assert scrub_paths(text) == scrubbed
