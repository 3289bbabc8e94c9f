# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Cross-task attention network."""

from __future__ import annotations

from typing import Any

from .attention_network import AttentionNetwork

__all__ = ["CTAN"]


class CTAN(AttentionNetwork):
    """Cross-task attention network (Kim, Purdie and McIntosh 2023, section 2.1).

    In the encoder each task gates the shared features by the other task's mask (equation 1, ``CTAE``),
    G^j_t = A^j_{t'} * P^j, and its decoder takes G^j_t as skips. The decoder's bottleneck is A-bar_t, cross-task
    attention between the attended features A-hat^4_t (equation 2, ``CTAB``), to which A-hat^4_t is added.

    Args:
        arguments: those of ``MultiTaskNetwork``, by position or by name.
        normalization: of equation 2: "softmax", "none" as in the paper, or "cosine". See ``cross_task_attention``.
        order: of equation 2: "equation", or "prose" for its transpose. See ``cross_task_attention``.
        ctab_activation: of CTAB: "none", or "relu" behind its convolutions. See ``CTAB``.
        ctab_identity: whether the bottleneck is A-bar_t + A-hat^4_t; False: A-bar_t alone, the letter of equation 2.
        ctab_cross: for an ablation: False puts E_t in the place of E_{t'} in equation 2.
        ctab: for an ablation: False leaves equation 2 out; the bottleneck is A-hat^4_t.
        attended_skips: for an ablation: False takes skips P^j from the trunk. Without CTAB too, two tasks then exchange
            nothing: it is a network of tasks with own masks, the attention blocks of stages 2 and 4 swapped
            between the tasks.
        shared_pool: True: one Pool a stage for all tasks, as equation 1 writes it; False: one for each task.
        constant_masks: for a control: True holds all masks at 0.5, in training as well.
    """

    def __init__(
        self,
        *arguments: Any,
        normalization: str = "softmax",
        order: str = "equation",
        ctab_activation: str = "none",
        ctab_identity: bool = True,
        ctab_cross: bool = True,
        ctab: bool = True,
        attended_skips: bool = True,
        shared_pool: bool = False,
        constant_masks: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            *arguments,
            cross=True,
            ctab=ctab,
            pool="bottleneck",
            shared_pool=shared_pool,
            attended_skips=attended_skips,
            constant_masks=constant_masks,
            ctab_options={
                "normalization": normalization,
                "order": order,
                "activation": ctab_activation,
                "identity": ctab_identity,
                "cross": ctab_cross,
            },
            **options,
        )
