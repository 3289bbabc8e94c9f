# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""On the real files of HAM10000, as far as they are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.data.ham10000.datalist import split_lesions
from ctan_monai.data.ham10000.metadata import CLASSES
from ctan_monai.data.ham10000.prepare import prepare_ham10000
from ctan_monai.data.ham10000.release import Release, find_release
from ctan_monai.imaging.photos import decode_mask


@pytest.fixture(scope="module")
def full(test_data_dir: Path) -> Release:
    folder = test_data_dir / "ham10000_200x150_full"
    if not folder.is_dir():
        pytest.skip(f"the real HAM10000 images are absent: no '{folder}' (set CTAN_TEST_DATA)")
    return find_release(folder)


def test_the_full_release_is_found_in_its_zips(full: Release) -> None:
    assert len(full.images) == len(full.masks) == len(full.rows) == 10015
    assert set(full.images) == set(full.masks) == set(full.rows)
    assert full.notes == []
    assert Counter(row.dx for row in full.rows.values()) == {
        "nv": 6705, "mel": 1113, "bkl": 1099, "bcc": 514, "akiec": 327, "vasc": 142, "df": 115
    }  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_no_lesion_of_the_real_metadata_is_in_two_sections(full: Release, seed: int) -> None:
    rows = list(full.rows.values())
    sections, notes = split_lesions(rows, seed)
    assert notes == []
    assert Counter(sections.values()) == {"training": 5230, "validation": 747, "test": 1493}
    lesions = {
        name: {row.lesion_id for row in rows if sections[row.lesion_id] == name} for name in set(sections.values())
    }
    assert not lesions["training"] & lesions["test"]
    assert not lesions["training"] & lesions["validation"]
    assert not lesions["validation"] & lesions["test"]
    by_class = Counter((row.dx, sections[row.lesion_id]) for row in {row.lesion_id: row for row in rows}.values())
    for dx in CLASSES:
        total = sum(by_class[dx, section] for section in lesions)
        for section, fraction in (("training", 0.7), ("validation", 0.1), ("test", 0.2)):
            assert abs(by_class[dx, section] - fraction * total) < 1, (dx, section)


def test_real_photographs_at_full_size(test_data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine of the 600 x 450 images, through preparing; the mask comes back as it was."""
    folder = test_data_dir / "ham10000_600x450_155"
    if not folder.is_dir():
        pytest.skip(f"the real HAM10000 images are absent: no '{folder}' (set CTAN_TEST_DATA)")
    names = sorted(path.stem for path in (folder / "HAM10000_images_part_1").iterdir())[:9]
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / f"{name}.jpg").symlink_to(folder / "HAM10000_images_part_1" / f"{name}.jpg")
        mask = f"{name}_segmentation.png"
        (tmp_path / "in" / mask).symlink_to(folder / "HAM10000_segmentations_lesion_tschandl" / mask)
    (tmp_path / "in" / "HAM10000_metadata.csv").symlink_to(folder / "HAM10000_metadata.csv")
    datalist = prepare_ham10000(tmp_path / "in", tmp_path / "out")
    assert datalist["provenance"]["skipped"] == []
    assert len(datalist["provenance"]["unmatched"]["metadata_rows_without_image"]) == 146
    segmentations = np.load(tmp_path / "out" / "segmentations.npy")
    for section in ("training", "validation", "test"):
        for entry in datalist[section]:
            assert entry["box"] == [32, 0, 192, 256]
            original = decode_mask((tmp_path / "out" / entry["mask"]).read_bytes(), entry["case_id"])
            assert original.shape == (450, 600)
            share = segmentations[entry["index"]].sum() / (192 * 256)
            assert share == pytest.approx(original.mean(), abs=0.003)
