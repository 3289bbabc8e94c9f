# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One OpenKBP patient, from the official folder to a folder of prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.data.preparation.case_folder import source_checksums, write_case_folder, write_nifti
from ctan_monai.imaging.body import body_mask
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256

from .patient import (
    HU_OFFSET,
    PRESCRIBED_GY,
    SEGMENTATION_ORGANS,
    STRUCTURES,
    check_end,
    lps_affine,
    read_patient,
    to_lps,
)

__all__ = ["prepare_case"]

_FORMAT = 3  # of the prepared data; a patient of another format is prepared again
_CSV_RANGE = (0, 4095)  # of HU + 1024


def prepare_case(source: Path, output: Path) -> dict[str, Any]:
    """Prepares one patient, or finds it prepared already from the same files.

    Args:
        source: the official folder, ``.../pt_N``.
        output: the folder to write, ``<dataset>/<section>/pt_N``.

    Returns:
        the record that is also written as ``case.json``: ``entry`` (for ``datalist.json``), ``figures`` (for its
        statistics), ``notes``, ``source_sha256``, ``reused``.

    Raises:
        DataError: the patient's files cannot be used.
        OSError: the output cannot be written.
    """
    names = ["ct", "dose", "possible_dose_mask", "voxel_dimensions", *STRUCTURES]
    files = [source / f"{name}.csv" for name in names if (source / f"{name}.csv").is_file()]
    checksums = source_checksums({file.name: file for file in files})
    made_from = {"format": _FORMAT, "source_sha256": checksums}
    return write_case_folder(output, made_from, lambda folder: _write_case(source, folder, output))


def _write_case(source: Path, folder: Path, final: Path) -> dict[str, Any]:
    patient = read_patient(source)
    spacing = (patient.spacing[1], patient.spacing[0], patient.spacing[2])  # (y, x, z) -> (x, y, z)
    affine = lps_affine(spacing)
    notes = [f"{name} is empty, taken as not contoured" for name, mask in patient.structures.items() if not mask.any()]
    masks = {name: to_lps(mask) for name, mask in patient.structures.items() if mask.any()}
    ct = to_lps((np.clip(patient.ct, *_CSV_RANGE) - HU_OFFSET).astype(np.int16))
    dose = to_lps(patient.dose.astype(np.float32))
    feasible = to_lps(patient.possible_dose_mask)
    body = body_mask(ct)
    if not body.any():
        raise DataError(
            f"{source / 'ct.csv'}: no voxel above -300 HU, so no body. Copy the file from the release again."
        )
    check_end(source / "ct.csv", np.flatnonzero(patient.ct), patient.possible_dose_mask)
    if not feasible.any():
        raise DataError(f"{source / 'possible_dose_mask.csv'}: holds no voxel. Copy the file from the release again.")

    # Contours overlap by a voxel here and there: the label with the lowest number keeps the voxel.
    segmentation = np.zeros(ct.shape, np.uint8)
    for label, name in reversed(list(enumerate(SEGMENTATION_ORGANS.values(), start=1))):
        if name in masks:
            segmentation[masks[name]] = label

    targets = np.zeros(ct.shape, np.uint8)  # the prescribed dose in Gy, the highest where targets overlap
    for name, prescribed in PRESCRIBED_GY.items():
        if name in masks:
            targets[masks[name]] = np.maximum(targets[masks[name]], prescribed)

    names = {"image": "ct.nii", "dose": "dose.nii", "segmentation": "segmentation.nii", "targets": "targets.nii"}
    names["possible_dose_mask"] = "possible_dose_mask.nii.gz"
    names.update({name: f"structures/{name}.nii.gz" for name in masks})
    arrays = {"image": ct, "dose": dose, "segmentation": segmentation, "targets": targets}
    arrays |= {"possible_dose_mask": feasible, **masks}
    (folder / "structures").mkdir(parents=True)
    for key, name in names.items():
        write_nifti(folder / name, arrays[key], affine)

    paths = {key: f"{final.parent.name}/{final.name}/{name}" for key, name in names.items()}
    entry = {
        "case_id": final.name,
        "image": paths["image"],
        "dose": paths["dose"],
        "segmentation": paths["segmentation"],
        "targets": paths["targets"],
        "segmentation_present": [int(name in masks) for name in SEGMENTATION_ORGANS.values()],
        "possible_dose_mask": paths["possible_dose_mask"],
        "structures": {name: paths[name] for name in masks},
        "body_slices": np.flatnonzero(body.any(axis=(0, 1))).tolist(),
        "spacing": list(spacing),
        "sha256": {key: file_sha256(folder / name) for key, name in names.items()},
    }
    voxel_cc = float(np.prod(spacing)) / 1000
    figures = {
        "organ_volume_cc": {
            organ: int(masks[name].sum()) * voxel_cc for organ, name in SEGMENTATION_ORGANS.items() if name in masks
        },
        "body_volume_cc": int(body.sum()) * voxel_cc,
        "max_dose_gy": float(dose.max()),
        "mean_body_dose_gy": float(dose[body].mean(dtype=np.float64)),
        "mean_mask_dose_gy": float(dose[feasible].mean(dtype=np.float64)),
    }
    sizes = {name: (folder / name).stat().st_size for name in names.values()}
    return {"entry": entry, "figures": figures, "notes": notes, "sizes": sizes}
