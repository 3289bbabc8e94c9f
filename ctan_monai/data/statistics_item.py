# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Transform

from ctan_monai.transforms import LoadRowd
from ctan_monai.utils.keys import SLICE

__all__ = ["StatisticsItem"]


class StatisticsItem(Transform):
    """An item of a bundle's data list as MONAI's ``DataAnalyzer`` takes it, for the statistics of a federated site.

    ``MonaiAlgoStats(..., data_stats_transform_list=[StatisticsItem()])`` has it in place of ``LoadImaged``, which reads
    neither rows of an array nor single slices, and asks for a "label".

    Args:
        label: key of the task whose label it is: a label map; or a class, which becomes a map of the class plus 1, so
            that the share of a label's voxels is that of its class.
    """

    def __init__(self, label: str = "segmentation") -> None:
        self.label = label

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """
        Returns:
            "image" and "label" as (C, H, W), or (1, X, Y, Z) with the Z of the item: a volume's, or 1 of a slice.
        """
        image = self._read(data, "image")
        label = self._read(data, self.label) if isinstance(data[self.label], str) else None
        if label is None:
            label = MetaTensor(torch.full_like(image[:1], float(data[self.label]) + 1), meta=image.meta)
        return {"image": image, "label": label}

    def _read(self, data: Mapping[str, Any], key: str) -> MetaTensor:
        path = str(data[key])
        meta = {"filename_or_obj": path}
        if path.endswith(".npy"):
            item: dict[Any, Any] = {**data}
            return MetaTensor(LoadRowd(key)(item)[key], meta=meta)
        volume: Any = nib.load(path)
        place = slice(None) if SLICE not in data else slice(data[SLICE], data[SLICE] + 1)
        array = np.asarray(volume.dataobj[..., place], dtype=np.float32)
        return MetaTensor(torch.from_numpy(array)[None], affine=torch.as_tensor(volume.affine), meta=meta)
