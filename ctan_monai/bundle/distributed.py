# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ctan_monai.networks import with_pretrained


def start_distributed() -> None:
    """Join the processes that torchrun started: NCCL on CUDA, gloo on CPU.

    Raises:
        RuntimeError: not started by torchrun.
    """
    if "LOCAL_RANK" not in os.environ:
        raise RuntimeError(
            "multi_gpu_train.json needs several processes: start it with 'torchrun --standalone --nnodes=1 "
            "--nproc_per_node=N -m monai.bundle run training --config_file ...'."
        )
    if not dist.is_initialized():
        dist.init_process_group(backend="nccl" if torch.cuda.is_available() else "gloo")


def stop_distributed() -> None:
    """Leave the group."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank_device() -> torch.device:
    """The GPU of this process, or the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def place_network(network: nn.Module, device: torch.device, memory_format: torch.memory_format) -> nn.Module:
    """The network with its pre-trained weights, see :py:func:`ctan_monai.networks.with_pretrained`, on its device."""
    placed: nn.Module = with_pretrained(network).to(device=device).to(memory_format=memory_format)  # type: ignore[call-overload]
    return placed


def distribute(network: nn.Module, device: torch.device, memory_format: torch.memory_format) -> DistributedDataParallel:
    """The network with its pre-trained weights on its device, and gradients averaged over the processes."""
    network = place_network(network, device, memory_format)
    return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)
