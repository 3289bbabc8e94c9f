# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The CT volumes that an inference run is given, checked before time is spent."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from ctan_monai.dicom import read_source
from ctan_monai.dicom.find_series import (
    SeriesFiles,
    choose_series,
    group_series,
    is_among,
    no_slice,
    no_volume,
    tag_text,
)
from ctan_monai.dicom.headers import DamagedFile, dicom_header
from ctan_monai.dicom.series import check_series
from ctan_monai.imaging import check_memory, read_metaimage_header
from ctan_monai.imaging.metaimage import is_metaimage, metaimage_stem, read_metaimage_array
from ctan_monai.imaging.nifti import check_nifti, is_nifti, load_nifti, nifti_stem
from ctan_monai.utils import InputError, is_dicom, is_zip, original_names, safe_name, walk_folders
from ctan_monai.utils.errors import visible

from .find_targets import find_targets, is_targets
from .found_inputs import FoundInputs, name_problem

__all__ = ["InputError", "find_inputs"]

logger = logging.getLogger(__name__)

_TARGETS = "targets by the name"
_OF_A_SERIES = ("SeriesInstanceUID", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID")
_MOST_FOLDERS = 50  # beside the given one that are looked into
_VOXELS = (".raw", ".zraw", ".img", ".bin")  # of a MetaImage's header


@dataclass(eq=False)
class _Volume:
    """A CT volume: a file, or a DICOM series.

    Attributes:
        image: its file, the folder that holds it alone, or its files.
        place: its file, or the folder that all of it lies in.
        stem: what it is called.
        problem: why it cannot be used; empty where it can.
        series: of DICOM.
    """

    image: Path | list[Path]
    place: Path
    stem: str
    problem: str = ""
    series: SeriesFiles | None = None


@dataclass
class _Found:
    """What lies below a folder."""

    volumes: list[_Volume] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)  # file or folder, what it is
    unusable: list[str] = field(default_factory=list)  # files that are of no volume
    structures: list[Path] = field(default_factory=list)


def find_inputs(
    path: Path | str,
    dicom_output: bool | Sequence[str] = False,
    targets: bool = False,
    targets_from: Path | str | None = None,
    target_doses: str | None = None,
    series: str | int | Sequence[str | int] | None = None,
) -> FoundInputs:
    """Finds and checks the CT volumes at a path, and their targets where the network has them as input.

    Whatever else there is (other modalities, localizers, dose reports, bolus tracking), and images that cannot be used,
    are left out and listed.

    Args:
        path: a NIfTI (.nii, .nii.gz) or MetaImage (.mha, .mhd) file, a folder with DICOM files, a zip, or a folder of
            such files, folders and zips, nested at will. A CT series may lie in several folders. Results of an earlier
            run (NIfTI files beside their ``<case>_report.json``) are left out, and so are targets beside their CT.
        dicom_output: whether DICOM results are asked for, which need a DICOM series with its identities; True or their
            kinds.
        targets: whether the network was trained with targets.
        targets_from: where they are; None: beside the CT. See
            :py:func:`ctan_monai.inference.find_targets.find_targets`.
        target_doses: Gy by their names, such as ``PTV70=70,PTV63=63``; None: the names carry their doses.
        series: the DICOM series to take, each by SeriesInstanceUID, SeriesNumber or SeriesDescription; None: all.

    Returns:
        one ``{"image": path, "case_id": name}`` for each volume, sorted by path, with "targets" where asked for; the
        image of a series that does not lie in a folder by itself is the list of its files. The name is the file's or
        folder's; where two would be the same, that of their folders is put before it.

    Raises:
        InputError: nothing there, or nothing that can be used; one message lists all such inputs.
    """
    if not targets and (targets_from is not None or target_doses is not None):
        raise InputError(
            f"--targets_from {targets_from}, --target_doses {target_doses}: the network was trained on CT alone. Leave "
            "them out, or use a network that was trained with targets."
        )
    root = Path(path)
    if not root.exists():
        raise InputError(
            f"{root}: no such file or folder. Give a NIfTI or MetaImage file, a DICOM CT series folder, a folder of "
            "these, or a zip."
        )
    if root.is_file() and not is_zip(root) and not _is_volume(root):
        raise InputError(
            f"{root}: a file that is not NIfTI (.nii, .nii.gz), MetaImage (.mha, .mhd) or a zip. For DICOM, give the "
            "folder that holds the series."
        )
    found = _Found([_file(root)]) if _is_volume(root) and root.is_file() else _search(root)
    names = _case_ids(root, found.volumes)  # of all, so that a name stays when another image is repaired
    volumes = _chosen(found, series)
    if dicom_output:
        for volume in volumes:
            volume.problem = volume.problem or _without_identity(volume)
    unusable = found.unusable + [volume.problem for volume in volumes if volume.problem]
    items = FoundInputs(
        [
            {"image": str(v.image) if isinstance(v.image, Path) else [str(file) for file in v.image], "case_id": name}
            for v, name in zip(found.volumes, names, strict=True)
            if v in volumes and not v.problem
        ],
        unusable=unusable,
    )
    if not items:
        total = len(volumes) + len(found.unusable)
        counted = f"{len(unusable)} of {total} inputs cannot be used:\n" if total > 1 else ""
        raise InputError(original_names(counted + "\n".join(unusable)))
    if targets:
        items = find_targets(items, targets_from, target_doses, found.structures)
    used = {item["targets"] for item in items if "targets" in item}
    items.left_out = _lines((place, what) for place, what in found.left_out if str(place) not in used)
    for line in items.left_out:
        logger.info("Left out: %s", line)
    for line in items.unusable:
        logger.warning("Cannot be used: %s", line)
    return items


def _search(root: Path) -> _Found:
    """Volumes below a folder or in a zip, sorted by path."""
    found = _Found()
    headers: dict[Path, Dataset] = {}
    damaged: dict[Path, str] = {}

    def are_targets(path: Path) -> bool:
        if by_name := is_targets(path):
            found.left_out.append((path, _TARGETS))
        return by_name

    for _, files in walk_folders(root, _wanted_of_zip, are_targets, lambda error: found.unusable.append(str(error))):
        for file in files:
            if _is_volume(file):
                if not _is_result(file) and not are_targets(file):
                    found.volumes.append(_file(file))
                continue
            try:
                header = dicom_header(file)
            except DamagedFile as error:
                if error.modality in ("", "CT"):
                    damaged[file] = str(error)
                else:
                    found.left_out.append((file, f"damaged {error.modality}"))
                continue
            if header is not None:
                headers[file] = header
    _add_series(found, headers, damaged)
    if not is_zip(root):
        found.left_out += _parts_beside(root, [v.series for v in found.volumes if v.series is not None])
    found.volumes.sort(key=lambda volume: volume.place)
    if not found.volumes and not found.unusable:
        lines = "; ".join(_lines(found.left_out))
        there = f" There are DICOM files, but no CT volume: {lines}." if lines else ""
        raise InputError(
            original_names(
                f"{root}: no CT volume was found.{there} Expected NIfTI or MetaImage files, or folders with a DICOM CT "
                "series."
            )
        )
    return found


def _add_series(found: _Found, headers: Mapping[Path, Dataset], damaged: Mapping[Path, str]) -> None:
    series = [(one, no_volume(one)) for one in group_series(headers)]
    studies = {one.tag("StudyInstanceUID") for one, kind in series if not kind}
    volumes = []
    for one, kind in series:
        found.left_out += [(path, "a copy of another image") for path in one.copies]
        if kind and one.tag("StudyInstanceUID") in studies:
            found.left_out += [(path, f"CT series {_short(one)} {kind}") for path in one.files]
        else:  # where a study has nothing else, what it lacks of a volume is told
            volumes.append(one)
    for path, header in headers.items():
        if what := no_slice(header):
            found.left_out.append((path, what))
        if header.Modality == "RTSTRUCT":
            found.structures.append(path)
    unassigned = dict(damaged)
    for one in volumes:
        beside = [path for path in damaged if path.parent in one.folders]
        for path in beside:
            unassigned.pop(path, None)
        found.volumes.append(_series_volume(one, [other for other in volumes if other is not one]))
        if beside:
            found.volumes[-1].problem = damaged[beside[0]]
    found.unusable += unassigned.values()


def _parts_beside(root: Path, series: Sequence[SeriesFiles]) -> list[tuple[Path, str]]:
    """Other folders beside the given one that begin with another image of one of its series."""
    found = []
    folders = [path for path in sorted(root.resolve().parent.iterdir()) if path.is_dir() and path != root.resolve()]
    for folder in folders[:_MOST_FOLDERS] if series else []:
        try:
            first = min(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
            header = dicom_header(first)
        except (InputError, OSError, ValueError):  # damaged, not readable, or no file
            continue
        if header is None or no_slice(header):
            continue
        for one in series:
            of_one = all(one.tag(tag) == tag_text(header, tag) for tag in _OF_A_SERIES)
            if of_one and not is_among(header, one):
                found.append((first, f"more images of the CT series {_short(one)}, which this input does not hold;"))
    return found


def _series_volume(one: SeriesFiles, others: Sequence[SeriesFiles]) -> _Volume:
    place = Path(os.path.commonpath([original_names(str(folder)) for folder in one.folders]))
    stem = place.stem if is_zip(place) else place.resolve().name
    shared = any(folder in other.folders for folder in one.folders for other in others)
    if shared:
        stem += f"_{one.tag('SeriesNumber') or one.tag('SeriesInstanceUID')}"
    alone = len(one.folders) == 1 and not shared and not one.copies
    volume = _Volume(one.folders[0] if alone else one.files, place, stem, series=one)
    try:
        name = " and ".join(map(str, one.folders))
        check_memory(check_series(name, one.headers).shape, name)
    except InputError as error:
        volume.problem = str(error)
    return volume


def _file(path: Path) -> _Volume:
    volume = _Volume(path, path, metaimage_stem(path) if is_metaimage(path) else nifti_stem(path))
    if problem := name_problem(path):
        volume.problem = problem
        return volume
    try:
        if is_metaimage(path):
            check_memory(read_metaimage_header(path).shape, str(path))
            read_metaimage_array(path)
        else:
            check_nifti(path)
            check_memory(load_nifti(path).shape, str(path))
    except InputError as error:
        volume.problem = str(error)
    return volume


def _chosen(found: _Found, series: str | int | Sequence[str | int] | None) -> list[_Volume]:
    """The volumes that ``--series`` means; the others are left out."""
    if series is None:
        return list(found.volumes)
    wanted = [str(name) for name in ([series] if isinstance(series, str | int) else series)]
    is_meant = choose_series([v.series for v in found.volumes if v.series is not None], wanted)
    chosen = [v for v in found.volumes if v.series is not None and is_meant(v.series)]
    for volume in found.volumes:
        if volume not in chosen:
            what = f"CT series {_short(volume.series)}" if volume.series is not None else "no DICOM series"
            files = [volume.place] if volume.series is None else volume.series.files
            found.left_out += [(path, f"{what}, not chosen by --series") for path in files]
    return chosen


def _short(series: SeriesFiles) -> str:
    return f"{series.tag('SeriesNumber') or 'without number'} '{series.tag('SeriesDescription')}'"


def _lines(left_out: Iterable[tuple[Path, str]]) -> list[str]:
    """A line for each folder."""
    folders: dict[str, Counter[str]] = {}
    for path, what in left_out:
        place = path if what == _TARGETS else path.parent
        folders.setdefault(original_names(str(place)), Counter())[what] += 1
    return [
        visible(f"{folder}: {', '.join(f'{what} ({n} files)' for what, n in sorted(counts.items()))}")
        for folder, counts in sorted(folders.items())
    ]


def _wanted_of_zip(name: str, head: bytes) -> bool:
    volume = _is_volume(Path(name)) or name.lower().endswith((*_VOXELS, "_report.json"))
    return volume or is_dicom(name, head)


def _is_volume(file: Path) -> bool:
    return is_nifti(file) or is_metaimage(file)


def _without_identity(volume: _Volume) -> str:
    """What is missing for DICOM results."""
    if volume.series is None:
        return (
            f"{volume.place}: is not a DICOM series, and DICOM results (--dicom_output) need the patient and study of "
            "one. Give the folder with the CT's DICOM slices, or leave --dicom_output out."
        )
    try:
        read_source(volume.image)
    except InputError as error:
        return str(error)
    return ""


def _is_result(file: Path) -> bool:
    stem = metaimage_stem(file) if is_metaimage(file) else nifti_stem(file)
    case = re.sub(r"_(segmentation|dose)$", "", stem)
    return case != stem and (file.parent / f"{case}_report.json").exists()


def _case_ids(root: Path, volumes: list[_Volume]) -> list[str]:
    """File-name-safe, unique names."""

    def plain(text: str) -> str:
        return safe_name(re.sub(r"[^\w.-]+", "_", text).strip("_.")) or "case"

    names = [plain(volume.stem) for volume in volumes]
    for i in [i for i, n in enumerate(names) if names.count(n) > 1]:
        place = Path(original_names(str(volumes[i].place)))
        folders = place.parent.relative_to(root).parts if place != root else ()
        names[i] = plain("_".join([*folders, volumes[i].stem]))
    taken: set[str] = set()
    for i, name in enumerate(names):
        number = 1
        while names[i] in taken:
            number += 1
            names[i] = f"{name}_{number}"
        taken.add(names[i])
    return names
