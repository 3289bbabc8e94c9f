# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One Prostate patient, from DICOM (CT, RTSTRUCT, RTDOSE) to a folder of prepared data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, ResampleToMatchd
from nibabel.affines import voxel_sizes

from ctan_monai.data.preparation.case_folder import source_checksums, write_case_folder, write_nifti
from ctan_monai.dicom import (
    Choice,
    RTPatient,
    Structure,
    choose_ct,
    choose_plans,
    choose_structures,
    ct_series,
    rasterize,
    read_pixels,
    read_plan_doses,
    read_structures,
    resample_dose,
)
from ctan_monai.dicom.targets import parse_doses, read_rt_targets
from ctan_monai.transforms import AntiAliasedSpacingd, CropToBodyd, MaskBodyd
from ctan_monai.utils import original_names
from ctan_monai.utils.errors import DataError, InputError
from ctan_monai.utils.files import file_sha256

from .roi_names import PROSTATE_LABELS, match_rois

__all__ = ["NETWORK_SIZE", "NETWORK_SPACING", "prepare_case"]

#: The grid that the 2D network takes: 480 mm across, wide enough for nearly all hips.
NETWORK_SPACING = (3.0, 3.0, 3.0)  # mm
NETWORK_SIZE = (160, 160)  # pixels
_FORMAT = 3  # of the prepared data; a patient of another format is prepared again
_HU_RANGE = (-1024, 3071)
_LPS = nib.orientations.axcodes2ornt(("L", "P", "S"))
_NAMES = {"image": "ct", "dose": "dose", "segmentation": "segmentation"}


def prepare_case(
    patient: RTPatient,
    roi_map: Mapping[str, Sequence[str]],
    spacing: Sequence[float],
    size: Sequence[int],
    target_doses: str | None,
    choice: Choice,
    output: Path,
) -> dict[str, Any]:
    """Prepares one patient, or finds it prepared already from the same files and settings.

    Args:
        patient: the files.
        roi_map: label to patterns of ROI names.
        spacing: of the network's grid, (x, y, z) in mm.
        size: of the network's grid, pixels along x and y.
        target_doses: Gy by the targets' names, such as ``PTV=78``; None: the names carry their doses.
        choice: among several CTs, structure sets and plans.
        output: the folder to write, ``<dataset>/cases/<case>``.

    Returns:
        the record that is also written as ``case.json``: ``entry`` (for ``datalist.json``), ``figures`` (for its
        statistics), ``notes``, ``roi_names``, ``source_sha256``, ``reused``.

    Raises:
        DataError: the patient's files cannot be used.
        OSError: the output cannot be written.
    """
    files = patient.files()
    named = {Path(original_names(str(path))): path for path in files}  # a zip is unpacked elsewhere in each run
    root = os.path.commonpath([name.parent for name in named])
    checksums = source_checksums({str(name.relative_to(root)): path for name, path in named.items()})
    made_from = {
        "format": _FORMAT,
        "source_sha256": checksums,
        "roi_map": {label: list(patterns) for label, patterns in roi_map.items()},
        "network_grid": {"spacing": list(spacing), "size": list(size)},
        "target_doses": target_doses,
        "choice": {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(choice).items()},
    }
    try:
        return write_case_folder(
            output,
            made_from,
            lambda folder: _write_case(patient, roi_map, spacing, size, target_doses, choice, folder, output),
        )
    except DataError as error:
        beside = [text for text in patient.damaged.values() if text not in str(error)]
        raise DataError(" Beside it: ".join([str(error), *beside])) from error


def _write_case(
    patient: RTPatient,
    roi_map: Mapping[str, Sequence[str]],
    spacing: Sequence[float],
    size: Sequence[int],
    target_doses: str | None,
    choice: Choice,
    folder: Path,
    final: Path,
) -> dict[str, Any]:
    original, affine, masks, roi_names, notes = _read_patient(patient, roi_map, target_doses, choice)
    network, body, cut_mm = _to_network_grid(original, affine, spacing, size)
    if cut_mm > 0:
        notes.append(f"the body is {cut_mm:.0f} mm wider than the network's field; the rest is not trained on")

    prefix = f"{final.parent.name}/{final.name}"
    paths: dict[str, Any] = {key: f"{prefix}/{name}.nii" for key, name in _NAMES.items()}
    own: dict[str, Any] = {key: f"{prefix}/original/{name}.nii.gz" for key, name in _NAMES.items()}
    if "targets" in network:
        paths["targets"], own["targets"] = f"{prefix}/targets.nii", f"{prefix}/original/targets.nii.gz"
    structures = {label: f"{prefix}/original/{label}.nii.gz" for label in masks}
    (folder / "original").mkdir()
    files = {
        **{path: (network[key][0], network["image"][1]) for key, path in paths.items()},
        **{path: (original[key], affine) for key, path in own.items()},
        **{structures[label]: (masks[label], affine) for label in masks},
    }
    for path, (array, grid) in files.items():
        write_nifti(folder / Path(path).relative_to(prefix), array, grid)
    entry = {
        "case_id": final.name,
        **paths,
        "segmentation_present": [int(label in masks) for label in PROSTATE_LABELS],
        "body_slices": np.flatnonzero(body.any(axis=(0, 1))).tolist(),
        "spacing": voxel_sizes(network["image"][1]).round(6).tolist(),
        "original": {**own, "spacing": _spacing(affine), "structures": structures},
        "sha256": {path: file_sha256(folder / Path(path).relative_to(prefix)) for path in files},
    }
    voxel_cc = float(np.prod(_spacing(affine))) / 1000
    dose = network["dose"][0]
    figures = {
        "organ_volume_cc": {label: int(mask.sum()) * voxel_cc for label, mask in masks.items()},
        "body_volume_cc": int(body.sum()) * float(np.prod(entry["spacing"])) / 1000,
        "max_dose_gy": float(original["dose"].max()),
        "mean_body_dose_gy": float(dose[body].mean(dtype=np.float64)),
    }
    sizes = {
        str(Path(path).relative_to(prefix)): (folder / Path(path).relative_to(prefix)).stat().st_size for path in files
    }
    return {"entry": entry, "figures": figures, "notes": notes, "roi_names": roi_names, "sizes": sizes}


def _read_patient(
    patient: RTPatient, roi_map: Mapping[str, Sequence[str]], target_doses: str | None, choice: Choice
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray], dict[str, str], list[str]]:
    """Volumes on the CT's own grid, its axes turned to (left, posterior, superior), and that grid's affine."""
    parts = {"CT": patient.ct, "structure set (RTSTRUCT)": patient.structures, "dose (RTDOSE)": patient.doses}
    for kind, files in parts.items():
        if not files:
            raise DataError(f"there is no {kind}. Export CT, structures and dose of each patient.")
    plans = choose_plans(patient.doses, patient.plans, choice.plans, choice.sum_plans)
    structures, notes = choose_structures(patient.structures, plans.structures, choice.structure_sets)
    slices, remarks = choose_ct(patient.ct, structures, choice.series)
    notes += remarks
    series = ct_series(slices)
    folders = {path.parent for path in slices}
    if lost := [text for path, text in patient.damaged.items() if path.parent in folders]:
        raise DataError(f"{lost[0]} It lies among the slices of the CT, and may be one of them.")
    if not series.frame_uid:
        raise DataError(
            f"{series.files[0].parent}: the CT has no FrameOfReferenceUID, so nothing tells whether structures and "
            "dose lie in its space. Export it again."
        )
    turn = nib.orientations.ornt_transform(nib.io_orientation(series.affine), _LPS)
    affine = series.affine @ nib.orientations.inv_ornt_aff(turn, series.shape)
    ct = nib.orientations.apply_orientation(read_pixels(series), turn)
    doses, remarks = read_plan_doses(plans, series.frame_uid)
    notes += [*remarks, *plans.notes]
    found = read_structures(structures, series.frame_uid)
    masks, roi_names, remarks = _masks(found, roi_map, affine, ct.shape)
    notes += remarks
    if not masks:
        listed = ", ".join(f"'{structure.name}'" for structure in found)
        raise DataError(
            f"{structures}: none of its structures ({listed}) is one of {', '.join(PROSTATE_LABELS)}. Give "
            "their names as patterns in a file with --roi-map."
        )
    segmentation = np.zeros(ct.shape, np.uint8)
    for label, mask in masks.items():  # in the labels' order: the CTV, drawn last, keeps what it shares with an organ
        segmentation[mask] = PROSTATE_LABELS.index(label) + 1
    volumes = {
        "image": np.clip(np.rint(ct), *_HU_RANGE).astype(np.int16),
        "dose": sum(resample_dose(dose, affine, ct.shape) for dose in doses),
        "segmentation": segmentation,
    }
    try:
        targets = read_rt_targets(structures, series, parse_doses(target_doses))
        volumes["targets"] = nib.orientations.apply_orientation(targets, turn)
    except InputError as error:  # training on CT alone needs none
        if target_doses or any(structure.name.strip().casefold().startswith("ptv") for structure in found):
            notes.append(f"no targets ({error})")
    if not volumes["dose"].any():
        raise DataError("the dose is 0 everywhere on the CT. Export the dose that was planned on this CT.")
    return volumes, affine, masks, roi_names, notes


def _masks(
    structures: Sequence[Structure], roi_map: Mapping[str, Sequence[str]], affine: np.ndarray, shape: Sequence[int]
) -> tuple[dict[str, np.ndarray], dict[str, str], list[str]]:
    """Mask and name of each label that is drawn on the CT, and notes; templates leave structures that are not."""
    masks: dict[str, np.ndarray] = {}
    roi_names: dict[str, str] = {}
    notes: list[str] = []
    drawn = [structure for structure in structures if structure.is_drawn]
    while matches := {
        label: drawn[position]
        for label, position in match_rois([structure.name for structure in drawn], roi_map).items()
        if label not in masks
    }:
        for label, structure in matches.items():
            mask, remarks = rasterize(structure, affine, shape)
            notes += remarks
            if mask.any():
                masks[label], roi_names[label] = mask, structure.name
            else:
                notes.append(f"'{structure.name}' ({label}) has no contour on the CT, taken as not contoured")
                drawn.remove(structure)  # another one may match
    empty = [structure for structure in structures if not structure.is_drawn]
    for label in PROSTATE_LABELS:
        if label in masks:
            continue
        for one in (s for s in empty if match_rois([s.name], roi_map).keys() & {label}):
            reason = one.notes[0] if one.notes else f"'{one.name}' ({label}) has no contour on the CT"
            notes.append(f"{reason}, taken as not contoured")
    others = [f"'{s.name}'" for s in drawn if s.name not in roi_names.values()]
    found = {label for structure in structures for label in match_rois([structure.name], roi_map)}
    for label in (label for label in PROSTATE_LABELS if label not in found):
        listed = f"; the other names are {', '.join(others)}" if others else ""
        notes.append(f"no structure is the {label} by its name{listed}")
    return masks, roi_names, notes


def _to_network_grid(
    volumes: Mapping[str, np.ndarray], affine: np.ndarray, spacing: Sequence[float], size: Sequence[int]
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray, float]:
    """Array and affine of each volume, the body, and how many mm of its width were cut.

    The CT goes the way that inference takes; labels are sampled at its voxels, the nearest label and the linear dose.
    """
    data: dict[Any, Any] = {
        key: MetaTensor(torch.from_numpy(array[None].astype(np.float32)), affine=torch.from_numpy(affine))
        for key, array in volumes.items()
    }
    modes = {"segmentation": "nearest", "dose": "bilinear", "targets": "nearest"}
    labels = [key for key in modes if key in volumes]
    data = Compose(
        [
            AntiAliasedSpacingd("image", spacing),
            MaskBodyd("image"),
            CropToBodyd(["image", "body"], size, [_HU_RANGE[0], 0]),
            ResampleToMatchd(labels, key_dst="image", mode=[modes[key] for key in labels], padding_mode="zeros"),
        ]
    )(data)
    body = data["body"][0].numpy().astype(bool)
    if not body.any():
        raise DataError("no voxel of the CT is above -300 HU, so no body. Export the CT again.")
    types = {"image": np.int16, "segmentation": np.uint8}
    network = {
        key: np.rint(data[key][0].numpy()).astype(types[key]) if key in types else data[key][0].numpy()
        for key in volumes
    }
    grid = data["image"].affine.numpy().astype(float)
    return {key: (array, grid) for key, array in network.items()}, body, float(data["image"].meta["body_cut_mm"])


def _spacing(affine: np.ndarray) -> list[float]:
    result: list[float] = voxel_sizes(affine).round(6).tolist()
    return result
