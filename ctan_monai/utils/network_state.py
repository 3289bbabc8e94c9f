# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import torch

__all__ = ["unwrap", "weights_version"]


def unwrap(item: Any) -> Any:
    """The network inside DistributedDataParallel and ``torch.compile``: both change the names of the weights.

    Args:
        item: such a network, or anything else, which is returned as it is.
    """
    if isinstance(item, torch.nn.parallel.DistributedDataParallel):
        return unwrap(item.module)
    return unwrap(item._orig_mod) if isinstance(item, torch._dynamo.OptimizedModule) else item


def weights_version(network: torch.nn.Module) -> int:
    """A number that grows when someone writes into a network's weights; PyTorch counts the changes of each tensor."""
    return sum(value._version for value in unwrap(network).state_dict().values() if isinstance(value, torch.Tensor))
