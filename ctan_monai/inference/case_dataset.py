# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from monai.data import Dataset

from ctan_monai.engines.batch import FAILURE
from ctan_monai.utils import image_name
from ctan_monai.utils.errors import case_reason

__all__ = ["CaseDataset"]


class CaseDataset(Dataset):
    """MONAI's ``Dataset`` for inference: a case that cannot be loaded does not stop the others.

    In place of its image it has the reason as "failure", by which
    :py:class:`ctan_monai.engines.MultiTaskEvaluator` passes it over and the handlers that write results list it. For
    loaders with one case a batch.
    """

    def _transform(self, index: int) -> Any:
        try:
            return super()._transform(index)
        except Exception as error:  # of any kind: the file is the user's
            item = self.data[index]
            return {"case_id": item["case_id"], FAILURE: case_reason(error, image_name(item["image"]))}
