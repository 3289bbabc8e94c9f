# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""The attention of MTAN and CTAN in the encoder: one stage, all tasks (paper, section 2.1, equation 1)."""

from __future__ import annotations

import torch
from torch import nn

from .blocks import conv_block, kaiming_init

__all__ = ["CTAE", "ConstantMasks"]


class CTAE(nn.Module):
    """Cross-task attention encoder (CTAE) of one encoder stage.

    Each task t embeds the shared feature U^j, joined with its attended feature of the stage before, and makes an
    attention mask A^j_t of it. Equation 1 multiplies the shared feature P^j by the mask of the *other* task t':

        A-hat^j_t = Pool(G^j_t),  G^j_t = A^j_{t'} * P^j

    With more than two tasks A^j_{t'} is the mean of the other tasks' masks; a single task uses its own. With
    ``cross=False`` every task uses its own mask, which is MTAN (Liu et al. 2019).

    The decoders' skip connections must be G^j_t. With skips from the trunk, two crossed chains are MTAN with the
    attention blocks of stages 2 and 4 swapped between the tasks, and nothing is exchanged.

    Args:
        spatial_dims: 2 or 3.
        channels: C_j, channels of U^j and P^j.
        pools: maps the list of all G^j_t to that of all A-hat^j_t.
        num_tasks: number of tasks.
        attended_channels: channels of the attended features of the stage before; 0 for the first stage, which has none
            (the paper sets them to zero).
        cross: True for equation 1, False for MTAN.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        pools: nn.Module,
        num_tasks: int,
        attended_channels: int = 0,
        cross: bool = True,
    ) -> None:
        super().__init__()
        quarter = channels // 4
        self.cross = cross
        self.first = attended_channels == 0
        self.embeddings = nn.ModuleList(
            conv_block(spatial_dims, channels + attended_channels, quarter, kernel_size=1) for _ in range(num_tasks)
        )
        self.attention_blocks = nn.ModuleList(
            conv_block(spatial_dims, quarter, channels, kernel_size=1, act="sigmoid") for _ in range(num_tasks)
        )
        self.pools = pools
        kaiming_init(self)

    def masks(self, u: torch.Tensor, attended: list[torch.Tensor]) -> list[torch.Tensor]:
        """Attention masks A^j_t of all tasks, each in (0, 1) with the shape of ``u``, (B, C_j, *spatial).

        Args:
            u: shared feature U^j.
            attended: A-hat^{j-1}_t of all tasks, with the spatial size of ``u``; an empty list at the first stage.
        """
        embedded: list[torch.Tensor] = []
        for t, embedding in enumerate(self.embeddings):
            embedded.append(embedding(u if self.first else torch.cat([u, attended[t]], dim=1)))
        masks: list[torch.Tensor] = []
        for t, attention_block in enumerate(self.attention_blocks):
            masks.append(attention_block(embedded[t]))
        return masks

    def forward(
        self, u: torch.Tensor, p: torch.Tensor, attended: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Attends to one stage.

        Args:
            u: shared feature U^j, (B, C_j, *spatial).
            p: shared feature P^j, (B, C_j, *spatial).
            attended: A-hat^{j-1}_t of all tasks, with the spatial size of ``u``; an empty list at the first stage.

        Returns:
            G^j_t of all tasks, (B, C_j, *spatial), and A-hat^j_t of all tasks, (B, next_channels, *spatial / stride).
        """
        masks = self.masks(u, attended)
        gates = other_tasks(masks) if self.cross else masks
        gated = [gates[t] * p for t in range(len(masks))]  # equation 1: G^j_t = A^j_{t'} * P^j, gates[t] = A^j_{t'}
        return gated, self.pools(gated)


class ConstantMasks(nn.Module):
    """A control for ``CTAE``: every mask is 0.5 everywhere, in training as well.

    Args:
        pools: as of ``CTAE``.
        num_tasks: number of tasks.
    """

    def __init__(self, pools: nn.Module, num_tasks: int) -> None:
        super().__init__()
        self.num_tasks = num_tasks
        self.pools = pools
        kaiming_init(self)

    def forward(
        self, u: torch.Tensor, p: torch.Tensor, attended: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Returns 0.5 P^j for each task, and A-hat^j_t; see ``CTAE.forward``."""
        gated = [0.5 * p for _ in range(self.num_tasks)]
        return gated, self.pools(gated)


def other_tasks(masks: list[torch.Tensor]) -> list[torch.Tensor]:
    """For each task t the mask of its t': the other task's, the mean of the others', or a single task's own."""
    if len(masks) == 1:
        return masks
    others: list[torch.Tensor] = []
    for t in range(len(masks)):
        rest = masks[:t] + masks[t + 1 :]
        others.append(rest[0] if len(rest) == 1 else torch.stack(rest).mean(dim=0))
    return others
