# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A trained bundle as one zip that runs without the repository."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import requires, version
from pathlib import Path
from typing import IO, Any

import torch
from monai.bundle import ConfigParser

from ctan_monai.bundle.weights import load_weights, refuse_non_finite
from ctan_monai.metrics import comparison_metrics
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import file_sha256, prepare_output_dir, write_atomic, write_json
from ctan_monai.utils.folder_lock import locked_folder
from ctan_monai.utils.scrub_paths import scrub_paths

from . import FORMATS
from .checksums import CHECKSUMS_NAME, write_checksums
from .exports import check_agreement, export_onnx, export_torchscript
from .packed_configs import packed_config, packed_metadata, read_record
from .texts import evaluation_results, evaluation_summary, write_texts
from .wheel import DATE, write_wheel
from .zoo import write_zoo_form

__all__ = ["Packed", "pack_bundle"]

_TEXTS = (".json", ".md", ".txt", ".conf")
_RESTORE = "Restore the file that the training wrote, or train anew."


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Attributes:
        path: the zip.
        sha256: of the zip.
        digest: SHA-256 of its ``checksums.json``.
        differences: file name to how far it is from the network, see :py:func:`check_agreement`.
    """

    path: Path
    sha256: str
    digest: str
    differences: dict[str, float]


def pack_bundle(
    bundle: Path,
    checkpoint: Path,
    output: Path,
    training_dir: Path | None = None,
    half: bool = False,
    formats: Sequence[str] = FORMATS,
    say: Callable[[str], object] = print,
    zoo: str | None = None,
) -> Packed:
    """Pack a bundle with trained weights for someone who has no repository.

    The zip holds one folder: the bundle with the training's values in its configs, ``model.pt`` (weights only), its
    exports, the wheel of ``ctan_monai``, pinned requirements, a README for the recipient, a model card and checksums.

    Args:
        bundle: the bundle's folder.
        checkpoint: the trained weights.
        output: the zip; ``<output>.sha256`` is written beside it.
        training_dir: folder with ``training.json`` and, after an evaluation, ``evaluation/``; a ``limits.md`` there,
            on what the weights are not good for, goes into the model card. None: the checkpoint's folder.
        half: store ``model.pt`` in half precision; the exports have the rounded weights too.
        formats: exports, of :py:data:`ctan_monai.packing.FORMATS`.
        say: prints a line of progress.
        zoo: the form of MONAI's model zoo, see :py:func:`ctan_monai.packing.zoo.write_zoo_form`: the address of the
            folder where the weights will lie, or "". None: the form for a recipient.

    Raises:
        DataError: the training's record is missing, the checkpoint does not fit, an export differs, or a file of the
            result names a folder of this machine.
    """
    prepare_output_dir(output.parent, 500, "--output")
    training_dir = training_dir or checkpoint.parent
    record = read_record(training_dir)
    with content_of(training_dir / "training.json", _RESTORE):
        configs = {name: packed_config(bundle / "configs" / name, record) for name in ("train.json", "inference.json")}
        network = _network(configs["inference.json"], checkpoint, half)
    evaluation = evaluation_summary(training_dir)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    metrics = comparison_metrics(metadata["bundle_name"])
    with content_of(training_dir / "evaluation" / "evaluation.json", "Evaluate again."):
        results, rows = evaluation_results(evaluation, configs["train.json"]["task_names"], metrics)
    with content_of(training_dir / "training.json", _RESTORE):
        metadata = packed_metadata(metadata, configs["inference.json"], record, results)
    with _working_folder(output) as folder:
        root = folder / metadata["bundle_name"]
        with content_of(training_dir / "training.json", _RESTORE):
            _copy(bundle, root, record, configs)
        say("weights and exports")
        differences = _write_models(root / "models", network, metadata, configs["inference.json"], half, formats)
        metadata["sha256"] = {f.name: file_sha256(f) for f in sorted((root / "models").iterdir())}
        write_json(root / "configs" / "metadata.json", metadata)
        if zoo is None:
            say("wheel of ctan_monai")
            write_wheel(root / "wheels")
            write_atomic(root / "requirements.txt", _requirements())
        with content_of(f"{training_dir / 'training.json'}, or its evaluation", f"{_RESTORE} Or evaluate again."):
            write_texts(root, metadata, record, training_dir, evaluation, rows, half, output.name, zoo is not None)
        if zoo is not None:
            write_zoo_form(root, zoo)
        _refuse_local_paths(root)
        digest = write_checksums(root)
        if zoo is not None:  # whose maintainers may change a file
            (root / CHECKSUMS_NAME).unlink()
        digest_path = output.with_name(f"{output.name}.sha256")
        digest_path.unlink(missing_ok=True)  # a former one, which would not be the new zip's
        write_atomic(output, lambda stream: _zip(root, stream))
    sha256 = file_sha256(output)
    write_atomic(digest_path, f"{sha256}  {output.name}\n")
    return Packed(output, sha256, digest, differences)


@contextmanager
def _working_folder(output: Path) -> Iterator[Path]:
    """A folder beside the zip, which holds gigabytes: what a killed process left in it is removed first."""
    folder = output.with_name(f".packing.{output.name}")
    folder.mkdir(exist_ok=True)
    with locked_folder(folder, "--output"):
        for path in folder.iterdir():
            shutil.rmtree(path)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _network(config: Mapping[str, Any], checkpoint: Path, half: bool) -> torch.nn.Module:
    parser = ConfigParser(dict(config))
    network: torch.nn.Module = parser.get_parsed_content("network_def")
    try:
        load_weights(network, checkpoint)
        if half:
            network.half()  # whose largest number is 65,504
            refuse_non_finite(network.state_dict(), f"{checkpoint} in half precision")
    except (FileNotFoundError, ValueError) as error:
        raise DataError(str(error)) from error
    return network.float().eval()


def _copy(bundle: Path, root: Path, record: Mapping[str, Any], configs: Mapping[str, Any]) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "models", "eval", ".*")
    shutil.copytree(bundle, root, ignore=ignored)
    for name, config in configs.items():
        write_json(root / "configs" / name, config)
    ranges = root / "configs" / "training_ranges.json"
    if ranges.is_file():
        statistics = record["data"].get("statistics")
        if not statistics:
            raise DataError("training.json: 'data' has no 'statistics': prepare the data with this version, and train.")
        data = record["data"]
        source = f"statistics of the {data['cases'].get('training')} training cases of {data.get('name', 'the data')}"
        write_json(ranges, {"source": source, "statistics": statistics})


def _write_models(
    folder: Path,
    network: torch.nn.Module,
    metadata: Mapping[str, Any],
    config: Mapping[str, Any],
    half: bool,
    formats: Sequence[str],
) -> dict[str, float]:
    folder.mkdir(parents=True)
    state = {
        key: value.half() if half and value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    write_atomic(folder / "model.pt", lambda stream: torch.save(state, stream))
    image = metadata["network_data_format"]["inputs"]["image"]
    shape = (image["num_channels"], *image["spatial_shape"])
    if "ts" in formats:
        export_torchscript(network, folder / "model.ts", metadata, {"inference.json": json.dumps(config)})
    if "onnx" in formats:
        export_onnx(network, folder / "model.onnx", shape, config["task_names"])
    return check_agreement(network, folder, shape)


def _requirements() -> str:
    """The versions that the wheel was packed with; local parts such as "+cpu" are a machine's choice.

    The wheel is not among them: pip looks for its path from the working directory, and the recipient is to stay out of
    the bundle's folder.
    """
    pins = []
    for line in requires("ctan-monai") or []:
        name = re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0]
        if "extra ==" not in line or 'extra == "dicom"' in line.replace("'", '"'):
            pins.append(f"{name}=={version(name).partition('+')[0]}")
    return "\n".join([*pins, ""])


def _refuse_local_paths(root: Path) -> None:
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix in _TEXTS):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if _names_folder(line, Path.home()) or _names_folder(line, Path.cwd()):
                raise DataError(
                    f"{path.relative_to(root)}:{number}: names a folder of this machine: {scrub_paths(line)}"
                )


def _zip(root: Path, stream: IO[bytes]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(root.parent).as_posix(), date_time=DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)


def _names_folder(text: str, folder: Path) -> bool:
    """Whether a text names a folder, and not the middle of a longer name such as "bin/ctan-monai-predict"."""
    name = str(folder).rstrip("/")  # "/" itself is in every path
    return bool(name) and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", text) is not None
