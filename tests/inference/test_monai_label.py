# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from monai.data import MetaTensor

from ctan_monai.inference import MonaiLabelResultd

MAPS = {"segmentation": "pred", "dose": "dose"}


def volume_item(**more: Any) -> dict[str, Any]:
    """A CT's predictions as the postprocessing leaves them."""
    image = MetaTensor(torch.zeros(3, 2, 2, 2), meta={"spatial_shape": (4, 5, 6)})
    labels = MetaTensor(torch.ones(1, 4, 5, 6, dtype=torch.uint8))
    return {"image": image, "pred": labels, "dose": MetaTensor(torch.full((1, 4, 5, 6), 60.5)), **more}


@pytest.mark.parametrize(
    "request_part",
    [{}, {"show": "segmentation"}, {"show": ["segmentation", "dose"]}],
    ids=["nothing asked", "a name", "Label's list of choices"],
)
def test_the_label_map_unless_another_is_asked_for(request_part: dict[str, Any]) -> None:
    item = volume_item(**request_part)
    result = MonaiLabelResultd(maps=MAPS)(item)
    assert result["pred"] is item["pred"]
    assert "result_extension" not in result  # a volume keeps its file's form


def test_the_dose_on_request_stays_in_gray() -> None:
    result = MonaiLabelResultd(maps=MAPS)(volume_item(show="dose"))
    assert result["pred"].dtype == torch.float32
    assert float(result["pred"].max()) == 60.5


@pytest.mark.parametrize("show", ["segmentation", "dose"])
def test_a_map_that_is_not_usable_is_withheld_unless_asked_for(show: str) -> None:
    report = {"case_id": "a", "usable": False, "unusable_because": ["another part of the body"]}
    withheld = MonaiLabelResultd(maps=MAPS, texts=["report"])(volume_item(report=report, show=show))
    assert withheld["pred"].shape == (1, 4, 5, 6) and not withheld["pred"].any()
    assert withheld["result"]["report"] == report
    sent = MonaiLabelResultd(maps=MAPS)(volume_item(report=report, show=show, write_implausible=True))
    assert sent["pred"].all()
    assert MonaiLabelResultd(maps=MAPS)(volume_item(report={"usable": True}, show=show))["pred"].all()


def test_label_is_kept_from_resizing_to_the_shape_in_the_meta_data() -> None:
    item = volume_item()
    assert "spatial_shape" not in MonaiLabelResultd(maps=MAPS)(item)["image"].meta


@pytest.mark.parametrize("asked", ["doze", "dose"])
def test_a_map_that_the_model_does_not_have(asked: str) -> None:
    item = volume_item(show=asked)
    del item["dose"]  # a network of the segmentation alone
    with pytest.raises(ValueError, match=f"'show' is '{asked}': this model has segmentation"):
        MonaiLabelResultd(maps=MAPS)(item)


def test_a_pictures_mask_is_turned_for_labels_writer_and_is_no_jpeg() -> None:
    mask = torch.zeros(1, 2, 3, dtype=torch.uint8)
    mask[0, 1, 0] = 1  # second row, first column
    item = {
        "pred": MetaTensor(mask),
        "diagnosis": torch.tensor([0.25, 0.75]),
        "image": MetaTensor(torch.zeros(3, 4, 4)),
    }
    result = MonaiLabelResultd(maps={"segmentation": "pred"}, names={"diagnosis": ["mel", "nv"]})(item)
    assert result["pred"].shape == (3, 2)  # (W, H): Label transposes
    assert result["pred"][0, 1] == 1
    assert result["result_extension"] == ".png"
    assert result["result"] == {"diagnosis": {"mel": 0.25, "nv": 0.75}}


def test_an_extension_that_is_asked_for_is_kept() -> None:
    item = {"pred": MetaTensor(torch.zeros(1, 2, 3)), "result_extension": ".tif"}
    assert MonaiLabelResultd(maps={"segmentation": "pred"})(item)["result_extension"] == ".tif"


@pytest.mark.parametrize(("asked", "expected"), [({}, ".nii.gz"), ({"result_extension": ".nrrd"}, ".nrrd")])
def test_a_dicom_series_folder_has_no_suffix_to_follow(tmp_path: Path, asked: dict[str, str], expected: str) -> None:
    item = volume_item(image_path=str(tmp_path), **asked)
    assert MonaiLabelResultd(maps=MAPS)(item)["result_extension"] == expected


IMAGE_LEVEL = {"names": {"covid": ["covid"], "severity": ["severity"]}, "texts": ["found"]}


def test_numbers_alone_come_with_an_empty_map() -> None:
    item = {"covid": torch.tensor([0.5]), "severity": torch.tensor([0.125]), "found": "lungs", "model": "stoic"}
    result = MonaiLabelResultd(**IMAGE_LEVEL)(item)
    assert result["result"] == {"covid": 0.5, "severity": 0.125, "found": "lungs"}
    assert not result["pred"].any()


def test_for_a_classification_model_label_gets_the_numbers_themselves() -> None:
    item = {"covid": torch.tensor([0.5]), "severity": torch.tensor([0.125]), "model": "stoic_classification"}
    assert MonaiLabelResultd(**IMAGE_LEVEL)(item)["pred"].tolist() == [0.5, 0.125]


def test_a_task_that_the_network_lacks_is_left_out() -> None:
    result = MonaiLabelResultd(**IMAGE_LEVEL)({"covid": torch.tensor([0.5])})
    assert result["result"] == {"covid": 0.5}


def test_names_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"'covid' has 2 values, but 1 names: \['covid'\]"):
        MonaiLabelResultd(**IMAGE_LEVEL)({"covid": torch.tensor([0.5, 0.5])})
