# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What the three example apps share: a CT in, the bundle, and files out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.deploy.core import AppContext, Fragment, Image, IOType, Operator, OperatorSpec
from monai.deploy.operators.monai_bundle_inference_operator import (
    BundleConfigNames,
    IOMapping,
    MonaiBundleInferenceOperator,
)

from ctan_monai.inference import find_inputs
from ctan_monai.transforms import CTReader
from ctan_monai.utils import image_name


def bundle_operator(
    fragment: Fragment, app_context: AppContext, outputs: dict[str, type]
) -> MonaiBundleInferenceOperator:
    """MONAI Deploy's own operator with one of our bundles, a folder that is given as the app's model (``-m``).

    Args:
        fragment: the app.
        app_context: of the app.
        outputs: all outputs in the bundle's metadata.json, with the type in which they arrive: Image for a label map
            (uint8), numpy's ndarray for a dose in Gy or probabilities.
    """
    folder = Path(app_context.model_path).resolve()
    app_context.models = None  # the SDK knows single TorchScript files; the operator itself can load a folder
    return MonaiBundleInferenceOperator(
        fragment,
        app_context=app_context,
        input_mapping=[IOMapping("image", Image, IOType.IN_MEMORY)],
        output_mapping=[IOMapping(name, kind, IOType.IN_MEMORY) for name, kind in outputs.items()],
        bundle_path=folder,
        bundle_config_names=BundleConfigNames(inferer_name="deploy_inferer"),
        name="bundle_operator",
    )


def channel_names(bundle: Path, output: str) -> list[str]:
    """Names of an output's channels, in order: the first word of each description in the bundle's metadata.json."""
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    channels = metadata["network_data_format"]["outputs"][output]["channel_def"]
    return [channels[str(index)].split(":")[0] for index in range(len(channels))]


class LoadCTOperator(Operator):
    """Reads a CT from a NIfTI or MetaImage file or the folder of a DICOM series, with the bundles' own checks.

    The SDK's DICOM operators do as well (DICOMDataLoaderOperator, DICOMSeriesSelectorOperator and
    DICOMSeriesToVolumeOperator); they do not notice missing slices.

    Args:
        fragment: the app.
        args: passed on, such as a CountCondition: without one, the app reads its input for ever.
        path: of the input; it must hold one CT.
        kwargs: passed on.
    """

    def __init__(self, fragment: Fragment, *args: Any, path: Path, **kwargs: Any) -> None:
        self.path = path
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """One output."""
        spec.output("image")

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Emit an Image of HU (x, y, z); its meta data hold the affine to RAS mm."""
        found = find_inputs(self.path)
        if len(found) != 1:
            raise ValueError(f"{self.path}: holds {len(found)} CTs; this app takes one at a time.")
        reader = CTReader()
        array, meta = reader.get_data(reader.read(found[0]["image"]))
        op_output.emit(
            Image(np.asarray(array), metadata={**meta, "filename_or_obj": image_name(found[0]["image"])}), "image"
        )


class SaveVolumesOperator(Operator):
    """Writes the volumes that arrive as NIfTI files on the CT's grid.

    Args:
        fragment: the app.
        args: passed on.
        files: port to its file's name, or None for what is received but not kept: each output of the bundle needs a
            receiver, or the app stops. At least one arrives as an Image: it knows the grid.
        folder: made when needed.
        kwargs: passed on.
    """

    def __init__(
        self, fragment: Fragment, *args: Any, files: dict[str, str | None], folder: Path, **kwargs: Any
    ) -> None:
        self.files, self.folder = files, folder
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """One input a volume."""
        for port in self.files:
            spec.input(port)

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Write the files; the SDK's Images are (z, y, x), its arrays (1, x, y, z)."""
        values = {port: op_input.receive(port) for port in self.files}
        grid = next(value.metadata()["original_affine"] for value in values.values() if isinstance(value, Image))
        self.folder.mkdir(parents=True, exist_ok=True)
        for port, file in self.files.items():
            if file is not None:
                value = values[port]
                array = np.swapaxes(value.asnumpy(), 0, 2) if isinstance(value, Image) else value[0]
                nib.save(nib.Nifti1Image(array, np.asarray(grid, dtype=float)), self.folder / file)
