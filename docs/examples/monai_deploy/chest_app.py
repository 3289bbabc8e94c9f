# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MONAI Deploy app for the bundle stoic: a chest CT in, the probabilities of COVID-19 and of its severe form out.

python docs/examples/monai_deploy/chest_app.py -i CT -m BUNDLE -o RESULTS
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application, Fragment, Operator, OperatorSpec
from operators import LoadCTOperator, bundle_operator


class SaveProbabilitiesOperator(Operator):
    """Writes ``probabilities.json``.

    Args:
        fragment: the app.
        args: passed on.
        folder: made when needed.
        kwargs: passed on.
    """

    def __init__(self, fragment: Fragment, *args: Any, folder: Path, **kwargs: Any) -> None:
        self.folder = folder
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """All outputs of the bundle: each needs a receiver."""
        for port in ("pred", "covid", "severity"):
            spec.input(port)

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Write the file; "pred" holds both probabilities once more."""
        _, covid, severity = (op_input.receive(port) for port in ("pred", "covid", "severity"))
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"covid": float(covid[0]), "severity": float(severity[0])}
        (self.folder / "probabilities.json").write_text(json.dumps(content, indent=2) + "\n")


class ChestApp(Application):
    """Writes the two probabilities."""

    def compose(self) -> None:
        """Load once, infer, save."""
        context = Application.init_app_context(self.argv)
        load = LoadCTOperator(self, CountCondition(self, 1), path=Path(context.input_path), name="load_ct")
        outputs = {"pred": np.ndarray, "covid": np.ndarray, "severity": np.ndarray}
        infer = bundle_operator(self, context, outputs)
        save = SaveProbabilitiesOperator(self, folder=Path(context.output_path), name="save_probabilities")
        self.add_flow(load, infer, {("image", "image")})
        self.add_flow(infer, save, {(port, port) for port in outputs})


if __name__ == "__main__":
    ChestApp().run()
