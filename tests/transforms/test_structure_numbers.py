# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers, colors and names of structures: by label, whatever was found, the same in RTSTRUCT and SEG."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from dicom_cases import SHAPE, write_ct
from monai.data import MetaTensor
from support import REPOSITORY

from ctan_monai.data.prostate.roi_names import match_rois
from ctan_monai.dicom.snomed_codes import segment_code, structure_color
from ctan_monai.inference import ResultsFolder, SaveDicomRTd
from ctan_monai.reports.structures import structure_colors

hd = pytest.importorskip("highdicom", reason="highdicom is not installed (pip install 'ctan-monai[dicom]')")


def labels_of(bundle: str) -> dict[str, int]:
    config = json.loads((REPOSITORY / "bundles" / bundle / "configs" / "inference.json").read_text())
    return dict(config["label_names"])


def write(folder: Path, labels: dict[str, int], found: tuple[str, ...], **options: Any) -> tuple[dict, dict]:
    """ROIs and segments by name: number and RGB; a segment without voxels is there, an ROI without is not."""
    volume = np.zeros(SHAPE, np.uint8)
    for organ in found:
        volume[labels[organ], 2:5, 1:4] = labels[organ]
    write_ct(folder / "CT")
    data = {
        "case_id": "p1",
        "image": MetaTensor(torch.zeros(1, *SHAPE), meta={"filename_or_obj": str(folder / "CT")}),
        "pred": MetaTensor(torch.from_numpy(volume)[None]),
    }
    results = ResultsFolder(folder / "out", "x")
    SaveDicomRTd("rtstruct,seg", labels, results, **options)(data)
    results.commit("p1")
    structures = pydicom.dcmread(folder / "out" / "p1_rtstruct.dcm")
    colors = {c.ReferencedROINumber: tuple(c.ROIDisplayColor) for c in structures.ROIContourSequence}
    rois = {r.ROIName: (r.ROINumber, colors[r.ROINumber]) for r in structures.StructureSetROISequence}
    assert set(colors) == {o.ReferencedROINumber for o in structures.RTROIObservationsSequence}
    segments = {
        s.SegmentLabel: (
            s.SegmentNumber,
            hd.color.CIELabColor.from_dicom_value([int(v) for v in s.RecommendedDisplayCIELabValue]).to_rgb(),
        )
        for s in pydicom.dcmread(folder / "out" / "p1_seg.dcm").SegmentSequence
    }
    return rois, segments


@pytest.mark.parametrize("bundle", ["openkbp", "prostate"])
def test_the_same_structure_has_the_same_number_and_color(bundle: str, tmp_path: Path) -> None:
    labels = labels_of(bundle)
    expected = {organ: (number, segment_code(organ).color) for organ, number in labels.items()}
    organs = list(labels)
    for position, found in enumerate([tuple(organs), (organs[-1],), (organs[2], organs[3]), (organs[1], organs[3])]):
        rois, segments = write(tmp_path / str(position), labels, found)
        assert rois == {organ: expected[organ] for organ in found}
        assert segments == expected


@pytest.mark.parametrize("bundle", ["openkbp", "prostate"])
def test_colors_are_those_of_the_reports_and_differ(bundle: str) -> None:
    labels = labels_of(bundle)
    colors = {organ: "#{:02x}{:02x}{:02x}".format(*segment_code(organ).color) for organ in labels}
    assert colors == structure_colors(labels, dark=True)
    assert len(set(colors.values())) == len(labels)


def test_labels_that_do_not_begin_at_one_or_are_not_in_order(tmp_path: Path) -> None:
    rois, segments = write(tmp_path, {"bladder": 5, "rectum": 2, "ctv": 3}, ("bladder", "ctv"))
    assert {name: number for name, (number, _) in rois.items()} == {"ctv": 2, "bladder": 3}
    assert {name: number for name, (number, _) in segments.items()} == {"rectum": 1, "ctv": 2, "bladder": 3}


@pytest.mark.parametrize(
    ("bundle", "names"),
    [
        ("openkbp", ["Brainstem", "SpinalCord", "Parotid_R", "Parotid_L"]),
        ("prostate", ["Rectum", "Bladder", "Femur_L", "Femur_R", "CTV"]),
    ],
)
def test_names_of_tg_263(bundle: str, names: list[str], tmp_path: Path) -> None:
    labels = labels_of(bundle)
    rois, segments = write(tmp_path, labels, tuple(labels), tg263=True)
    assert list(rois) == list(segments) == names
    assert list(rois.values()) == list(segments.values()) == [(labels[o], segment_code(o).color) for o in labels]
    if bundle == "prostate":  # and are read again as the same labels
        assert match_rois(names) == {organ: position for position, organ in enumerate(labels)}


def test_a_label_without_standard_name_is_refused_before_time_is_spent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the label 'liver' has no codes.*--tg263 off"):
        SaveDicomRTd("rtstruct", {"liver": 1}, ResultsFolder(tmp_path, "x"), tg263=True)
    SaveDicomRTd("rtstruct", {"liver": 1}, ResultsFolder(tmp_path, "x"))


def test_other_spellings_have_the_labels_color_and_unknown_names_one_by_number() -> None:
    assert structure_color("Femur_L", 9) == structure_color("left_femur", 1) == segment_code("left_femur").color
    assert structure_color("PTV", 2) == structure_color("PTV", 2) != structure_color("PTV", 3)
