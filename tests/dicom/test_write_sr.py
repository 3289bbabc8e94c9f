# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from dicom_cases import write_ct
from dicom_validation import dicom_errors

from ctan_monai.dicom import predicted_by, write_sr

hd = pytest.importorskip("highdicom", reason="highdicom is not installed (pip install 'ctan-monai[dicom]')")
MEANINGS = {"covid": "Predicted probability of COVID-19", "severity": "Predicted probability of severe COVID-19"}


def test_highdicom_reads_the_probabilities(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    warning = "The field of view cuts the lungs off."
    write_sr(
        tmp_path / "SR.dcm", source, {"covid": 0.123456, "severity": 0.5}, MEANINGS, predicted_by("stoic"), warning
    )
    report = hd.sr.srread(tmp_path / "SR.dcm")
    (group,) = report.content.get_image_measurement_groups()
    assert {m.name.meaning: float(m.value) for m in group.get_measurements()} == {
        MEANINGS["covid"]: 0.123456,
        MEANINGS["severity"]: 0.5,
    }
    texts = [
        item.TextValue for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeMeaning == "Comment"
    ]
    assert texts[0].startswith("Research use only, predicted by ctan-monai stoic")
    assert texts[1] == warning
    dataset = pydicom.dcmread(tmp_path / "SR.dcm")
    assert (dataset.VerificationFlag, dataset.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert dataset.SeriesDescription == "Research use only, predicted by ctan-monai stoic"
    assert dataset.StudyInstanceUID == source.slices[0].StudyInstanceUID
    assert dataset.PatientID == source.slices[0].PatientID
    evidence = dataset.get("PertinentOtherEvidenceSequence") or dataset.CurrentRequestedProcedureEvidenceSequence
    images = evidence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert [i.ReferencedSOPInstanceUID for i in images] == [s.SOPInstanceUID for s in source.slices]
    assert dicom_errors(tmp_path / "SR.dcm") == []


def test_one_task_and_no_warning(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT", "FFS")
    write_sr(tmp_path / "SR.dcm", source, {"covid": 0.0}, MEANINGS, predicted_by("stoic"))
    (group,) = hd.sr.srread(tmp_path / "SR.dcm").content.get_image_measurement_groups()
    assert [float(m.value) for m in group.get_measurements()] == [0.0]
    assert dicom_errors(tmp_path / "SR.dcm") == []
