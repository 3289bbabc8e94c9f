# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from monai.transforms import Activationsd, AsDiscreted, Compose, CopyItemsd

from ctan_monai.transforms import TaskCompose


def test_keys_of_tasks_that_the_network_lacks_are_passed_over() -> None:
    chain = TaskCompose(
        [
            Activationsd(["pred_a", "pred_b"], softmax=True),
            Compose([AsDiscreted("pred_a", argmax=True)]),
            CopyItemsd(["pred_a", "pred_b"], names=["a", "b"]),
        ]
    )
    output = chain({"pred_a": torch.tensor([[0.0], [2.0]])})
    assert set(output) == {"pred_a", "a"}
    assert output["a"].tolist() == [[1.0]]
    assert set(chain({"pred_b": torch.zeros(2, 1)})) == {"pred_b", "b"}
