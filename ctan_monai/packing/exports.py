# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A trained network as files that run without this package: TorchScript and ONNX."""

from __future__ import annotations

import io
import logging
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import save_net_with_metadata
from torch import nn

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_atomic

__all__ = ["check_agreement", "export_onnx", "export_torchscript"]

_TOLERANCE = 1e-4


def export_torchscript(network: nn.Module, path: Path, metadata: Mapping[str, Any], configs: Mapping[str, str]) -> None:
    """Write a network as TorchScript with the bundle's metadata and configs in it, as MONAI's ``ckpt_export`` does.

    Args:
        network: in evaluation mode, on the CPU.
        path: the file.
        metadata: of the bundle.
        configs: name to text of the config files to put in.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        save_net_with_metadata(
            torch.jit.script(network),
            buffer,
            include_config_vals=False,
            meta_values=dict(metadata),
            more_extra_files={name: text.encode() for name, text in configs.items()},
        )
    write_atomic(path, _without_source_positions(buffer))


def export_onnx(network: nn.Module, path: Path, shape: Sequence[int], tasks: Sequence[str]) -> None:
    """Write a network as ONNX for batches of any length: input "image", outputs by task name.

    Args:
        network: in evaluation mode, on the CPU.
        path: the file.
        shape: (C, *spatial) of an image.
        tasks: names of the network's outputs, in order.

    Raises:
        DataError: the packages for it (onnx, onnxscript) are not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  the exporter's own need
    except ImportError as error:
        raise DataError(f"ONNX needs the package {error.name}: pip install onnx onnxscript onnxruntime.") from error
    # the exporter names every optional package that is absent
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (torch.rand(2, *shape),),
            input_names=["image"],
            output_names=list(tasks),
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # as dynamo=True
    model = program.model_proto
    for node in model.graph.node:  # stack traces, which tell where the exporting machine keeps its files
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    onnx.checker.check_model(model)
    write_atomic(path, model.SerializeToString())


def check_agreement(network: nn.Module, folder: Path, shape: Sequence[int]) -> dict[str, float]:
    """Compare ``model.ts`` and ``model.onnx``, where they are there, with the network on two random images.

    Args:
        network: in evaluation mode, on the CPU.
        folder: of the files.
        shape: (C, *spatial) of an image.

    Returns:
        file name to the largest absolute difference, relative to the largest absolute value of an output where that
        is above 1.

    Raises:
        DataError: a file differs by more than 1e-4.
    """
    image = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = {name: value.numpy() for name, value in network(image).items()}
    differences = {}
    for name, run in (("model.ts", _run_torchscript), ("model.onnx", _run_onnx)):
        if not (folder / name).is_file():
            continue
        found = run(folder / name, image, list(expected))
        worst = max(float(np.abs(found[k] - v).max() / max(1.0, np.abs(v).max())) for k, v in expected.items())
        if not worst <= _TOLERANCE:
            raise DataError(f"{folder / name}: differs from the network by {worst:.2g}, expected {_TOLERANCE} at most.")
        differences[name] = worst
    return differences


def _run_torchscript(path: Path, image: torch.Tensor, tasks: Sequence[str]) -> dict[str, np.ndarray]:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        outputs = torch.jit.load(path, map_location="cpu")(image)
    return {task: outputs[task].numpy() for task in tasks}


def _run_onnx(path: Path, image: torch.Tensor, tasks: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        import onnxruntime
    except ImportError as error:
        raise DataError("checking ONNX needs the package onnxruntime: pip install onnxruntime.") from error
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip(tasks, session.run(list(tasks), {"image": image.numpy()}), strict=True))


def _without_source_positions(buffer: io.BytesIO) -> bytes:
    """A TorchScript file without its ``debug_pkl`` entries: they hold paths of source files, and nothing needs them."""
    result = io.BytesIO()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                target.writestr(entry, source.read(entry))
    return result.getvalue()
