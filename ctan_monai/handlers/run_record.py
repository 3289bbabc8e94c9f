# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events

from ctan_monai.engines import engine_precision
from ctan_monai.files import write_json
from ctan_monai.reports import provenance
from ctan_monai.reports.scrub import scrub_paths


class RunRecord:
    """Writes with what a training was started, for the report of its evaluation.

    Args:
        path: the JSON file.
        seed: the run's seed.
        values: the config's plain values, from which evaluation, inference and packing build the network again; see
            :py:func:`ctan_monai.bundle.plain_values`.
        data: what the training data are; see :py:func:`ctan_monai.data.describe_data`.
    """

    def __init__(
        self,
        path: str | Path,
        seed: int,
        values: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self.seed = seed
        self.values = dict(values or {})
        self.data = dict(data or {})

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer, after the checkpoint, which refuses to overwrite another run."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Write the file."""
        if idist.get_rank() == 0:
            record = provenance(None, self.seed, self.data)
            del record["config"]  # "values" below
            network: Any = getattr(engine, "network", None)
            parameters = sum(p.numel() for p in network.parameters()) if network is not None else None
            more = {
                "precision": engine_precision(engine),
                "max_epochs": engine.state.max_epochs,
                "parameters": parameters,
            }
            record = {**record, **more}
            record["values"] = scrub_paths(self.values)
            write_json(self.path, record)
