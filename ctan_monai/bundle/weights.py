# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ctan_monai.utils.network_state import unwrap
from ctan_monai.utils.torch_file import read_torch_file


def refuse_non_finite(state: Mapping[str, torch.Tensor], path: str | Path) -> None:
    """Refuse weights that are NaN or infinite, with which every image gets the same result.

    Args:
        state: of a network.
        path: the file that they are of, for the message.

    Raises:
        ValueError: a tensor has such values.
    """
    bad = {name: int((~value.isfinite()).sum()) for name, value in state.items() if value.is_floating_point()}
    if any(bad.values()):
        name = next(name for name, count in bad.items() if count)
        raise ValueError(
            f"'{path}': {sum(bad.values())} weights are NaN or infinite, such as {bad[name]} of '{name}': the training "
            "diverged, or the file is damaged. Get it again, or train with a lower learning rate."
        )


def load_weights(network: nn.Module, path: str | Path, option: str = "--checkpoint") -> nn.Module:
    """Load a network's weights from a "model.pt", strictly.

    Args:
        network: the network that the config describes.
        path: state dict of weights, as ``TrainingCheckpoint`` writes it; or a dict that has it under "model",
            "network" or "state_dict", as MONAI's checkpoints do. Names as ``torch.compile`` and
            DistributedDataParallel write them are taken, too.
        option: of the command line, by which the user gives another file.

    Returns:
        the network.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a file of weights, damaged or not finite ones, or those of another method, task set or size.
    """
    path = Path(path)
    inner = unwrap(network)
    if not path.is_file():
        raise FileNotFoundError(f"no trained weights at '{path}': train first, or give a file with {option}.")
    state = read_torch_file(path)
    if isinstance(state, dict) and isinstance(state.get("objects"), dict):  # a whole training checkpoint serves as well
        state = state["objects"].get("network")
    elif isinstance(state, dict):
        inside = [state[key] for key in ("model", "network", "state_dict") if isinstance(state.get(key), dict)]
        state = inside[0] if inside else state
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"'{path}' does not hold a network's weights: expected a state dict as in 'model.pt'.")
    for prefix in ("module.", "_orig_mod."):
        consume_prefix_in_state_dict_if_present(state, prefix)
    refuse_non_finite(state, path)
    wanted = inner.state_dict()
    reading = {"_extra_state"}  # which earlier versions did not keep; the network itself judges it
    missing, unexpected = sorted(set(wanted) - set(state) - reading), sorted(set(state) - set(wanted) - reading)
    shapes = sorted(k for k in (set(wanted) & set(state)) - reading if wanted[k].shape != state[k].shape)
    if missing or unexpected or shapes:
        examples = (missing + unexpected + shapes)[0]
        raise ValueError(
            f"'{path}' does not fit the network of this config ({type(inner).__name__}): {len(missing)} tensors "
            f"are missing, {len(unexpected)} are not expected and {len(shapes)} have another shape (such as "
            f"'{examples}'). It was trained with another method, task set, backbone or stem, or by an earlier version: "
            "put the training.json of that training beside it, or give its values, such as --method MTAN --backbone "
            "resnet18."
        )
    try:
        inner.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"'{path}' does not fit the network of this config: {error}") from error
    return network
