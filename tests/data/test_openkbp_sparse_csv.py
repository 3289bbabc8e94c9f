# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctan_monai.data.openkbp.sparse_csv import read_prediction_csv, read_sparse_csv, read_sparse_mask, write_sparse_csv
from ctan_monai.utils.errors import DataError

SIZE = 1000

VALUES = [  # text of the rows -> indices, values
    ("3,2.0\n4,1032.5\n", [3, 4], [2.0, 1032.5]),
    ("0,0.25\n999,70.125\n", [0, 999], [0.25, 70.125]),
    ("9,7.0\n12,12345678.12345678\n", [9, 12], [7.0, 12345678.12345678]),
    ("5,1.5\n2,2.5\n", [5, 2], [1.5, 2.5]),  # not sorted
    ("1,3\n2,1e-05\n3,-4.5\n", [1, 2, 3], [3.0, 1e-05, -4.5]),  # what the fast way leaves to the slow one
    ("1,26.446000000000002\n", [1], [26.446000000000002]),
    ("", [], []),
]

DAMAGED = [  # content, what the message must name
    ("", "empty file"),
    ("index,value\n1,2.0\n", "'index,value'"),
    ("\x00\x01\x02", "first line"),
    (",data\n1,2.0\n12,26", "cut off: the last row '12,26'"),
    (",data\n1,2.0\n12,\n", "line 3 is '12,'"),
    (",data\n1,2.0\n12\n", "line 3 is '12'"),
    (",data\n1,2.0\nabc,1.0\n", "line 3 is 'abc,1.0'"),
    (",data\n1,2.0\n,1.0\n", "line 3 is ',1.0'"),
    (",data\n1,2.0\n3,nan\n", "line 3 has the value nan"),
    (",data\n1,inf\n", "line 2 has the value inf"),
    (",data\n1,2.0\n1000,1.0\n", "line 3 has the voxel index 1000, expected 0 to 999"),
    (",data\n-1,2.0\n", "line 2 has the voxel index -1, expected 0 to 999"),
    (",data\n7,2.0\n5,1.0\n7,1.0\n", "line 4 repeats the voxel index 7"),
]


@pytest.mark.parametrize("rows, indices, values", VALUES)
def test_values(tmp_path: Path, rows: str, indices: list[int], values: list[float]) -> None:
    path = tmp_path / "dose.csv"
    path.write_text(",data\n" + rows)
    found_indices, found_values = read_sparse_csv(path, SIZE)
    assert found_indices.tolist() == indices
    assert found_values.tolist() == values


def test_windows_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "dose.csv"
    path.write_bytes(b",data\r\n3,2.5\r\n4,1.0\r\n")
    indices, values = read_sparse_csv(path, SIZE)
    assert indices.tolist() == [3, 4] and values.tolist() == [2.5, 1.0]


def test_many_digits_over_several_blocks_equal_python_float(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    size = 99_999_999
    indices = np.unique(rng.integers(0, size, 60_000))  # about 1 MB of text
    texts = [
        f"{value:.{digits}f}" for value, digits in zip(rng.uniform(0, 9e4, len(indices)), indices % 8 + 1, strict=True)
    ]
    path = tmp_path / "ct.csv"
    path.write_text(",data\n" + "".join(f"{i},{text}\n" for i, text in zip(indices, texts, strict=True)))
    found_indices, found_values = read_sparse_csv(path, size)
    assert np.array_equal(found_indices, indices)
    assert found_values.tolist() == [float(text) for text in texts]


def test_mask(tmp_path: Path) -> None:
    path = tmp_path / "PTV70.csv"
    path.write_text(",data\n5,\n123,\n")
    assert read_sparse_mask(path, SIZE).tolist() == [5, 123]


@pytest.mark.parametrize("rows, named", [("5,\n6,1.0\n", "line 3 is '6,1.0'"), ("5,\n123456789012,\n", "123456789012")])
def test_damaged_mask(tmp_path: Path, rows: str, named: str) -> None:
    path = tmp_path / "PTV70.csv"
    path.write_text(",data\n" + rows)
    with pytest.raises(DataError, match=named):
        read_sparse_mask(path, SIZE)


@pytest.mark.parametrize("content, named", DAMAGED)
def test_damage_is_named(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "dose.csv"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        read_sparse_csv(path, SIZE)
    assert str(path) in str(error.value) and named in str(error.value)
    assert "Copy the file" in str(error.value)


PREDICTIONS = [  # text of one prediction, as others write it, and whether its end is sure
    (",data\n3,2.0\n40,26.25\n", True),
    (",data\n3,2.0\n40,26.25", False),
    ("index,data\n3,2.0\n40,26.25\n", True),
    ('"","data"\n"3",2.0\n"40",26.25\n', True),
    ("\ufeff,data\n3,2.0\n40,26.25\n", True),
    (",data\n3,2.0\n40,26.25\n\n", True),
    ("\n,data\n\n3,2.0\n  \n40,26.25\n\n\n", True),
    (",data\r\n3,2.0\r\n40,26.25\r\n", True),
    (",data\r3,2.0\r40,26.25\r", True),
    (' "voxel" , "data"\r\n3, 2\r\n40, +2.625e1', False),
]


@pytest.mark.parametrize(("content", "ended"), PREDICTIONS)
def test_predictions_as_pandas_reads_them(tmp_path: Path, content: str, ended: bool) -> None:
    path = tmp_path / "pt_1.csv"
    path.write_bytes(content.encode())
    indices, values, found = read_prediction_csv(path, SIZE)
    assert (indices.tolist(), values.tolist(), found) == ([3, 40], [2.0, 26.25], ended)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "empty file"),
        ("\n\n", "empty file"),
        ("3,2.0\n4,1.0\n", "the first line is '3,2.0'"),
        (",dose\n3,2.0\n", "the first line is ',dose'"),
        ("data\n3,2.0\n", "the first line is 'data'"),
        (";data\n3;2.0\n", "the first line is ';data'"),
        (",data,more\n3,2.0,1\n", "the first line is ',data,more'"),
        ("\n,data\n\n3,2.0\n5.5,1.0\n", "line 5 is '5.5,1.0'"),
        ("\n,data\n\n3,2.0\n\n3,1.0\n", "line 6 repeats the voxel index 3"),
        ("index,data\n3,2.0\n4,\n", "line 3 is '4,'"),
        ("index,data\n3,nan\n", "line 2 has the value nan"),
        (",data\n\n1000,1", "line 3 has the voxel index 1000"),
    ],
)
def test_a_prediction_that_cannot_be_read_has_a_remedy_of_its_own(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "pt_1.csv"
    path.write_bytes(content.encode())
    with pytest.raises(DataError) as error:
        read_prediction_csv(path, SIZE)
    assert named in str(error.value) and str(path) in str(error.value)
    assert "release" not in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_sparse_csv(tmp_path / "dose.csv", SIZE)


def test_written_text(tmp_path: Path) -> None:
    write_sparse_csv(tmp_path / "dose.csv", np.array([3, 4]), np.array([2.0, 26.446]))
    write_sparse_csv(tmp_path / "mask.csv", np.array([3, 4]))
    assert (tmp_path / "dose.csv").read_text() == ",data\n3,2.0\n4,26.446\n"
    assert (tmp_path / "mask.csv").read_text() == ",data\n3,\n4,\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dose.csv", "mask.csv"]  # no temporary file left
