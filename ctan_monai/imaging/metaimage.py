# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MetaImage (.mha, .mhd): one CT volume, read without ITK's reader.

ITK hands out memory that it did not fill when a compressed stream is damaged or short, so another patient's voxels can
take the place of this one's. Here voxels are decompressed and counted, and SimpleITK gets the finished array.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from .geometry import LPS_TO_RAS, check_axes
from .metaimage_header import MetaImageHeader, metaimage_error, metaimage_voxel_file, read_metaimage_header

if TYPE_CHECKING:
    import SimpleITK as sitk

__all__ = [
    "image_affine",
    "is_metaimage",
    "metaimage_stem",
    "metaimage_voxel_files",
    "read_metaimage",
    "read_metaimage_array",
]

_PIECE = 1 << 20


def is_metaimage(path: Path | str) -> bool:
    """Whether the name ends in .mha or .mhd."""
    return str(path).lower().endswith((".mha", ".mhd"))


def metaimage_stem(path: Path | str) -> str:
    """The file's name without .mha or .mhd."""
    return Path(path).name[: -len(".mha")]


def metaimage_voxel_files(path: Path | str) -> list[Path]:
    """The file that has the voxels of a header, where it is another one and there.

    Returns:
        empty for a file that has them itself, and for other images.

    Raises:
        InputError: a MetaImage whose header cannot be read, or names no plain file.
    """
    path = Path(path)
    file = metaimage_voxel_file(path) if is_metaimage(path) else path
    return [file] if file != path and file.is_file() else []


def read_metaimage_array(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Reads a 3-D volume in the file's own voxel type; SimpleITK is not needed.

    Returns:
        voxels (x, y, z), and the (4, 4) affine to RAS mm.

    Raises:
        InputError: see :py:func:`read_metaimage`.
    """
    return _read(Path(path))[1:]


def read_metaimage(path: Path | str) -> sitk.Image:
    """Reads a 3-D volume with its header's tags, in the file's own voxel type.

    Returns:
        SimpleITK's image; ``GetMetaData`` gives tags such as PatientAge.

    Raises:
        InputError: see :py:func:`ctan_monai.imaging.read_metaimage_header`; voxels that are damaged, cut off, too few
            or too many; tilted or oblique axes.
    """
    import SimpleITK as sitk  # here, so that NIfTI input does without it

    header, voxels, _ = _read(Path(path))
    image = sitk.GetImageFromArray(voxels.transpose(2, 1, 0))
    image.SetSpacing(header.spacing)
    image.SetOrigin(header.origin)
    image.SetDirection(header.direction.reshape(-1).tolist())
    for key, value in header.tags.items():
        image.SetMetaData(key, value)
    return image


def image_affine(image: sitk.Image) -> np.ndarray:
    """Affine (4, 4) from the voxel index (x, y, z) of a SimpleITK image to RAS mm."""
    return _affine(np.reshape(image.GetDirection(), (3, 3)), image.GetSpacing(), image.GetOrigin())


def _affine(direction: np.ndarray, spacing: tuple[float, ...], origin: tuple[float, ...]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = direction * np.asarray(spacing)
    affine[:3, 3] = origin
    return LPS_TO_RAS @ affine


def _read(path: Path) -> tuple[MetaImageHeader, np.ndarray, np.ndarray]:
    header = read_metaimage_header(path)
    affine = _affine(header.direction, header.spacing, header.origin)
    check_axes(affine, str(path))
    try:
        with header.voxel_file.open("rb") as stream:
            stream.seek(header.voxel_start)
            content = (_inflate if header.compressed else _copy)(path, stream, header.voxel_bytes)
    except OSError as error:
        raise metaimage_error(path, f"{header.voxel_file.name}: {error.strerror or error}", "voxels") from error
    voxels = content.view(header.dtype)
    if not header.dtype.isnative:
        voxels = voxels.byteswap(inplace=True).view(header.dtype.newbyteorder("="))
    return header, voxels.reshape(header.shape, order="F"), affine


def _copy(path: Path, stream: IO[bytes], expected: int) -> np.ndarray:
    found = os.fstat(stream.fileno()).st_size - stream.tell()
    content = np.fromfile(stream, np.uint8, expected) if found == expected else np.empty(0, np.uint8)
    if len(content) != expected:
        raise metaimage_error(path, f"its voxels have {found} bytes: it is cut off, or damaged", f"{expected} bytes")
    return content


def _inflate(path: Path, stream: IO[bytes], expected: int) -> np.ndarray:
    """Decompresses in pieces and stops at the expected length, whatever the stream would grow to."""
    content, filled = np.empty(expected, np.uint8), 0
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # zlib or gzip, as MetaIO
    try:
        while not inflater.eof and (piece := inflater.unconsumed_tail or stream.read(_PIECE)):
            part = inflater.decompress(piece, min(4 * _PIECE, expected - filled + 1))
            if filled + len(part) > expected:
                raise metaimage_error(path, f"its compressed voxels have over {expected} bytes", f"{expected} bytes")
            content[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
            filled += len(part)
    except zlib.error as error:
        raise metaimage_error(path, f"its compressed voxels are damaged ({error})", "a whole zlib stream") from error
    if not inflater.eof:
        raise metaimage_error(path, f"it is cut off after {filled} bytes of voxels", f"{expected} bytes")
    if filled != expected:
        raise metaimage_error(path, f"its compressed voxels have {filled} bytes", f"{expected} bytes")
    if inflater.unused_data or stream.read(1):
        raise metaimage_error(path, "its compressed voxels are followed by other bytes", "the end of the file")
    return content
