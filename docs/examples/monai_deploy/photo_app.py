# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MONAI Deploy app for the bundle ham10000: a dermoscopic photograph in, the lesion's outline and diagnosis out.

python docs/examples/monai_deploy/photo_app.py -i PHOTO.jpg -m BUNDLE -o RESULTS
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application, Fragment, Operator, OperatorSpec
from monai.deploy.core import Image as DeployImage
from operators import bundle_operator, channel_names
from PIL import Image

from ctan_monai.imaging import to_rgb
from ctan_monai.inference import find_images


class LoadPhotoOperator(Operator):
    """Reads one JPEG or PNG file.

    Args:
        fragment: the app.
        args: passed on, such as a CountCondition: without one, the app reads its input for ever.
        path: of the file.
        kwargs: passed on.
    """

    def __init__(self, fragment: Fragment, *args: Any, path: Path, **kwargs: Any) -> None:
        self.path = path
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """One output."""
        spec.output("image")

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Emit an Image of uint8 (3, H, W): an Image with meta data reaches the bundle as it is."""
        found = find_images(self.path)
        if len(found) != 1:
            raise ValueError(f"{self.path}: holds {len(found)} photographs; this app takes one at a time.")
        with Image.open(found[0]["image"]) as file:
            pixels = np.asarray(to_rgb(file)).transpose(2, 0, 1)
        op_output.emit(DeployImage(pixels, metadata={"filename_or_obj": found[0]["image"]}), "image")


class SaveLesionOperator(Operator):
    """Writes ``segmentation.png`` (255 = lesion) and ``diagnosis.json``.

    Args:
        fragment: the app.
        args: passed on.
        names: of the diagnoses.
        folder: made when needed.
        kwargs: passed on.
    """

    def __init__(self, fragment: Fragment, *args: Any, names: list[str], folder: Path, **kwargs: Any) -> None:
        self.names, self.folder = names, folder
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """All outputs of the bundle: each needs a receiver. The first two are the same."""
        for port in ("pred", "segmentation", "diagnosis"):
            spec.input(port)

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Write the files."""
        _, mask, scores = (op_input.receive(port) for port in ("pred", "segmentation", "diagnosis"))
        self.folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((mask.asnumpy() > 0).astype(np.uint8) * 255).save(self.folder / "segmentation.png")
        diagnosis = dict(zip(self.names, scores.reshape(-1).tolist(), strict=True))
        (self.folder / "diagnosis.json").write_text(json.dumps(diagnosis, indent=2) + "\n")


class PhotoApp(Application):
    """Writes the lesion's mask on the photograph's grid, and the probabilities of the seven diagnoses."""

    def compose(self) -> None:
        """Load once, infer, save."""
        context = Application.init_app_context(self.argv)
        load = LoadPhotoOperator(self, CountCondition(self, 1), path=Path(context.input_path), name="load_photo")
        outputs = {"pred": DeployImage, "segmentation": DeployImage, "diagnosis": np.ndarray}
        infer = bundle_operator(self, context, outputs)
        names = channel_names(Path(context.model_path), "diagnosis")
        save = SaveLesionOperator(self, names=names, folder=Path(context.output_path), name="save_lesion")
        self.add_flow(load, infer, {("image", "image")})
        self.add_flow(infer, save, {(port, port) for port in outputs})


if __name__ == "__main__":
    PhotoApp().run()
