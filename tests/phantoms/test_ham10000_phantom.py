# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.command.phantom import add_arguments
from ctan_monai.data.ham10000.metadata import CLASSES
from ctan_monai.data.ham10000.release import find_release
from ctan_monai.imaging.photos import decode_mask, decode_photo
from ctan_monai.phantoms import make_ham10000_image, write_ham10000_phantom
from ctan_monai.utils import DataError


@pytest.mark.parametrize("zipped", [False, True])
def test_the_release_is_read_by_the_same_code(tmp_path: Path, zipped: bool) -> None:
    count = write_ham10000_phantom(tmp_path, 21, seed=2, zipped=zipped)
    release = find_release(tmp_path)
    assert count == len(release.images) == len(release.masks) == len(release.rows) == 33
    assert {row.dx for row in release.rows.values()} == set(CLASSES)
    assert len({row.lesion_id for row in release.rows.values()}) == 21
    first = make_ham10000_image(0, 0, seed=2)
    image = np.asarray(decode_photo(release.images["ISIC_0024306"].read(), "x"))
    assert image.shape == (450, 600, 3)
    assert np.abs(image.astype(int) - first.image).mean() < 4  # JPEG is not exact
    np.testing.assert_array_equal(decode_mask(release.masks["ISIC_0024306"].read(), "x"), first.mask)


def test_same_number_same_image() -> None:
    first, again = (make_ham10000_image(3, 1, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    assert not np.array_equal(first.mask, make_ham10000_image(3, 0, seed=5).mask), "another view"
    assert first.dx == "df"


@pytest.mark.parametrize("number", range(7))
def test_every_lesion_is_darker_than_its_skin_and_fits(number: int) -> None:
    made = make_ham10000_image(number)
    assert 0.01 < made.mask.mean() < 0.5
    assert not made.mask[0].any() and not made.mask[:, 0].any()
    assert made.image[made.mask].mean() < made.image[~made.mask].mean() - 10


def test_another_phantom_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx\n")
    with pytest.raises(DataError, match="holds another phantom or release already"):
        write_ham10000_phantom(tmp_path, 21)


def test_too_few_lesions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="lesions is 20, expected at least 21"):
        write_ham10000_phantom(tmp_path, 20)
    parser = argparse.ArgumentParser()
    add_arguments("ham10000", parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--output", "x", "--patients", "5"])
    assert "expected a whole number of at least 21" in capsys.readouterr().err
