# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The targets of CT volumes, found, checked and read: structure sets, masks, or a volume of prescribed Gy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.data.metaimage import is_metaimage, metaimage_stem, read_metaimage_array
from ctan_monai.data.nifti import check_nifti, is_nifti, load_nifti, nifti_stem
from ctan_monai.dicom import ct_series, dicom_headers
from ctan_monai.dicom.rtstruct import frames_of_reference
from ctan_monai.dicom.targets import HIGHEST, LOWEST, parse_doses, prescribed_doses, rt_target_masks
from ctan_monai.errors import InputError
from ctan_monai.inference import FoundInputs, image_name

__all__ = ["Target", "find_targets", "is_structure_set", "is_targets", "read_targets"]

Image = Path | str | Sequence[Path | str]  # a file, the folder of a series, or its files

_FORMS = (
    "a DICOM structure set (RTSTRUCT), a folder of NIfTI masks such as PTV70.nii.gz, or a NIfTI volume of prescribed Gy"
)


@dataclass(frozen=True)
class Target:
    """A target of a patient, or several in one volume of prescribed dose.

    Attributes:
        name: of the structure or the mask's file; empty for a volume of Gy.
        array: (x, y, z), bool voxels of the target, or prescribed Gy, 0 outside the targets.
        affine: (4, 4) index to RAS mm.
        dose: prescribed to the voxels, Gy; None where the array holds it.
    """

    name: str
    array: np.ndarray
    affine: np.ndarray
    dose: float | None

    @property
    def gray(self) -> np.ndarray:
        """Prescribed dose in Gy, float32 (x, y, z)."""
        return self.array if self.dose is None else self.array * np.float32(self.dose)


def is_targets(path: Path) -> bool:
    """Whether a NIfTI file or a folder is, by its name, the targets of a CT beside it, and so is not a CT itself.

    Args:
        path: ``targets`` beside a CT, or ``<case>_targets`` beside ``<case>``, with or without .nii or .nii.gz.
    """
    name = _stem(path)
    others = [p for p in path.parent.iterdir() if p != path and not p.name.startswith(".")]
    if name.endswith("_targets"):
        return any(_stem(p) == name.removesuffix("_targets") for p in others)
    if name != "targets":
        return False
    return any(_is_volume(p) for p in others) or (path.is_dir() and any(map(is_nifti, path.iterdir())))


def is_structure_set(path: Path | str) -> bool:
    """Whether targets are a structure set (RTSTRUCT): a file that is not NIfTI."""
    return not is_nifti(path) and not Path(path).is_dir()


def find_targets(
    items: FoundInputs,
    given: Path | str | None = None,
    doses: str | None = None,
    structures: Sequence[Path] = (),
) -> FoundInputs:
    """Finds and checks the targets of each CT.

    Args:
        items: CTs, of :py:func:`ctan_monai.data.find_inputs`.
        given: the targets of the one CT; or a folder with those of each, ``<case>_targets`` or ``<case>``, or with
            structure sets, of which each CT has the one in its frame of reference. None: they lie beside the CT: a
            structure set in the folder of a DICOM series; ``<case>_targets`` or ``targets``, a folder of masks or a
            NIfTI volume; or else a structure set in the CT's frame of reference, in a folder beside the series' or
            elsewhere in the input.
        doses: Gy by names, see :py:func:`ctan_monai.dicom.targets.parse_doses`.
        structures: all structure sets of the input.

    Returns:
        the items whose targets can be used, with "targets", a path, and "target_doses" where these are given.

    Raises:
        InputError: targets that are missing or cannot be used, for every CT; one message lists them.
    """
    parse_doses(doses)
    if given is not None and not Path(given).exists():
        raise InputError(f"{given}: no such file or folder. Give {_FORMS}.")
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for item in items:
        try:
            targets = _beside(item["image"], structures) if given is None else _for_case(Path(given), item)
            read_targets(targets, item["image"], doses)
            named = {} if doses is None else {"target_doses": doses}
            found.append({**item, "targets": str(targets), **named})
        except InputError as error:
            problems.append(str(error))
    masks = Counter(item["targets"] for item in found if not is_structure_set(item["targets"]))
    for path in (path for path, number in masks.items() if number > 1):
        cases = ", ".join(item["case_id"] for item in found if item["targets"] == path)
        found = [item for item in found if item["targets"] != path]
        problems.append(
            f"{path}: would be the targets of several CTs ({cases}); expected those of one. Name each CT's targets "
            "<case>_targets."
        )
    if not found:
        total = f"The targets of {len(items)} CTs cannot all be used:\n" if len(items) > 1 else ""
        raise InputError(total + "\n".join([*problems, *items.unusable]))
    return FoundInputs(found, items.left_out, [*items.unusable, *problems])


def read_targets(path: Path | str, ct: Image, doses: str | None = None) -> list[Target]:
    """Reads and checks the targets of a CT.

    Args:
        path: an RTSTRUCT file, a folder of NIfTI masks that are named as the targets, or a NIfTI volume of Gy.
        ct: the CT's file, DICOM folder or DICOM files.
        doses: Gy by names, see :py:func:`ctan_monai.dicom.targets.parse_doses`.

    Returns:
        the targets, each on the grid of its file; those of a structure set on the CT's.

    Raises:
        InputError: see :py:func:`ctan_monai.dicom.targets.prescribed_doses`; or a target outside the CT.
    """
    path = Path(path)
    if is_structure_set(path):
        if not _is_series(ct):
            raise InputError(
                f"{path}: a structure set needs the DICOM CT series that it was drawn on, but the CT is {ct}. Give "
                "that series' folder, or the targets as NIfTI masks."
            )
        series = ct_series(ct)
        masks = rt_target_masks(path, series, parse_doses(doses))
        return [Target(name, mask, series.affine, dose) for name, dose, mask in masks]
    volumes: list[tuple[Path, float | None]]
    if not path.is_dir():
        volumes = [(path, None)]
    else:
        files = sorted(p for p in path.iterdir() if is_nifti(p) and not p.name.startswith("."))
        names = [nifti_stem(p) for p in files]
        targets = prescribed_doses(names, parse_doses(doses), path)
        volumes = [(file, targets[name]) for file, name in zip(files, names, strict=True) if name in targets]
    ct_affine, ct_shape = _grid(ct)
    found = []
    for file, dose in volumes:
        check_nifti(file)
        image = load_nifti(file)
        array: np.ndarray = np.asarray(image.dataobj, np.float32)
        array = array.reshape(array.shape[:3])
        if dose is None:
            _check_gray(file, array)
        else:
            array = array > 0.5
        affine: np.ndarray = image.affine
        index = np.argwhere(array > 0) @ (to_ct := np.linalg.inv(ct_affine) @ affine)[:3, :3].T + to_ct[:3, 3]
        if not ((index >= -0.5) & (index <= np.asarray(ct_shape) - 0.5)).all(axis=1).any():
            where = "lies wholly outside the CT" if len(index) else "is empty"
            raise InputError(
                f"{file}: the target {where}; expected voxels within {image_name(ct)}. Give this patient's targets, "
                "in the same space as the CT."
            )
        found.append(Target("" if dose is None else nifti_stem(file), array, affine, dose))
    return found


def _beside(ct: str | list[str], structures: Sequence[Path]) -> Path:
    if not isinstance(ct, str):
        series, folders = sorted({Path(file).parent for file in ct}), []
    elif Path(ct).is_dir():
        series = [Path(ct)]
        folders = [(Path(ct).parent, f"{Path(ct).resolve().name}_targets"), (Path(ct), "targets")]
    else:
        series = []
        folders = [(Path(ct).parent, f"{_stem(Path(ct))}_targets"), (Path(ct).parent, "targets")]
    if beside := [path for folder in series for path in _structure_sets(folder)]:
        return _of_frame(beside, ct)
    for folder, name in folders:
        if path := _named(folder, name):
            return path
    if series and (elsewhere := _exported_beside(ct, series, structures)):
        return elsewhere
    names = [*(["a structure set among its files or beside its folder"] if series else []), *(n for _, n in folders)]
    raise InputError(
        f"{image_name(ct)}: the network was trained with targets, but there are none beside the CT; expected "
        f"{' or '.join(names)}, a folder of NIfTI masks or a NIfTI volume of Gy. Give them by --targets_from, or use a "
        "network for CT alone."
    )


def _for_case(given: Path, item: Mapping[str, Any]) -> Path:
    if given.is_file():
        return given
    ct = item["image"]
    for stem in (item["case_id"], *([_stem(Path(ct))] if isinstance(ct, str) else [])):
        for name in (f"{stem}_targets", stem):
            if path := _named(given, name):
                return path
    if (structures := _structure_sets(given)) and _is_series(ct):
        return _of_frame(structures, ct)
    return given


def _named(folder: Path, name: str) -> Path | None:
    return next((p for end in ("", ".nii.gz", ".nii", ".dcm") if (p := folder / f"{name}{end}").exists()), None)


def _structure_sets(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and not is_nifti(p))
    return [path for path, header in dicom_headers(files).items() if header.Modality == "RTSTRUCT"]


def _exported_beside(ct: Image, series: Sequence[Path], structures: Sequence[Path]) -> Path | None:
    """The structure set of the CT's frame of reference: in the input, the folder around a series, or its others."""
    around = sorted({folder.parent for folder in series})
    folders = [*around, *sorted(p for folder in around for p in folder.iterdir() if p.is_dir() and p not in series)]
    frame = ct_series(ct).frame_uid
    found = {*structures, *(path for folder in folders for path in _structure_sets(folder))}
    fitting = _in_frame(sorted(found), frame)
    return _only(fitting, fitting, ct, frame) if fitting else None


def _of_frame(structures: Sequence[Path], ct: Image) -> Path:
    """The structure set in the CT's frame of reference; a single one of another frame is refused where it is read."""
    frame = ct_series(ct).frame_uid
    return _only(_in_frame(structures, frame), structures, ct, frame)


def _only(fitting: Sequence[Path], structures: Sequence[Path], ct: Image, frame: str) -> Path:
    if len(fitting) == 1 or len(structures) == 1:
        return (fitting or structures)[0]
    found = ", ".join(path.name for path in fitting or structures)
    raise InputError(
        f"{structures[0].parent}: there are {len(fitting)} structure sets in the frame of reference of the CT "
        f"{image_name(ct)} ({frame}), expected one; found {found}. Give the one to use by --targets_from."
    )


def _in_frame(structures: Sequence[Path], frame: str) -> list[Path]:
    """Structure sets wholly in a frame of reference; if there is none, those with a structure in it."""
    frames = {path: frames_of_reference(path) for path in structures}
    wholly = [path for path in structures if frames[path] == {frame}]
    return wholly or [path for path in structures if frame in frames[path]]


def _check_gray(file: Path, array: np.ndarray) -> None:
    values = array[array != 0]
    if not len(values):
        raise InputError(f"{file}: holds no target: all voxels are 0. Give {_FORMS}.")
    low, high = float(values.min()), float(values.max())
    if not (low >= LOWEST and high <= HIGHEST):  # also where one of them is NaN
        raise InputError(
            f"{file}: its values, but for 0, are {low:g} to {high:g}; expected the prescribed dose, {LOWEST:g} to "
            f"{HIGHEST:g} Gy. Put masks into a folder, each named as its target, such as PTV70.nii.gz."
        )


def _grid(ct: Image) -> tuple[np.ndarray, tuple[int, ...]]:
    """Affine to RAS mm and shape of a CT."""
    if _is_series(ct) or not isinstance(ct, str | Path):
        series = ct_series(ct)
        return series.affine, series.shape
    if is_metaimage(ct):
        array, affine = read_metaimage_array(ct)
        return affine, array.shape
    image = load_nifti(ct)
    return image.affine, image.shape[:3]


def _is_series(ct: Image) -> bool:
    return not isinstance(ct, str | Path) or Path(ct).is_dir()


def _is_volume(path: Path) -> bool:
    return is_nifti(path) or is_metaimage(path)


def _stem(path: Path) -> str:
    return metaimage_stem(path) if is_metaimage(path) else nifti_stem(path) if is_nifti(path) else path.name
