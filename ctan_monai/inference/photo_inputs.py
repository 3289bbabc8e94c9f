# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The photographs that an inference run is given, checked before time is spent."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from ctan_monai.imaging.photos import read_photo
from ctan_monai.utils import InputError, is_zip, original_names, safe_name, walk_folders
from ctan_monai.utils.errors import DataError

from .found_inputs import FoundInputs, name_problem

__all__ = ["find_images"]

logger = logging.getLogger(__name__)

_SUFFIXES = (".jpg", ".jpeg", ".png")
_RESULT = "_segmentation.png"  # masks of an earlier run, or of the release


def find_images(path: Path | str) -> FoundInputs:
    """Finds and checks the images at a path. Files that are not images are left out and listed.

    Args:
        path: a JPEG or PNG file, a zip, or a folder of such files, nested at will. Masks (``*_segmentation.png``) and
            hidden files are left out.

    Returns:
        one ``{"image": path, "case_id": name}`` for each image, sorted by path. The name is the file's without its
        suffix; where two would be the same, that of the folders is put before it, then the suffix after it.

    Raises:
        InputError: nothing there, or no image that can be used; one message lists all such files.
    """
    root = Path(path)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder. Give a JPEG or PNG image, a folder of these, or a zip.")
    zips: list[str] = []
    if root.is_file() and not is_zip(root):
        if root.suffix.lower() not in _SUFFIXES:
            raise InputError(f"{root}: is neither JPEG nor PNG ({', '.join(_SUFFIXES)}). Convert it to one of these.")
        files, root = [root], root.parent
    else:
        folders = walk_folders(root, _is_image, problem=lambda error: zips.append(str(error)))
        files = [file for _, found in folders for file in found if _is_image(file.name)]
    if not files and not zips:
        raise InputError(f"{root}: holds no image. Expected {', '.join(_SUFFIXES)} files, in it or in its folders.")
    reasons = {file: _problem(file) for file in files}
    problems = [*zips, *(reason for reason in reasons.values() if reason)]
    images = [
        {"image": str(file), "case_id": name}
        for file, name in zip(files, _names(files, root), strict=True)
        if not reasons[file]
    ]
    if not images:
        total = f"{len(problems)} of {len(problems)} images cannot be used:\n" if len(problems) > 1 else ""
        raise InputError(original_names(total + "\n".join(problems[:20])))
    for problem in problems:
        logger.warning("Cannot be used: %s", original_names(problem))
    return FoundInputs(images, unusable=problems)


def _is_image(name: str, head: bytes = b"") -> bool:
    return name.lower().endswith(_SUFFIXES) and not name.lower().endswith(_RESULT)


def _problem(file: Path) -> str | None:
    """Decodes a file: the pixels of a cut-off JPEG are the only sign of it."""
    if problem := name_problem(file):
        return problem
    try:
        read_photo(file)
    except DataError as error:
        return str(error)
    return None


def _names(files: list[Path], root: Path) -> list[str]:
    names = [safe_name(file.stem) for file in files]
    places = [Path(original_names(str(file.parent))) for file in files]
    often = Counter(names)
    names = [
        safe_name("_".join([*place.relative_to(root).parts, file.stem])) if often[name] > 1 else name
        for file, place, name in zip(files, places, names, strict=True)
    ]
    often = Counter(names)
    return [
        f"{name}_{file.suffix[1:].lower()}" if often[name] > 1 else name
        for file, name in zip(files, names, strict=True)
    ]
