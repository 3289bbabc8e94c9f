# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Several outputs through MONAI Deploy's bundle operator."""

from __future__ import annotations

from typing import Any

import torch
from monai.data import decollate_batch
from monai.inferers import Inferer

__all__ = ["DeployInferer"]


class DeployInferer(Inferer):
    """An inferer whose outputs all arrive in MONAI Deploy's ``MonaiBundleInferenceOperator``.

    The operator keeps the first item of what an inferer returns, takes that for one sample without a batch axis, and
    where it is a dict, merges it into the item that the post-processing sees. So the tasks' outputs go into one item,
    {"pred": {task: output}}, the form that MONAI's evaluator gives the post-processing. It also hands over every
    further tensor of the pre-processing (such as the body's mask) as an argument of the network, which has none.

    Args:
        inferer: the bundle's own.
    """

    def __init__(self, inferer: Inferer) -> None:
        super().__init__()
        self.inferer = inferer

    def __call__(  # type: ignore[override]  # a list is what the operator needs
        self, inputs: torch.Tensor, network: torch.nn.Module, *args: Any, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """
        Args:
            inputs: (B, ...), as the inferer takes it.
            network: maps the input to a dict of task outputs.
            args: not used.
            kwargs: not used.

        Returns:
            one {"pred": {task: output without batch axis}} for each sample.
        """
        return [{"pred": sample} for sample in decollate_batch(self.inferer(inputs, network))]
