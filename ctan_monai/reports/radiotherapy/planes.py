# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The three planes of a patient that a report shows, cut out and turned as a radiologist looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from monai.transforms import generate_spatial_bounding_box

from ctan_monai.metrics import RadiotherapyReference
from ctan_monai.reports.structures import is_target

__all__ = ["PLANES", "CaseViews", "PlaneView", "case_views", "most_informative_slices", "plane_picture", "plane_views"]

#: Axis (of x, y, z) that each plane is perpendicular to.
PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}

#: Letters at the left, right, top and bottom edge of each plane's picture.
EDGES = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}

#: Soft tissue window, HU.
WINDOW = (-160.0, 240.0)
_MARGIN_MM = 20.0  # about the body


@dataclass(frozen=True)
class PlaneView:
    """One slice of one patient as pictures of (rows, columns), row 0 at the top.

    Args:
        plane: a key of :data:`PLANES`.
        index: of the slice along the plane's axis, from 0; `count` slices there are.
        count: see `index`.
        aspect: height of a picture element divided by its width, in mm.
        size: height and width of the picture in mm.
        ct: uint8, soft tissue window.
        reference: `segmentation` (integer) and `dose` (float16, Gy), as far as there are any.
        prediction: as ``reference``.
        targets: bool masks of the targets by name, of the reference; without those that are labels themselves.
    """

    plane: str
    index: int
    count: int
    aspect: float
    size: tuple[float, float]
    ct: np.ndarray
    reference: dict[str, np.ndarray]
    prediction: dict[str, np.ndarray]
    targets: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseViews:
    """All planes of one patient, and the highest reference dose of the whole volume in Gy (None without dose)."""

    planes: list[PlaneView]
    max_dose: float | None


def plane_picture(volume: np.ndarray, plane: str, index: int) -> np.ndarray:
    """One slice of a volume as a picture.

    Args:
        volume: (x, y, z), x growing to the patient's left, y to posterior, z to superior.
        plane: `axial`, `coronal` or `sagittal`.
        index: of the slice along the plane's axis.

    Returns:
        (rows, columns), row 0 at the top. Axial: anterior at the top, the patient's right at the left, as seen from the
        feet (the radiological convention). Coronal: superior at the top, the patient's right at the left. Sagittal:
        superior at the top, anterior at the left.
    """
    slice_2d = np.take(volume, index, axis=PLANES[plane])
    return np.asarray(slice_2d.T if plane == "axial" else slice_2d.T[::-1])


def most_informative_slices(volume: np.ndarray, masks: Sequence[np.ndarray]) -> tuple[int, int, int]:
    """For each axis the slice that shows most of a patient's structures.

    A structure counts by its share in the slice of its largest cross-section, so that a small organ weighs as much as
    a large target. Between equal slices, and without structures, that with the largest sum of `volume` (a dose, or the
    body) is taken.

    Args:
        volume: (x, y, z), not negative.
        masks: bool, (x, y, z).

    Returns:
        Indices along x, y, z.
    """
    indices = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        total = volume.sum(axis=others, dtype=np.float64)
        areas = [area for mask in masks if (area := np.count_nonzero(mask, axis=others)).any()]
        score = sum(area / area.max() for area in areas) if areas else total
        equal = np.flatnonzero(np.isclose(score, score.max()))
        equal = equal[np.isclose(total[equal], total[equal].max())]
        indices.append(int(equal[len(equal) // 2]))  # amid equal slices, where structures do not just begin
    return indices[0], indices[1], indices[2]


def case_views(ct: np.ndarray, reference: RadiotherapyReference, prediction: Mapping[str, np.ndarray]) -> CaseViews:
    """Cut the three planes of a patient, each cropped to the body; small enough to keep for every patient.

    Args:
        ct: HU, (x, y, z).
        reference: the patient; slices are chosen by its organs and targets.
        prediction: `segmentation` and `dose` (Gy), either may be lacking; (x, y, z).

    Returns:
        The views.
    """
    organs = [] if reference.segmentation is None else [reference.segmentation == v for v in reference.labels.values()]
    targets = {
        name: mask for name, mask in reference.structures.items() if is_target(name) and name not in reference.labels
    }
    body = reference.body if reference.body is not None and reference.body.any() else ct > WINDOW[0]
    shown = body if reference.dose is None else np.clip(reference.dose, 0.0, None)
    indices = most_informative_slices(shown, [*organs, *targets.values()])
    true = {"segmentation": reference.segmentation, "dose": reference.dose}
    predicted = {name: prediction.get(name) for name in true}
    planes = plane_views(ct, body, indices, reference.spacing, true, predicted, targets)
    return CaseViews(planes, None if reference.dose is None else float(reference.dose.max()))


def plane_views(
    ct: np.ndarray,
    body: np.ndarray,
    indices: Sequence[int],
    spacing: Sequence[float],
    reference: Mapping[str, np.ndarray | None],
    prediction: Mapping[str, np.ndarray | None],
    targets: Mapping[str, np.ndarray],
) -> list[PlaneView]:
    """Cut the three planes of a patient, each cropped to the body.

    Args:
        ct: HU, (x, y, z), as all volumes.
        body: bool.
        indices: of the planes along x, y and z.
        spacing: voxel size in mm.
        reference: `segmentation` and `dose` (Gy), either may be lacking.
        prediction: as ``reference``.
        targets: bool masks by name.

    Returns:
        The views, in the order of :data:`PLANES`.
    """
    # float16 has steps of 0.06 Gy at 70 Gy, finer than one can see
    types = {"segmentation": np.int16, "dose": np.float16}
    planes = []
    for plane, axis in PLANES.items():
        index = indices[axis]
        width, height = (float(spacing[other]) for other in range(3) if other != axis)
        margins = [round(_MARGIN_MM / size) for size in (height, width)]
        low, high = generate_spatial_bounding_box(
            plane_picture(body, plane, index)[None], margin=margins, allow_smaller=True
        )
        box = tuple(slice(start, end or None) for start, end in zip(low, high, strict=True))  # all without a body

        def cut(volumes: Mapping[str, Any], plane: str = plane, index: int = index, box: Any = box) -> dict[str, Any]:
            return {
                name: plane_picture(np.asarray(volume), plane, index)[box].astype(types.get(name, bool))
                for name, volume in volumes.items()
                if volume is not None
            }

        window = plane_picture(ct, plane, index)[box].astype(np.float32)
        gray = np.clip((window - WINDOW[0]) / (WINDOW[1] - WINDOW[0]), 0.0, 1.0)
        size = height * gray.shape[0], width * gray.shape[1]
        picture = np.rint(255 * gray).astype(np.uint8)
        sides = cut(reference), cut(prediction), cut(targets)
        planes.append(PlaneView(plane, index, ct.shape[axis], height / width, size, picture, *sides))
    return planes
