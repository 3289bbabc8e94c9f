# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def load_weights(network: nn.Module, path: str | Path) -> nn.Module:
    """Load a network's weights from a "model.pt", strictly.

    Args:
        network: the network that the config describes.
        path: state dict of weights, as ``TrainingCheckpoint`` writes it.

    Returns:
        the network.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a file of weights, or those of another method, task set or size.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no trained weights at '{path}': train first, or give a file with --checkpoint.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises KeyError, EOFError and others on files that are none
        raise ValueError(f"'{path}' is not a file of PyTorch weights, or is damaged: {error}") from error
    if isinstance(state, dict) and "objects" in state:  # a whole training checkpoint serves as well
        state = state["objects"]["network"]
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"'{path}' does not hold a network's weights: expected a state dict as in 'model.pt'.")
    wanted = network.state_dict()
    reading = {"_extra_state"}  # which earlier versions did not keep; the network itself judges it
    missing, unexpected = sorted(set(wanted) - set(state) - reading), sorted(set(state) - set(wanted) - reading)
    shapes = sorted(k for k in (set(wanted) & set(state)) - reading if wanted[k].shape != state[k].shape)
    if missing or unexpected or shapes:
        examples = (missing + unexpected + shapes)[0]
        raise ValueError(
            f"'{path}' does not fit the network of this config ({type(network).__name__}): {len(missing)} tensors "
            f"are missing, {len(unexpected)} are not expected and {len(shapes)} have another shape (such as "
            f"'{examples}'). It was trained with another method, task set, backbone or stem, or by an earlier version: "
            "put the training.json of that training beside it, or give its values, such as --method MTAN --backbone "
            "resnet18."
        )
    try:
        network.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"'{path}' does not fit the network of this config: {error}") from error
    return network
