# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MONAI Deploy app for the bundles openkbp and prostate: a planning CT in, contours and dose out.

python docs/examples/monai_deploy/radiotherapy_app.py -i CT -m BUNDLE -o RESULTS
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application, Image
from operators import LoadCTOperator, SaveVolumesOperator, bundle_operator


class RadiotherapyApp(Application):
    """Writes ``segmentation.nii.gz`` (label map) and ``dose.nii.gz`` (Gy, float32) on the CT's grid."""

    def compose(self) -> None:
        """Load once, infer, save."""
        context = Application.init_app_context(self.argv)
        load = LoadCTOperator(self, CountCondition(self, 1), path=Path(context.input_path), name="load_ct")
        infer = bundle_operator(self, context, {"pred": Image, "segmentation": Image, "dose": np.ndarray})
        files = {
            "pred": None,  # the segmentation once more
            "segmentation": "segmentation.nii.gz",
            "dose": "dose.nii.gz",
        }
        save = SaveVolumesOperator(self, files=files, folder=Path(context.output_path), name="save_volumes")
        self.add_flow(load, infer, {("image", "image")})
        self.add_flow(infer, save, {(port, port) for port in files})


if __name__ == "__main__":
    RadiotherapyApp().run()
