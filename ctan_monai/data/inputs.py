# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The CT volumes that an inference run is given, checked before time is spent."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.data.metaimage import is_metaimage, metaimage_stem, read_metaimage_array
from ctan_monai.data.nifti import check_nifti, is_nifti, nifti_stem
from ctan_monai.data.targets import find_targets, is_targets
from ctan_monai.dicom import InputError, ct_series, dicom_headers, read_source

__all__ = ["InputError", "find_inputs"]

logger = logging.getLogger(__name__)


def find_inputs(
    path: Path | str,
    dicom_output: bool | Sequence[str] = False,
    targets: bool = False,
    targets_from: Path | str | None = None,
    target_doses: str | None = None,
) -> list[dict[str, str]]:
    """Finds and checks the CT volumes at a path, and their targets where the network has them as input.

    Args:
        path: a NIfTI (.nii, .nii.gz) or MetaImage (.mha, .mhd) file, a folder with a DICOM CT series, or a folder of
            such files and folders, nested at will. Results of an earlier run (NIfTI files beside their
            ``<case>_report.json``) are left out, and so are targets beside their CT.
        dicom_output: whether DICOM results are asked for, which need a DICOM series with its identities; True or their
            kinds.
        targets: whether the network was trained with targets.
        targets_from: where they are; None: beside the CT. See :py:func:`ctan_monai.data.targets.find_targets`.
        target_doses: Gy by their names, such as ``PTV70=70,PTV63=63``; None: the names carry their doses.

    Returns:
        one ``{"image": path, "case_id": name}`` for each volume, sorted by path, with "targets" where asked for. The
        name is the file's or folder's; where two would be the same, that of their folders is put before it.

    Raises:
        InputError: nothing there, or input that cannot be used; one message lists all such inputs.
    """
    if not targets and (targets_from is not None or target_doses is not None):
        raise InputError(
            f"--targets_from {targets_from}, --target_doses {target_doses}: the network was trained on CT alone. Leave "
            "them out, or use a network that was trained with targets."
        )
    root = Path(path)
    if not root.exists():
        raise InputError(
            f"{root}: no such file or folder. Give a NIfTI or MetaImage file, a DICOM CT series folder, or a folder of "
            "these."
        )
    if root.is_file():
        if not _is_volume(root):
            raise InputError(
                f"{root}: a file that is not NIfTI (.nii, .nii.gz) or MetaImage (.mha, .mhd). For DICOM, give the "
                "folder that holds the series."
            )
        volumes, problems = [root], _problems(root)
    else:
        volumes, problems = _search(root)
    if dicom_output and not problems:
        problems = [problem for volume in volumes for problem in _without_identity(volume)]
    if problems:
        total = f"{len(problems)} of {len(volumes)} inputs cannot be used:\n" if len(volumes) > 1 else ""
        raise InputError(total + "\n".join(problems))
    items = [{"image": str(v), "case_id": name} for v, name in zip(volumes, _case_ids(root, volumes), strict=True)]
    return find_targets(items, targets_from, target_doses) if targets else items


def _search(root: Path) -> tuple[list[Path], list[str]]:
    volumes: list[Path] = []
    problems: list[str] = []
    without_ct: list[str] = []
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        if os.path.realpath(folder) in seen:  # a link to a folder above
            subfolders.clear()
            continue
        seen.add(os.path.realpath(folder))
        subfolders[:] = sorted(
            s for s in subfolders if not s.startswith((".", "__")) and not _left_out_targets(Path(folder, s))
        )
        files = [Path(folder, n) for n in sorted(names) if not n.startswith(".")]
        for file in files:
            if _is_volume(file) and not _is_result(file) and not _left_out_targets(file):
                volumes.append(file)
                problems += _problems(file)
        try:
            headers = dicom_headers(f for f in files if not _is_volume(f))
        except InputError as error:
            volumes.append(Path(folder))
            problems.append(str(error))
            continue
        if any(h.Modality == "CT" for h in headers.values()):
            volumes.append(Path(folder))
            problems += _problems(Path(folder))
        elif headers:
            modalities = Counter(str(h.Modality) for h in headers.values())
            without_ct.append(f"{folder}: {', '.join(f'{m} ({n} files)' for m, n in sorted(modalities.items()))}")
    if not volumes:
        found = f" There are DICOM files, but no CT: {'; '.join(without_ct)}." if without_ct else ""
        raise InputError(
            f"{root}: no CT volume was found.{found} Expected NIfTI or MetaImage files, or folders with a DICOM CT "
            "series."
        )
    for line in without_ct:
        logger.info("Left out, as it is no CT: %s", line)
    return volumes, problems


def _is_volume(file: Path) -> bool:
    return is_nifti(file) or is_metaimage(file)


def _stem(volume: Path) -> str:
    if volume.is_file():
        return metaimage_stem(volume) if is_metaimage(volume) else nifti_stem(volume)
    return volume.resolve().name


def _problems(volume: Path) -> list[str]:
    try:
        if volume.is_dir():
            ct_series(volume)
        elif is_metaimage(volume):
            read_metaimage_array(volume)
        else:
            check_nifti(volume)
    except InputError as error:
        return [str(error)]
    return []


def _without_identity(volume: Path) -> list[str]:
    """What is missing for DICOM results."""
    if volume.is_file():
        return [
            f"{volume}: is no DICOM series, and DICOM results (--dicom_output) need the patient and study of one. "
            "Give the folder with the CT's DICOM slices, or leave --dicom_output out."
        ]
    try:
        read_source(volume)
    except InputError as error:
        return [str(error)]
    return []


def _left_out_targets(path: Path) -> bool:
    found = is_targets(path)
    if found:
        logger.info("Left out, as these are targets by their name: %s", path)
    return found


def _is_result(file: Path) -> bool:
    case = re.sub(r"_(segmentation|dose)$", "", _stem(file))
    return case != _stem(file) and (file.parent / f"{case}_report.json").exists()


def _case_ids(root: Path, volumes: list[Path]) -> list[str]:
    """File-name-safe, unique names."""

    def plain(text: str) -> str:
        return re.sub(r"[^\w.-]+", "_", text).strip("_.") or "case"

    stems = [_stem(v) for v in volumes]
    names = [plain(s) for s in stems]
    for i in [i for i, n in enumerate(names) if names.count(n) > 1]:
        folders = volumes[i].parent.relative_to(root).parts if volumes[i] != root else ()
        names[i] = plain("_".join([*folders, stems[i]]))
    taken: set[str] = set()
    for i, name in enumerate(names):
        number = 1
        while names[i] in taken:
            number += 1
            names[i] = f"{name}_{number}"
        taken.add(names[i])
    return names
