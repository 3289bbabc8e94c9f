# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A label map beside a CT series, as a DICOM segmentation (SEG)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from .equipment import Maker
from .reference_series import DicomSource
from .snomed_codes import segment_code
from .write_object import any_name, new_series, save_object

__all__ = ["write_seg"]


def write_seg(
    path: Path | str,
    source: DicomSource,
    labels: np.ndarray,
    names: Mapping[str, int],
    maker: Maker,
    warning: str = "",
    segment_labels: Mapping[str, str] | None = None,
) -> None:
    """Writes a binary segmentation on the CT's slices, one segment for each label.

    Segment numbers are the labels in ascending order; a label without voxels has a segment without frames, whose
    description says so.

    Args:
        path: the file.
        source: the CT.
        labels: uint8 label map (x, y, z) on the CT's grid, not all 0.
        names: organ to label; codes are those of :py:func:`ctan_monai.dicom.snomed_codes.segment_code`.
        maker: for the headers.
        warning: what a user of the contours must know, for the segments' descriptions.
        segment_labels: organ to SegmentLabel; None: the organ.

    Raises:
        OSError: the file cannot be written.
        ValueError: an organ without codes.
    """
    import highdicom as hd  # here, as it is optional

    algorithm = hd.AlgorithmIdentificationSequence(maker.model, codes.DCM.ArtificialIntelligence, maker.version)
    ordered = sorted(names, key=lambda name: names[name])
    segments = []
    for number, name in enumerate(ordered, start=1):
        code = segment_code(name)
        shown = segment_labels[name] if segment_labels is not None else name
        segment = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"{maker.prefix}{shown}"[:64],
            segmented_property_category=code.category,
            segmented_property_type=code.kind,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=generate_uid(prefix=None),
            tracking_id=f"{maker.model} {name}"[:64],
            display_color=hd.color.CIELabColor.from_rgb(*code.color),
        )
        if code.side is not None:
            kind = segment.SegmentedPropertyTypeCodeSequence[0]
            kind.SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept.from_code(code.side)]
        missing = "" if (labels == names[name]).any() else "Not found: no voxels. "
        segment.SegmentDescription = f"{missing}{maker.comment} {warning}".strip()[:1024]
        segments.append(segment)
    numbers = np.zeros(256, np.uint8)
    for number, name in enumerate(ordered, start=1):
        numbers[names[name]] = number
    with any_name():
        dataset: Dataset = hd.seg.Segmentation(
            source_images=list(source.slices),
            pixel_array=numbers[labels].transpose(2, 1, 0),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            device_serial_number="0",
            content_label="CTAN_MONAI",
            content_description=maker.description,
            content_qualification="RESEARCH",
            **new_series(maker, 9003),
        )
    save_object(path, dataset, source)
