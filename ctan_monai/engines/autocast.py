# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch


def bf16_autocast(device: torch.device | str, enabled: bool) -> torch.autocast:
    """Mixed precision in bfloat16 on any device by one switch.

    MONAI's engines call ``torch.autocast("cuda")`` whatever the device is. bfloat16 has float32's range, so that no
    loss scaling is needed, and CPUs with AVX-512 BF16 or AMX run it natively.

    Args:
        device: device the network is on.
        enabled: False gives a context that changes nothing.
    """
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=enabled)
