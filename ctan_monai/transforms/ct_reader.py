# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MONAI reader for one CT volume, from NIfTI, MetaImage or a DICOM series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import PathLike
from monai.data.image_reader import ImageReader, NibabelReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from ctan_monai.dicom import read_ct_series
from ctan_monai.imaging.metaimage import is_metaimage, read_metaimage_array
from ctan_monai.imaging.nifti import check_nifti, is_nifti
from ctan_monai.utils import InputError
from ctan_monai.utils.limits import MOST_HU

__all__ = ["CTReader"]


class CTReader(ImageReader):
    """Reads HU from a NIfTI file (MONAI's ``NibabelReader``), a MetaImage, or a folder with one DICOM CT series.

    MONAI's own DICOM readers take two series in a folder, or a missing slice, with at most a warning; here such input
    is an error. The meta data are those of ``NibabelReader``: ``affine`` and ``original_affine`` to RAS mm,
    ``spatial_shape``, ``original_channel_dim``, ``space``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._nifti = NibabelReader(squeeze_non_spatial_dims=True)
        self._name = ""

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """NIfTI and MetaImage by name; anything else is taken as DICOM."""
        return all(is_nifti(n) or is_metaimage(n) or Path(n).is_dir() for n in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> Any:
        """Opens a NIfTI file, a MetaImage, a folder of DICOM slices, or the files of the slices.

        Raises:
            InputError: the file or series cannot be used as one CT volume.
        """
        paths = [Path(p) for p in ensure_tuple(data)]
        self._name = str(paths[0])
        if len(paths) == 1 and is_nifti(paths[0]):
            check_nifti(paths[0])
            return self._nifti.read(str(paths[0].absolute()))  # "~" is a name, see load_nifti
        if len(paths) == 1 and is_metaimage(paths[0]):
            return read_metaimage_array(paths[0])
        return read_ct_series(paths[0] if len(paths) == 1 and paths[0].is_dir() else paths)

    def get_data(self, img: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """HU of shape (x, y, z), and the meta data.

        Raises:
            InputError: voxels that are NaN, infinite, or no HU of any CT.
        """
        if isinstance(img, tuple):
            array, affine = img
            meta: dict[str, Any] = {
                MetaKeys.AFFINE: affine.copy(),
                MetaKeys.ORIGINAL_AFFINE: affine.copy(),
                MetaKeys.SPATIAL_SHAPE: np.asarray(array.shape),
                MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
                MetaKeys.SPACE: SpaceKeys.RAS,
            }
        else:
            array, meta = self._nifti.get_data(img)
        if array.dtype.kind == "f":
            bad = array.size - int(np.count_nonzero(np.isfinite(array)))
            if bad:
                raise InputError(
                    f"{self._name}: {bad} voxels are NaN or infinite; expected HU. Replace them by -1024 (air)."
                )
        most = max(abs(float(array.min())), abs(float(array.max())))
        if most > MOST_HU:
            raise InputError(
                f"{self._name}: holds values up to {most:g}; expected HU, at most {MOST_HU} up or down. Its voxels or "
                "its scaling (NIfTI's slope, RescaleSlope) are damaged, or it is not a CT: convert or export it again."
            )
        return array, meta
