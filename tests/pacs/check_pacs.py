# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A real patient through a PACS and back, and into a viewer: "make pacs-test".

Needs Orthanc with DICOMweb (CTAN_ORTHANC_ROOT), OHIF (CTAN_OHIF: the folder ``dist`` of the npm package) and Chromium
(CTAN_CHROMIUM). Screenshots, to look at: CTAN_SCREENSHOTS.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from ohif import Ohif, Viewer
from orthanc import CALLER, Orthanc
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND
from support import REPOSITORY, packed_small_network, run_tool

from ctan_monai.data.openkbp.case import prepare_case
from ctan_monai.dicom import ct_series, rasterize, read_structures, write_ct_series
from ctan_monai.node import Ledger

pytestmark = pytest.mark.timeout(3600)  # a busy machine
PATIENT = "pt_253"
ORGANS = ("brainstem", "spinal_cord", "right_parotid", "left_parotid")
KINDS = ("rtstruct", "seg", "rtdose")


@dataclass(frozen=True)
class Case:
    """A CT and what was predicted from it, both as they came from the PACS.

    Attributes:
        study: its StudyInstanceUID.
        ct: folder with the slices.
        results: folder of the results that were sent.
    """

    study: str
    ct: Path
    results: Path


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_small_network(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="session")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with Orthanc(tmp_path_factory.mktemp("pacs")) as it:
        yield it


@pytest.fixture(scope="session")
def real_ct(openkbp_source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The patient's slices; their gray window is given, as scanners do."""
    folder = tmp_path_factory.mktemp("patient")
    prepare_case(next(openkbp_source.rglob(PATIENT)), folder / PATIENT)
    image = nib.load(folder / PATIENT / "ct.nii")
    files = write_ct_series(folder / "CT", np.asarray(image.dataobj), image.affine, PATIENT, "HEAD AND NECK")
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.WindowCenter, dataset.WindowWidth = 40, 400
        dataset.save_as(file)
    return files


def send(pacs: Orthanc, files: list[Path], title: str = CALLER) -> list[int | None]:
    """C-STORE; returns the status of each file, none where the association was refused."""
    caller = AE(title)
    datasets = [pydicom.dcmread(file) for file in files]
    classes = {dataset.SOPClassUID: dataset.file_meta.TransferSyntaxUID for dataset in datasets}
    contexts = [build_context(uid, syntax) for uid, syntax in classes.items()]
    association = caller.associate("127.0.0.1", pacs.dicom_port, contexts, ae_title=pacs.aet)
    if not association.is_established:
        return []
    try:
        return [association.send_c_store(dataset).get("Status") for dataset in datasets]
    finally:
        association.release()


def find(pacs: Orthanc, level: str, **keys: str) -> list[Dataset]:
    """C-FIND of a level's entries; keys without a value are asked for."""
    query = Dataset()
    query.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(query, name, value)
    caller = AE(CALLER)
    caller.add_requested_context(FIND)
    association = caller.associate("127.0.0.1", pacs.dicom_port, ae_title=pacs.aet)
    assert association.is_established
    try:
        return [found for status, found in association.send_c_find(query, FIND) if status.Status in (0xFF00, 0xFF01)]
    finally:
        association.release()


def predicted(pacs: Orthanc, bundle: Path, files: list[Path], folder: Path, *options: str) -> Case:
    """The slices go to the PACS by C-STORE and come back by WADO-RS; the results go there by STOW-RS."""
    assert set(send(pacs, files)) == {0}
    first = pydicom.dcmread(files[0], stop_before_pixels=True)
    ct = folder / "CT"
    ct.mkdir(parents=True)
    slices = pacs.wado(f"studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}")
    for number, content in enumerate(slices):
        (ct / f"{number}.dcm").write_bytes(content)
    command = ["-m", "ctan_monai.packing.predict", "--bundle", str(bundle), str(ct), str(folder / "results"), "--dicom"]
    done = run_tool(*command, "--device", "cpu", *options)
    assert (folder / "results" / "CT_rtstruct.dcm").is_file(), done.stdout + done.stderr
    answer = pacs.stow([folder / "results" / f"CT_{kind}.dcm" for kind in KINDS])
    assert not answer["00081198"].get("Value"), f"not stored: {answer}"  # FailedSOPSequence
    return Case(str(first.StudyInstanceUID), ct, folder / "results")


@pytest.fixture(scope="session")
def case(pacs: Orthanc, bundle: Path, real_ct: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Case:
    return predicted(pacs, bundle, real_ct, tmp_path_factory.mktemp("head_and_neck"))


@pytest.fixture
def viewer(pacs: Orthanc) -> Iterator[Viewer]:
    with Ohif(Path(os.environ["CTAN_OHIF"]), pacs.url) as server, Viewer(server.url) as it:
        yield it


def screenshots() -> Path:
    folder = Path(os.environ["CTAN_SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_only_those_who_are_known_may_send(pacs: Orthanc, real_ct: list[Path]) -> None:
    assert 0 not in send(pacs, real_ct[:1], "STRANGER")


def test_slices_come_back_as_they_were_sent(case: Case, real_ct: list[Path]) -> None:
    sent, came_back = ({dcm.SOPInstanceUID: dcm for dcm in map(pydicom.dcmread, paths)} for paths in (
        real_ct, sorted(case.ct.iterdir())
    ))  # fmt: skip
    assert sorted(sent) == sorted(came_back)
    for uid, dataset in sent.items():
        assert dataset == came_back[uid], f"slice {dataset.InstanceNumber}"


def test_results_are_found_by_both_queries(pacs: Orthanc, case: Case, real_ct: list[Path]) -> None:
    series = find(pacs, "SERIES", StudyInstanceUID=case.study, Modality="", SeriesInstanceUID="")
    assert Counter(found.Modality for found in series) == Counter(["CT", "RTSTRUCT", "SEG", "RTDOSE"])
    study = find(pacs, "STUDY", PatientID=PATIENT, StudyInstanceUID="", NumberOfStudyRelatedInstances="")
    assert [(it.StudyInstanceUID, it.NumberOfStudyRelatedInstances) for it in study] == [
        (case.study, len(real_ct) + len(KINDS))
    ]
    by_web = {one["00080060"]["Value"][0]: one for one in pacs.qido(f"studies/{case.study}/series")}
    assert set(by_web) == {"CT", "RTSTRUCT", "SEG", "RTDOSE"}
    for found in series:
        assert by_web[found.Modality]["0020000E"]["Value"] == [found.SeriesInstanceUID]
    assert by_web["RTDOSE"]["0008103E"]["Value"][0].startswith("Research use only")


@pytest.mark.parametrize("kind", KINDS)
def test_results_come_back_byte_for_byte(kind: str, pacs: Orthanc, case: Case) -> None:
    file = case.results / f"CT_{kind}.dcm"
    uid = pydicom.dcmread(file, stop_before_pixels=True).SeriesInstanceUID
    assert pacs.wado(f"studies/{case.study}/series/{uid}") == [file.read_bytes()]


def test_contours_are_in_place_in_the_viewer(case: Case, viewer: Viewer) -> None:
    viewer.open(case.study, "RTSTRUCT")
    text = viewer.text()
    assert all(organ in text for organ in ORGANS)
    assert "RTDOSE" in text, "the dose is listed"
    series = ct_series(case.ct)
    structures = {it.name: it for it in read_structures(case.results / "CT_rtstruct.dcm", series.frame_uid)}
    dataset = pydicom.dcmread(case.results / "CT_rtstruct.dcm")
    colors = [tuple(map(int, contour.ROIDisplayColor)) for contour in dataset.ROIContourSequence]
    place = {}
    for organ, color in zip(ORGANS, colors, strict=True):
        viewer.show_segment(organ)
        picture = viewer.screenshot(screenshots() / f"head_and_neck_{organ}.png")
        mask, _ = rasterize(structures[organ], series.affine, series.shape)
        in_slice = np.argwhere(mask[:, :, viewer.instance() - 1])  # columns run from the patient's right to left
        expected = (in_slice.min(axis=0) + in_slice.max(axis=0)) / 2
        place[organ] = viewer.center_of(picture, color, series.shape[:2])
        assert np.abs(place[organ] - expected).max() < 1, f"{organ}: {place[organ]}, expected {expected} voxels"
    assert place["right_parotid"][0] + 20 < place["left_parotid"][0], "the right parotid is on the picture's left"


def test_a_wrong_site_says_so_in_the_viewer(
    pacs: Orthanc, bundle: Path, pelvis: Path, viewer: Viewer, tmp_path: Path
) -> None:
    """A pelvis through the head-and-neck network; what may not be used is written only where it is asked for."""
    files = sorted((pelvis / "CT").iterdir())
    case = predicted(pacs, bundle, files, tmp_path, "--write-implausible")
    for modality in ("RTSTRUCT", "SEG"):
        viewer.open(case.study, modality)
        text = viewer.text()
        viewer.screenshot(screenshots() / f"pelvis_{modality.lower()}.png")
        assert text.count("IMPLAUSIBLE, DO NOT USE") >= 3, "RTSTRUCT, SEG and RTDOSE in the list of series: " + text
        assert "IMPLAUSIBLE spinal_cord" in text, "the list of contours"


def start_node(pacs: Orthanc, bundle: Path, state: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ctan_monai.node.command", "--bundle", str(bundle), "--state", str(state)]
    command += ["--orthanc", pacs.url, "--interval", "0.5", "--pause", "1", *options]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}"}
    state.mkdir(parents=True, exist_ok=True)
    with (state / "node.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def end(process: subprocess.Popen[bytes], kind: signal.Signals = signal.SIGTERM) -> None:
    process.send_signal(kind)
    process.wait(60)


def wait_for(state: Path, *expected: str) -> None:
    """Until the ledger's states are these, sorted."""
    limit = time.monotonic() + 1800
    while sorted(entry.state for entry in Ledger(state).entries()) != sorted(expected):
        assert time.monotonic() < limit, (state / "node.log").read_text()
        time.sleep(0.2)


def test_a_node_that_is_killed_goes_on(bundle: Path, pelvis: Path, real_ct: list[Path], tmp_path: Path) -> None:
    """A patient, a pelvis and a CT that lacks a slice: node and Orthanc are killed at the first prediction."""
    lacking = write_ct_series(tmp_path / "lacking", np.zeros((8, 8, 9), np.int16), np.eye(4), "LACKING")
    lacking.pop(4)
    state = tmp_path / "state"
    with Orthanc(tmp_path / "archive") as archive, Orthanc(tmp_path / "here") as here:
        options = ["--send-to", f"{archive.aet}@127.0.0.1:{archive.dicom_port}", "--attempts", "2"]
        options += ["--", "--device", "cpu"]
        for files in (lacking, real_ct, sorted((pelvis / "CT").iterdir())):
            assert set(send(here, files)) == {0}
        process = start_node(here, bundle, state, *options)
        try:
            limit = time.monotonic() + 120
            while not list(state.glob("*/predict.log")) and time.monotonic() < limit:
                time.sleep(0.05)
        finally:
            end(process, signal.SIGKILL)
        here.stop(kill=True)
        here.start()
        process = start_node(here, bundle, state, *options)
        try:
            wait_for(state, "failed", "sent", "withheld")
        finally:
            end(process)
        by_state = {entry.state: entry for entry in Ledger(state).entries()}
        failed, mine, withheld = (by_state[name] for name in ("failed", "sent", "withheld"))
        assert "missing" in failed.reason and (failed.instances, failed.attempts) == (8, 1)
        assert "another part of the body" in withheld.reason and mine.instances == len(real_ct)
        for server in (here, archive):
            found = Counter(one["00080060"]["Value"][0] for one in server.qido("series"))
            assert [found[kind] for kind in ("RTSTRUCT", "SEG", "RTDOSE")] == [1, 1, 1]
        file = next((state / mine.id / "results").glob("*_rtstruct.dcm"))
        uid = pydicom.dcmread(file).SeriesInstanceUID
        [sent] = archive.wado(f"studies/{mine.study}/series/{uid}")
        (tmp_path / "came_back.dcm").write_bytes(sent)
        assert pydicom.dcmread(tmp_path / "came_back.dcm") == pydicom.dcmread(file)
