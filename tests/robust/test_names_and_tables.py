# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Odd names and tables of a user's files."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ctan_monai.data.ham10000.metadata import parse_metadata
from ctan_monai.inference.photo_inputs import find_images
from ctan_monai.inference.results_folder import ResultsFolder
from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.csv_tables import write_csv
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import csv_text
from ctan_monai.utils.scrub_paths import scrub_paths

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


def _results_table(path: Path, rows: list[dict[str, str]]) -> None:
    ResultsFolder(path.parent, "x").write_table(path.name, {row["case_id"]: row for row in rows})


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


def test_no_cell_of_a_table_is_a_formula() -> None:
    rows = [{"case_id": "=1+1", "@SUM(1)": -0.5}, {"case_id": "\t=1", "@SUM(1)": "-0.5"}, {"case_id": "a", "+b": "-c"}]
    header, *found = csv.reader(csv_text(rows).splitlines())
    assert header == ["case_id", "'@SUM(1)", "'+b"]
    assert found == [["'=1+1", "-0.5", ""], ["'\t=1", "-0.5", ""], ["a", "", "'-c"]]


@pytest.mark.parametrize("write", [write_csv, _results_table])
def test_every_table_is_written_so(write: Callable[[Path, list[dict[str, str]]], object], tmp_path: Path) -> None:
    write(tmp_path / "x.csv", [{"case_id": "a", "=cmd|' /C calc'!A0": "@x"}])
    assert "a,'@x" in (tmp_path / "x.csv").read_text() and "'=cmd" in (tmp_path / "x.csv").read_text()


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x07b", "a\u202eb", "a\udce9b", "a\rb", "a\x9bb"])
def test_an_error_holds_nothing_that_a_terminal_obeys(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise OSError(2, "no such file", text)

    found = str(DataError(f"{text}\nsecond line"))
    assert text not in found and "\ufffd" in found and found.endswith("b\nsecond line")
    assert exit_status(fail) == 2
    assert text not in capsys.readouterr().err


def test_a_lone_carriage_return_ends_no_row() -> None:
    """The csv module writes it without quotes, and what follows would be a cell of the next row."""
    for text in ("a\r=1+1", "a\r\n=1+1", "\r=1+1"):
        found = list(csv.reader(io.StringIO(csv_text([{"case_id": text}]), newline="")))
        assert len(found) == 2 and not found[1][0].startswith(("=", "\n"))
