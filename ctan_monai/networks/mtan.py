# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Multi-task attention network."""

from __future__ import annotations

from typing import Any

from .attention_network import AttentionNetwork

__all__ = ["MTAN"]


class MTAN(AttentionNetwork):
    """Multi-task attention network (Liu et al. 2019, "End-to-End Multi-Task Learning with Attention").

    Each task gates the shared features by its own masks, G^j_t = A^j_t * P^j, and hands A-hat^j_t = Pool(G^j_t) to its
    own next stage. Pool is one residual block for all tasks, as in the authors' code for ResNets, and there is none
    after the last stage: the decoder sees skips G^j_t and bottleneck G^4_t.

    Args:
        arguments: those of ``MultiTaskNetwork``, by position or by name.
        ctab: for an ablation: True gives MTAN the cross-task attention of CTAN's bottleneck.
    """

    def __init__(self, *arguments: Any, ctab: bool = False, **options: Any) -> None:
        super().__init__(*arguments, cross=False, ctab=ctab, pool="residual", shared_pool=True, **options)
