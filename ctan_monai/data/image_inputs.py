# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The photographs that an inference run is given, checked before time is spent."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ctan_monai.data.photos import PHOTO_FORMATS, to_rgb
from ctan_monai.dicom import InputError
from ctan_monai.errors import DataError

__all__ = ["find_images"]

_SUFFIXES = (".jpg", ".jpeg", ".png")
_RESULT = "_segmentation.png"  # masks of an earlier run, or of the release


def find_images(path: Path | str) -> list[dict[str, str]]:
    """Finds and checks the images at a path.

    Args:
        path: a JPEG or PNG file, or a folder of such files, nested at will. Masks (``*_segmentation.png``) and hidden
            files are left out.

    Returns:
        one ``{"image": path, "case_id": name}`` for each image, sorted by path. The name is the file's without its
        suffix; where two would be the same, that of the folders is put before it, then the suffix after it.

    Raises:
        InputError: nothing there, or files that are no images; one message lists all such files.
    """
    root = Path(path)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder. Give a JPEG or PNG image, or a folder of these.")
    if root.is_file():
        if root.suffix.lower() not in _SUFFIXES:
            raise InputError(f"{root}: is neither JPEG nor PNG ({', '.join(_SUFFIXES)}). Convert it to one of these.")
        files, root = [root], root.parent
    else:
        files = _search(root)
    if not files:
        raise InputError(f"{root}: holds no image. Expected {', '.join(_SUFFIXES)} files, in it or in its folders.")
    problems = [problem for file in files if (problem := _problem(file))]
    if problems:
        total = f"{len(problems)} of {len(files)} images cannot be used:\n" if len(files) > 1 else ""
        raise InputError(total + "\n".join(problems[:20]))
    return [{"image": str(f), "case_id": name} for f, name in zip(files, _names(files, root), strict=True)]


def _search(root: Path) -> list[Path]:
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__")))
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith(_SUFFIXES) and not name.lower().endswith(_RESULT):
                found.append(Path(folder, name))
    return found


def _problem(file: Path) -> str | None:
    """Opens a file; pixels are decoded later, one image at a time, but for kinds that may be refused."""
    try:
        with Image.open(file, formats=PHOTO_FORMATS) as image:
            usual = image.mode in ("L", "RGB") and not image.has_transparency_data
            image.verify()
        if not usual:
            with Image.open(file, formats=PHOTO_FORMATS) as image:
                to_rgb(image, str(file))
    except DataError as error:
        return str(error)
    except UnidentifiedImageError:
        return f"{file}: is no JPEG or PNG image. Convert or remove it."
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"{file}: cannot be read ({error}). Get it again, or remove it."
    return None


def _names(files: list[Path], root: Path) -> list[str]:
    names = [file.stem for file in files]
    often = Counter(names)
    names = [
        "_".join([*file.parent.relative_to(root).parts, file.stem]) if often[name] > 1 else name
        for file, name in zip(files, names, strict=True)
    ]
    often = Counter(names)
    return [
        f"{name}_{file.suffix[1:].lower()}" if often[name] > 1 else name
        for file, name in zip(files, names, strict=True)
    ]
