# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from ignite.engine import Engine, Events

from ctan_monai.bundle import load_weights
from ctan_monai.utils import prepare_output_dir
from ctan_monai.utils.network_state import weights_version

from .results_folder import ResultsFolder

__all__ = ["StartInference"]


class StartInference:
    """What an inference needs and a network alone does not: a folder for results, images, and trained weights.

    The config's run calls it before the evaluator, so that an error comes as it is; where a program runs the evaluator
    itself, it is the evaluator's first handler. The weights are loaded once; those that a program has set before that,
    as in federated learning, stay.

    Args:
        results: the folder.
        cases: the images, see :py:meth:`ctan_monai.inference.ResultsFolder.claim`.
        network: into which the folder's ``checkpoint`` is loaded.
        megabytes: free space that the results need.
    """

    def __init__(
        self, results: ResultsFolder, cases: Sequence[Mapping[str, Any]], network: torch.nn.Module, megabytes: float
    ) -> None:
        self.results = results
        self.cases = cases
        self.network = network
        self.megabytes = megabytes
        self._version: int | None = weights_version(network)  # None: there is nothing to load any more
        self._ready = False

    def attach(self, engine: Engine) -> None:
        """Attach to the evaluator before all others."""
        engine.add_event_handler(Events.STARTED, self.started)
        engine.add_event_handler(Events.COMPLETED, self.failed)

    def __call__(self) -> None:
        """Make the folder, take the cases' names and load the weights."""
        prepare_output_dir(self.results.path, self.megabytes)
        self.results.claim(self.cases)
        if self.results.checkpoint is not None and self._version == weights_version(self.network):
            load_weights(self.network, self.results.checkpoint)
        self._version = None
        self._ready = True

    def started(self, engine: Engine) -> None:
        """Do so where the caller has not."""
        if not self._ready:
            self()

    def failed(self, engine: Engine) -> None:
        """The next run starts anew."""
        self._ready = False
