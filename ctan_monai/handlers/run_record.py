# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events

from ctan_monai.engines import engine_precision
from ctan_monai.utils import provenance
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256, plain, read_training_record, write_json
from ctan_monai.utils.scrub_paths import scrub_paths

_FREE = (  # values that a resumed run may have otherwise
    *("resume", "use_record", "max_epochs", "patience", "val_interval", "section", "baselines", "functional_test"),
    *("start_from", "compile"),
    *("num_workers", "slices_per_pass", "amp", "channels_last", "diagnostics", "gradient_interval", "pretrained"),
)
_FREE_OF_DATA = ("prepared", "description", "reference", "licence")


class RunRecord:
    """Writes with what a training was started, for the report of its evaluation.

    A run that is resumed with other data or values, such as the batch size, is refused.

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
            if (start := self.values.get("start_from")) and Path(start).is_file():
                more["start_from_sha256"] = file_sha256(start)
            record = {**record, **more}
            record["values"] = scrub_paths(self.values)
            if engine.state.epoch:
                self._refuse_others(record)
            write_json(self.path, record)

    def _refuse_others(self, record: Mapping[str, Any]) -> None:
        """A resumed run goes on with what it was begun with: one record cannot state two."""
        former = read_training_record(self.path.parent)
        if former is None:
            return
        differs = [f"seed {former.get('seed')} and now {self.seed}"] * (former.get("seed", self.seed) != self.seed)
        for part, free in (("values", _FREE), ("data", _FREE_OF_DATA)):
            now, then = plain(record[part]), former.get(part) or {}
            keys = [key for key in then if key in now and key not in free and now[key] != then[key]]
            differs += [f"{key} {_short(then[key])} and now {_short(now[key])}" for key in keys]
        if differs:
            raise DataError(
                f"{self.path}: the training was begun with {'; '.join(differs)}. Resume it with the same, or give "
                "another --output_dir."
            )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else "another"
