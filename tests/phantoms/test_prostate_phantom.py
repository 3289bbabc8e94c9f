# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ctan_monai.data import read_datalist
from ctan_monai.data.prostate.prepare import prepare_prostate
from ctan_monai.phantoms import write_prostate_patient, write_prostate_phantom
from ctan_monai.phantoms.prostate_anatomy import make_pelvis
from ctan_monai.phantoms.prostate_dose import make_pelvis_dose
from ctan_monai.utils.errors import DataError

SPACING = (4.0, 4.0, 6.0)


def read(path: Path | str) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


def test_patients_differ_and_depend_on_number_and_seed_alone() -> None:
    first, again, other = (make_pelvis(np.random.default_rng([0, n]), SPACING, 100) for n in (1, 1, 2))
    np.testing.assert_array_equal(first.ct, again.ct)
    assert (first.structures["ctv"] != other.structures["ctv"]).any()


def test_organs_are_told_apart_by_hu_and_lie_where_they_should() -> None:
    for number in range(6):
        pelvis = make_pelvis(np.random.default_rng([0, number]), SPACING, 100)
        organs = pelvis.structures
        assert all(mask.sum() > 100 for mask in organs.values())
        assert not (organs["ctv"] & organs["rectum"]).any()
        center = {name: np.argwhere(mask).mean(axis=0) for name, mask in organs.items()}
        assert center["left_femur"][0] > center["ctv"][0] > center["right_femur"][0], "x grows to the left"
        assert center["rectum"][1] > center["ctv"][1] > center["bladder"][1], "y grows to the back"
        assert center["bladder"][2] > center["ctv"][2], "z grows to the head"
        outside_ctv = organs["bladder"] & ~organs["ctv"]
        assert pelvis.ct[organs["ctv"]].mean() - pelvis.ct[outside_ctv].mean() > 60
        assert pelvis.ct[organs["left_femur"]].mean() > 400


def test_the_dose_follows_from_the_anatomy() -> None:
    pelvis = make_pelvis(np.random.default_rng([0, 1]), SPACING, 100)
    dose = make_pelvis_dose(pelvis, SPACING)
    means = {name: dose[mask].mean() for name, mask in pelvis.structures.items()}
    assert np.median(dose[pelvis.structures["ctv"]]) == pytest.approx(70.0, abs=1e-3)
    assert means["ctv"] > means["rectum"] > means["left_femur"] > 0
    assert (dose[~pelvis.body] == 0).all()


def test_reading_gives_back_what_was_drawn(tmp_path: Path) -> None:
    """Number 4 has BEAM doses; its masks come back from contours, its dose from a coarser grid."""
    pelvis = write_prostate_patient(tmp_path / "source" / "p", 4)
    datalist = prepare_prostate(tmp_path / "source", tmp_path / "out", split="all")
    (case,) = read_datalist(tmp_path / "out", "test")
    own = case["original"]
    for label, mask in pelvis.structures.items():
        np.testing.assert_array_equal(read(own["structures"][label]), mask, err_msg=label)
    np.testing.assert_allclose(read(own["image"])[pelvis.body], np.rint(pelvis.ct[pelvis.body]), atol=1)
    dose = read(own["dose"])
    assert np.median(dose[pelvis.structures["ctv"]]) == pytest.approx(70.0, abs=1.0)
    assert dose[pelvis.structures["ctv"]].min() > 60
    assert (dose[pelvis.body & (read(own["image"]) > -300)].min(axis=0) > 0).all(), "no slice beyond the dose grid"
    assert (
        "phantom_004: the sum of 3 BEAM doses; no RTPLAN tells whether these are all" in datalist["provenance"]["notes"]
    )


def test_exports_vary(prostate_phantom: Path) -> None:
    provenance = json.loads((prostate_phantom / "datalist.json").read_text())["provenance"]
    assert provenance["skipped"] == []
    assert len({tuple(sorted(names.values())) for names in provenance["roi_names"].values()}) == 3
    release = prostate_phantom.parent / "release"
    doses = [pydicom.dcmread(f, stop_before_pixels=True) for f in release.rglob("RD*.dcm")]
    relative = [float(d.GridFrameOffsetVector[0]) == 0 for d in doses]
    assert any(relative) and not all(relative)
    notes = provenance["notes"]
    assert len([n for n in notes if "by its name" in n]) == 1, "number 3 lacks an organ"


def test_another_phantom_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"holds 'file' already\. Give a new --output"):
        write_prostate_phantom(tmp_path, 3)
