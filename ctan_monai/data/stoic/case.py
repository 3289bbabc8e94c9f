# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One STOIC patient, from its .mha to a prepared volume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np

from ctan_monai.data.preparation.journal import withdraw_datalist
from ctan_monai.imaging.lung_volume import LEVELS, LungVolume, lung_volume
from ctan_monai.imaging.metaimage import read_metaimage
from ctan_monai.utils import InputError
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256, write_atomic, write_json

from .release import age_and_sex

__all__ = ["prepare_case"]

_FORMAT = 1  # of the prepared data; a patient of another format is prepared again


def prepare_case(source: Path, settings: dict[str, Any], output: Path) -> dict[str, Any]:
    """Prepares one volume, or finds it prepared already from the same file with the same settings.

    Args:
        source: the official file, ``.../ID.mha``.
        settings: ``size``, ``spacing`` and ``window`` of :py:func:`ctan_monai.imaging.lung_volume.lung_volume`.
        output: the file to write, ``<dataset>/volumes/ID.nii``; its record is ``ID.json`` beside it.

    Returns:
        the record: ``entry`` (for ``datalist.json``), ``found``, ``warnings``, ``source_sha256``.

    Raises:
        DataError: the volume cannot be used.
        OSError: the output cannot be written.
    """
    try:
        state = source.stat()
        done = _read_record(output)
        made_from = {"bytes": state.st_size, "modified_ns": state.st_mtime_ns}
        same = done is not None and done["settings"] == settings
        # 280 GB are not read again to see that nothing changed
        if same and done["made_from"] == made_from:  # type: ignore[index]
            return done  # type: ignore[return-value]
        checksum = file_sha256(source)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror}).") from error
    if same and done["source_sha256"] == checksum:  # type: ignore[index]
        record = {**done, "made_from": made_from}  # type: ignore[dict-item]
    else:
        record = {
            "format": _FORMAT,
            "settings": settings,
            "made_from": made_from,
            "source_sha256": checksum,
            **_write_volume(source, settings, output),
        }
    write_json(output.with_suffix(".json"), record)
    return record


def _read_record(output: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(output.with_suffix(".json").read_text())
        whole = record["format"] == _FORMAT and output.stat().st_size == record["bytes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if whole and {"settings", "made_from", "source_sha256", "entry"} <= set(record) else None


def _write_volume(source: Path, settings: dict[str, Any], output: Path) -> dict[str, Any]:
    try:
        image = read_metaimage(source)
        result = lung_volume(image, settings["size"], settings["spacing"], settings["window"], str(source))
    except InputError as error:
        raise DataError(str(error)) from error
    withdraw_datalist(output.parent.parent)
    output.with_suffix(".json").unlink(missing_ok=True)  # the record of other settings, whose volume goes now
    write_atomic(output, _nifti(result, settings["window"]))
    return {
        "entry": {
            "case_id": source.stem,
            "image": f"{output.parent.name}/{output.name}",
            **age_and_sex(image),
            "lungs_found": int(result.found != "body"),
            "sha256": {"image": file_sha256(output)},
        },
        "found": result.found,
        "warnings": list(result.warnings),
        "source_shape": list(image.GetSize()),
        "source_spacing": [round(s, 4) for s in image.GetSpacing()],
        "bytes": output.stat().st_size,
    }


def _nifti(volume: LungVolume, window: list[float]) -> Any:
    """Bytes 0..255 on disk, HU for any viewer by the header's slope; Fortran order, so an axial slice is contiguous."""
    image = nib.Nifti1Image(np.asfortranarray(volume.values), volume.affine)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1, 0)

    def write(stream: IO[bytes]) -> None:
        header = image.header.copy()
        slope = (window[1] - window[0]) / LEVELS
        header["vox_offset"] = 352
        header["scl_slope"], header["scl_inter"] = slope, window[0]
        header["magic"] = b"n+1"
        stream.write(header.binaryblock)
        stream.write(bytes(4))  # no header extension
        stream.write(volume.values.tobytes(order="F"))

    return write
