# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which precision a network runs in: bfloat16 where the device computes it natively, float32 elsewhere."""

from __future__ import annotations

import functools
import logging
import platform
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine

from ctan_monai.utils.switches import as_switch

__all__ = [
    "PrecisionMixin",
    "bf16_autocast",
    "bf16_is_native",
    "engine_precision",
    "refuse_amp_kwargs",
    "use_bf16",
]

logger = logging.getLogger(__name__)


def bf16_is_native(device: torch.device | str) -> bool:
    """Whether a device has bfloat16 instructions, so that bfloat16 is not emulated.

    On CUDA PyTorch says so (a T4 or V100 emulates). On a CPU oneDNN says whether it can use bfloat16, which on x86 it
    also affirms for AVX-512 without bfloat16 instructions: there AVX-512 BF16 or AMX is asked for as well. oneDNN's
    answer follows the environment variable ``ONEDNN_MAX_CPU_ISA``.

    Args:
        device: "cpu", "cuda" or "cuda:1", or such a device; other kinds count as not native.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True  # ARM: oneDNN affirms only what the CPU has instructions for
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def use_bf16(amp: bool | str, device: torch.device | str) -> bool:
    """Whether a network runs under bfloat16 autocast.

    Args:
        amp: "auto" for bfloat16 where the device has it natively; True or False to decide it by hand.
        device: device the network is on.

    Raises:
        ValueError: ``amp`` is neither "auto" nor a switch.
    """
    if isinstance(amp, str) and amp.strip().lower() == "auto":
        return bf16_is_native(device)
    enabled = as_switch("amp", amp, also="'auto'")
    if enabled and not bf16_is_native(device):
        _warn_emulated(torch.device(device).type)
    return enabled


@functools.cache
def _warn_emulated(kind: str) -> None:
    """Once a process: training and validation both ask."""
    logger.warning(
        "amp is true, but this %s emulates bfloat16, which can be ten times slower than float32: give --amp auto or "
        "--amp false, or keep --amp true for bfloat16 all the same.",
        {"cpu": "CPU", "cuda": "GPU"}.get(kind, kind),
    )


def refuse_amp_kwargs(arguments: Mapping[str, Any]) -> None:
    """Refuse MONAI's ``amp_kwargs`` in an engine's arguments: the autocast here has one setting, bfloat16.

    Raises:
        ValueError: they are there and not empty.
    """
    if arguments.get("amp_kwargs"):
        raise ValueError(
            f"amp_kwargs is {arguments['amp_kwargs']}: this engine's mixed precision is bfloat16 and takes no "
            "arguments. Give amp as 'auto', true or false."
        )


class PrecisionMixin:
    """An engine that says what its network computes in; ``bf16`` is of :py:func:`use_bf16`."""

    bf16: bool

    @property
    def precision(self) -> str:
        """What the network computes in: "bfloat16" or "float32"."""
        return "bfloat16" if self.bf16 else "float32"


def engine_precision(engine: Engine) -> str:
    """What an engine's network computes in, for records; float32 where the engine is not ours."""
    return str(getattr(engine, "precision", "float32"))


def bf16_autocast(device: torch.device | str, enabled: bool) -> torch.autocast:
    """Mixed precision in bfloat16 on any device by one switch.

    MONAI's engines call ``torch.autocast("cuda")`` whatever the device is. bfloat16 has float32's range, so that no
    loss scaling is needed.

    Args:
        device: device the network is on.
        enabled: of :py:func:`use_bf16`; False gives a context that changes nothing.
    """
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=enabled)
