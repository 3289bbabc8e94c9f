# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""The cross-task attention of CTAN's bottleneck (paper, section 2.1, equation 2)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import normalize

from .blocks import autocast_off, conv_block, kaiming_init

__all__ = ["CTAB", "cross_task_attention"]

NORMALIZATIONS = ("none", "softmax", "cosine")
ORDERS = ("equation", "prose")
ACTIVATIONS = {"none": None, "relu": "relu"}


def cross_task_attention(
    e_t: torch.Tensor, e_other: torch.Tensor, normalization: str = "none", order: str = "equation"
) -> torch.Tensor:
    """Equation 2: A-bar_t = E_t (E_{t'}^T E_t), here divided by N sqrt(C).

    With S = E_{t'}^T E_t (N x N, N positions), column n of the result is sum_m S[m, n] E_t[:, m]. The paper has no
    division; without it the values grow with the size of the image, so that no image could be trained at another size.

    Args:
        e_t: E_t, the embedding of the task itself, (B, C, N).
        e_other: E_{t'}, the embedding of the other task, (B, C, N).
        normalization: "none" as in the paper; "softmax": softmax over m of S / sqrt(C), without the division by N; or
            "cosine": S of embeddings divided by their length at each position, here divided by N alone.
        order: "equation" uses S; "prose" its transpose, which is what the paper's sentence says (query of t', key and
            value of t).

    Returns:
        A-bar_t, (B, C, N), in the type of the arguments.
    """
    channels, positions = e_t.shape[1], e_t.shape[2]
    query, key = (e_t, e_other) if order == "equation" else (e_other, e_t)  # column n asks, row m answers
    scale = 1.0 / math.sqrt(channels)
    if normalization == "cosine":
        query, key, scale = normalize(query, dim=1), normalize(key, dim=1), 1.0
    if normalization == "softmax":
        return e_t @ torch.softmax(key.transpose(1, 2) @ query * scale, dim=1)  # equation 2 with softmax, the default
    scale = scale / positions
    if channels_first(channels, positions):
        return (e_t @ key.transpose(1, 2) * scale) @ query  # equation 2, the quicker order
    return e_t @ (key.transpose(1, 2) @ query * scale)  # equation 2 as the paper writes it


def channels_first(channels: int, positions: int) -> bool:
    """Whether to multiply (E E^T) E, linear in the positions, and not E (E^T E): the product is the same."""
    if torch.jit.is_scripting():
        return positions > channels
    else:  # a graph exported or compiled for any image size must not depend on the comparison
        return torch.compiler.is_compiling() or positions > channels


class CTAB(nn.Module):
    """Cross-task attention bottleneck (CTAB), all tasks.

    A 1x1 convolution and a norm embed each task's attended feature A-hat^4_t in a quarter of its channels (E_t).
    Equation 2 follows, in float32 with autocast off, and a 1x1 convolution and a norm return to the full width. With
    more than two tasks equation 2 is averaged over the other tasks t'; for a single task t' = t.

    Three things here are readings of the paper. Neither convolution has an activation: behind a ReLU all of
    S = E_{t'}^T E_t is positive and nearly constant, and equation 2 becomes the mean over positions. S passes through a
    softmax: without it a trained network makes no use of equation 2. And A-hat^4_t is added to the result, as in the
    non-local block (Wang et al., "Non-local neural networks", CVPR 2018): equation 2 alone is a narrow way from stage 4
    to the decoder.

    Args:
        spatial_dims: 2 or 3.
        channels: channels of A-hat^4_t.
        num_tasks: number of tasks.
        normalization: "softmax", "none" or "cosine", see ``cross_task_attention``.
        order: "equation" or "prose", see ``cross_task_attention``.
        activation: behind both 1x1 convolutions: "none" or "relu".
        identity: whether A-hat^4_t is added to the result; False returns equation 2 alone, as the paper writes it.
        cross: for an ablation: False puts E_t in the place of E_{t'}.

    Raises:
        ValueError: for an unknown normalization, order or activation.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        num_tasks: int,
        normalization: str = "softmax",
        order: str = "equation",
        activation: str = "none",
        identity: bool = True,
        cross: bool = True,
    ) -> None:
        super().__init__()
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"Unknown normalization {normalization!r}: use one of {', '.join(NORMALIZATIONS)}.")
        if order not in ORDERS:
            raise ValueError(f"Unknown order {order!r}: use one of {', '.join(ORDERS)}.")
        if activation not in ACTIVATIONS:
            raise ValueError(f"Unknown activation {activation!r}: use one of {', '.join(ACTIVATIONS)}.")
        self.normalization = normalization
        self.order = order
        self.activation = activation
        self.identity = identity
        self.cross = cross
        quarter, act = channels // 4, ACTIVATIONS[activation]
        self.embeddings = nn.ModuleList(
            conv_block(spatial_dims, channels, quarter, kernel_size=1, act=act) for _ in range(num_tasks)
        )
        self.projections = nn.ModuleList(
            conv_block(spatial_dims, quarter, channels, kernel_size=1, act=act) for _ in range(num_tasks)
        )
        kaiming_init(self)

    def forward(self, attended: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps A-hat^4_t of all tasks to A-bar_t of all tasks, (B, channels, *spatial) each."""
        embedded: list[torch.Tensor] = []
        for t, embedding in enumerate(self.embeddings):
            embedded.append(embedding(attended[t]))
        if torch.jit.is_scripting():
            attention = self.attend(embedded)
        else:
            with autocast_off(embedded[0]):
                attention = self.attend(embedded)
        results: list[torch.Tensor] = []
        for t, projection in enumerate(self.projections):
            term = projection(attention[t])
            results.append(term + attended[t] if self.identity else term)
        return results

    def reading(self) -> dict[str, str | bool]:
        """The options, by the names they have in CTAN; none of them shows in a name or shape of the weights."""
        return {
            "normalization": self.normalization,
            "order": self.order,
            "ctab_activation": self.activation,
            "ctab_identity": self.identity,
            "ctab_cross": self.cross,
        }

    def attend(self, embedded: list[torch.Tensor]) -> list[torch.Tensor]:
        """Equation 2 for each task, averaged over its other tasks, on E_t (B, C, *spatial)."""
        flat = [e.float().flatten(2) for e in embedded]
        attention: list[torch.Tensor] = []
        for t in range(len(flat)):
            others = flat[:t] + flat[t + 1 :] if self.cross and len(flat) > 1 else [flat[t]]
            per_task = [cross_task_attention(flat[t], other, self.normalization, self.order) for other in others]
            mean = per_task[0] if len(per_task) == 1 else torch.stack(per_task).mean(dim=0)
            attention.append(mean.reshape(embedded[t].shape))
        return attention
