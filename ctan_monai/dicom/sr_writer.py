# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities beside a CT series, as a structured report (SR)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from .equipment import Maker
from .reference_series import DicomSource
from .write_object import any_name, new_series, save_object

__all__ = ["write_sr"]

SCHEME = "99CTANMONAI"  # private, as no public code says "predicted probability of" these


def write_sr(
    path: Path | str,
    source: DicomSource,
    probabilities: Mapping[str, float],
    meanings: Mapping[str, str],
    maker: Maker,
    warning: str = "",
) -> None:
    """Writes a measurement report (TID 1500, Comprehensive SR), preliminary and unverified.

    Args:
        path: the file.
        source: the CT.
        probabilities: task to probability, 0 to 1.
        meanings: task to what its probability is of, in at most 64 characters.
        maker: for the headers.
        warning: what a reader of the probabilities must know; a comment of its own.

    Raises:
        OSError: the file cannot be written.
    """
    import highdicom as hd  # here, as it is optional

    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(prefix=None), manufacturer_name=maker.manufacturer, model_name=maker.model
    )
    measurements = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(generate_uid(prefix=None), maker.model),
        algorithm_id=hd.sr.AlgorithmIdentification(maker.model, maker.version),
        finding_sites=[hd.sr.FindingSite(codes.SCT.Lung)],
        measurements=[
            hd.sr.Measurement(hd.sr.CodedConcept(task, SCHEME, meanings[task]), value, codes.UCUM.NoUnits)
            for task, value in probabilities.items()
        ],
    )
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, device)
        ),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[measurements],
        title=codes.DCM.ImagingMeasurementReport,
    )
    for text in (maker.comment, warning):
        if text:
            comment = hd.sr.TextContentItem(codes.DCM.Comment, text, hd.sr.RelationshipTypeValues.CONTAINS)
            report[0].ContentSequence.append(comment)
    with any_name():
        dataset: Dataset = hd.sr.ComprehensiveSR(
            evidence=list(source.slices),
            content=report[0],
            is_complete=True,
            **new_series(maker, 9004),
        )
    save_object(path, dataset, source)
