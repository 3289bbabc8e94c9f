# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""How a network reads the paper, kept with its weights: names and shapes alone do not tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["RecordedReading"]

KEY = "_extra_state"  # PyTorch's name in the state dict


class RecordedReading(nn.Module):
    """A network whose state dict holds the options that change what it computes but no name and no shape.

    Weights of another reading would load in silence and give nonsense. They are refused, and so are weights of before
    this record, unless the network has the reading of that time.
    """

    reading = "{}"
    former = "{}"

    def record_reading(self, reading: Mapping[str, Any], former: Mapping[str, Any]) -> None:
        """Sets the record.

        Args:
            reading: option to value.
            former: those of the options that weights without a record were trained with.
        """
        self.reading = json.dumps(dict(reading))  # text: TorchScript takes no dict of mixed types
        self.former = json.dumps(dict(former))

    def get_extra_state(self) -> torch.Tensor:
        """The reading as JSON, one byte an element: a tensor, which every way of saving a state dict keeps."""
        return torch.tensor(list(self.reading.encode()), dtype=torch.uint8, device="cpu")

    def set_extra_state(self, state: torch.Tensor) -> None:
        """Raises ValueError where ``state`` is another network's reading; an average of equal ones may be of floats."""
        self.compare(json.loads(bytes(state.round().to(torch.uint8).tolist())), "The weights are of a network with")

    def compare(self, found: Mapping[str, Any], what: str) -> None:
        """Raises ValueError where an option of ``found`` has another value here."""
        own = json.loads(self.reading)
        other = {name: value for name, value in found.items() if own.get(name) != value}
        if other:
            theirs = ", ".join(f"{name} {value!r}" for name, value in other.items())
            here = ", ".join(f"{name} {own.get(name)!r}" for name in other)
            raise ValueError(f"{what} {theirs}, but this one has {here}. Build it with the options of their training.")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        if prefix + KEY not in state_dict:
            self.compare(json.loads(self.former), "The weights are of an earlier version, a network with")
            state_dict[prefix + KEY] = self.get_extra_state()
        super()._load_from_state_dict(state_dict, prefix, *arguments)
