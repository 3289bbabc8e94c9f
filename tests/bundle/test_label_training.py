# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from ctan_monai.bundle.label_training import refuse_label_list


@pytest.mark.parametrize("data", [[], [{"image": "ct.nii", "label": "label.nii"}]], ids=["no label yet", "one label"])
def test_monai_labels_list_is_refused(data: list[dict[str, str]]) -> None:
    config = {"available_tasks": {"segmentation": {}, "dose": {}}, "train": {"dataset": {"data": data}}}
    with pytest.raises(ValueError, match=f"list of {len(data)} labelled images cannot train this bundle.*and dose"):
        refuse_label_list(config, "models/openkbp")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"train": {"dataset": {"data": "$ctan_monai.data.expand_slices(@train::cases)"}}},
        {"train": {"dataset": {"data": [{"image": "ct.nii", "segmentation": "labels.nii"}]}}},
    ],
    ids=["an inference config", "prepared data", "a list of one's own"],
)
def test_other_data_are_not(config: dict[str, Any]) -> None:
    refuse_label_list(config, "models/openkbp")
