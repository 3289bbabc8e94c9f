# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where the targets of CT volumes are: beside them, or as the user says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.dicom import ct_series, dicom_headers
from ctan_monai.dicom.rtstruct import frames_of_reference
from ctan_monai.dicom.targets import parse_doses
from ctan_monai.imaging.metaimage import is_metaimage, metaimage_stem
from ctan_monai.imaging.nifti import is_nifti, nifti_stem
from ctan_monai.transforms.read_targets import TARGET_FORMS, Image, is_series, is_structure_set, read_targets
from ctan_monai.utils import image_name
from ctan_monai.utils.errors import InputError

from .found_inputs import FoundInputs

__all__ = ["find_targets", "is_targets"]


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


def find_targets(
    items: FoundInputs,
    given: Path | str | None = None,
    doses: str | None = None,
    structures: Sequence[Path] = (),
) -> FoundInputs:
    """Finds and checks the targets of each CT.

    Args:
        items: CTs, of :py:func:`ctan_monai.inference.find_inputs`.
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
        raise InputError(f"{given}: no such file or folder. Give {TARGET_FORMS}.")
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
    if (structures := _structure_sets(given)) and is_series(ct):
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


def _is_volume(path: Path) -> bool:
    return is_nifti(path) or is_metaimage(path)


def _stem(path: Path) -> str:
    return metaimage_stem(path) if is_metaimage(path) else nifti_stem(path) if is_nifti(path) else path.name
