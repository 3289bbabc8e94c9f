# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The OpenKBP bundle's inference, from a file to results on the patient's own grid, with a network of plain sums."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from ctan_monai.dicom import write_ct_series
from ctan_monai.engines import MultiTaskEvaluator
from ctan_monai.inference import find_inputs

LABELS = {"right_bone": 1, "left_bone": 2, "right_soft": 3, "left_soft": 4}
CONFIG = Path(__file__).resolve().parents[2] / "bundles" / "openkbp" / "configs" / "inference.json"


class PlainNetwork(torch.nn.Module):
    """Bone and soft tissue, by the side they lie on, and a dose that grows to the patient's left and back."""

    def __init__(self, tasks: tuple[str, ...] = ("segmentation", "dose")) -> None:
        super().__init__()
        self.tasks = tasks

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        smooth = torch.nn.functional.avg_pool2d(x, 5, stride=1, padding=2)
        left = torch.linspace(-1, 1, x.shape[2])[None, None, :, None].expand(len(x), 1, -1, x.shape[3])
        back = torch.linspace(0, 1, x.shape[3])[None, None, None, :]
        bone, soft = 60 * (smooth[:, 1:2] - 0.38), 30 * (smooth[:, :1] - 0.3)
        side = 40 * left
        logits = [torch.zeros_like(bone), bone + soft - side, bone + soft + side, soft - side, soft + side]
        outputs = {
            "segmentation": torch.cat(logits, dim=1),
            "dose": smooth[:, 2:3] * (0.6 + 0.3 * left + 0.3 * back),
        }
        return {task: outputs[task] for task in self.tasks}


def infer(
    source: Path, output: Path, tasks: tuple[str, ...] = ("segmentation", "dose"), **values: object
) -> list[dict]:
    """Runs the bundle's pre- and post-processing about a plain network and returns the reports."""
    config = json.loads(CONFIG.read_text())
    config |= {"label_names": LABELS, "training_ranges": {"max_dose_gy": {"min": 1.0, "max": 80.0}}}
    config |= {"bundle_root": ".", "checkpoint": None, "output_dir": str(output), **values}
    parser = ConfigParser(config)
    parser.parse()
    dataset = Dataset(find_inputs(source), parser.get_parsed_content("preprocessing"))
    post = parser.get_parsed_content("postprocessing")
    saving = parser.get_parsed_content("named_handlers::save::transform")
    evaluator = MultiTaskEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(dataset, batch_size=1),
        network=PlainNetwork(tasks),
        inferer=parser.get_parsed_content("inferer"),
        prepare_batch=lambda batch, *_, **__: (batch["image"], None),
        postprocessing=lambda item: saving(post(item)),
    )
    evaluator.run()
    return [json.loads(p.read_text()) for p in sorted(output.glob("*_report.json"))]


def loaded(folder: Path, case: str) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    return nib.load(folder / f"{case}_segmentation.nii.gz"), nib.load(folder / f"{case}_dose.nii.gz")


def in_ras(image: nib.Nifti1Image) -> np.ndarray:
    return np.asarray(nib.as_closest_canonical(image).dataobj)


def reoriented(image: nib.Nifti1Image, axcodes: str) -> nib.Nifti1Image:
    return image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(axcodes)))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def blocks(fine: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 x 2 voxels."""
    return fine.reshape(*(m for n in fine.shape for m in (n // 2, 2))).mean(axis=(1, 3, 5))


@pytest.fixture(scope="session")
def real_ct(test_data_dir: Path) -> nib.Nifti1Image:
    """Real abdomen and pelvis, 3 mm, RAS."""
    path = test_data_dir / "totalseg_ct_nifti" / "example_ct.nii.gz"
    if not path.is_file():
        pytest.skip(f"the real CT is absent: no '{path}' (set CTAN_TEST_DATA)")
    image = nib.load(path)
    return nib.Nifti1Image(np.asarray(image.dataobj)[:, :, 20:44].astype(np.int16), image.affine @ shift(0, 0, 20))


def shift(*voxels: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = voxels
    return matrix


def test_every_orientation_gives_the_same_result_in_world_space(real_ct: nib.Nifti1Image, tmp_path: Path) -> None:
    codes = ["RAS", "LPS", "LAS", "PSR"]
    for code in codes:
        nib.save(reoriented(real_ct, code), tmp_path / f"{code}.nii.gz")
    feet_first = reoriented(real_ct, "RPI")
    write_ct_series(tmp_path / "feet_first", np.asarray(feet_first.dataobj), feet_first.affine)
    write_ct_series(
        tmp_path / "head_first", np.asarray(reoriented(real_ct, "LPS").dataobj), reoriented(real_ct, "LPS").affine
    )

    reports = infer(tmp_path, tmp_path / "out")

    assert [r["case_id"] for r in reports] == sorted([*codes, "feet_first", "head_first"])
    segmentation, dose = (in_ras(image) for image in loaded(tmp_path / "out", "RAS"))
    assert {int(v) for v in np.unique(segmentation)} == {0, 1, 2, 3, 4}
    assert 20 < dose.max() < 80
    for code in [*codes[1:], "feet_first", "head_first"]:
        other = loaded(tmp_path / "out", code)
        np.testing.assert_array_equal(in_ras(other[0]), segmentation, err_msg=code)
        np.testing.assert_allclose(in_ras(other[1]), dose, atol=1e-3, err_msg=code)
        source = reoriented(real_ct, {"feet_first": "RPI", "head_first": "LPS"}.get(code, code))
        assert other[0].shape == other[1].shape == source.shape
        assert nib.aff2axcodes(other[0].affine) == nib.aff2axcodes(source.affine)
        np.testing.assert_allclose(other[0].affine, source.affine, atol=1e-4)


def test_sides_are_the_patients(real_ct: nib.Nifti1Image, tmp_path: Path) -> None:
    nib.save(reoriented(real_ct, "LAS"), tmp_path / "ct.nii.gz")
    infer(tmp_path / "ct.nii.gz", tmp_path / "out")
    segmentation, dose = (in_ras(image) for image in loaded(tmp_path / "out", "ct"))
    middle = segmentation.shape[0] // 2
    center = {label: np.argwhere(segmentation == label)[:, 0].mean() for label in (1, 2, 3, 4)}
    assert center[1] > middle + 5 > middle - 5 > center[2]  # RAS: the index grows to the patient's right
    assert center[3] > middle + 5 > middle - 5 > center[4]
    soft = (segmentation == 3) | (segmentation == 4)
    assert dose[:middle][soft[:middle]].mean() > dose[middle:][soft[middle:]].mean()


def test_twice_the_resolution_gives_the_same_result(test_data_dir: Path, tmp_path: Path) -> None:
    """A real chest at 1.5 mm and its means over 2 x 2 x 2 voxels, as a scan at 3 mm would have them."""
    path = test_data_dir / "totalseg_ct_nifti" / "chest_ct_aorta_crop.nii.gz"
    if not path.is_file():
        pytest.skip(f"the real chest CT is absent: no '{path}' (set CTAN_TEST_DATA)")
    image = nib.load(path)
    hu = np.asarray(image.dataobj, np.float32)[:, :, :40]
    nib.save(nib.Nifti1Image(hu, image.affine), tmp_path / "fine.nii.gz")
    coarse_affine = image.affine @ shift(0.5, 0.5, 0.5) @ np.diag([2, 2, 2, 1])
    nib.save(nib.Nifti1Image(blocks(hu).astype(np.float32), coarse_affine), tmp_path / "coarse.nii.gz")

    infer(tmp_path, tmp_path / "out")

    coarse, fine = ([np.asarray(i.dataobj) for i in loaded(tmp_path / "out", n)] for n in ("coarse", "fine"))
    scores = {name: dice(coarse[0] == n, blocks(fine[0] == n) > 0.5) for name, n in LABELS.items()}
    assert min(scores.values()) > 0.94, scores
    assert np.abs(coarse[1] - blocks(fine[1]))[coarse[0] > 0].mean() < 0.5  # Gy, of some 40


@pytest.mark.parametrize(("task", "other"), [("segmentation", "dose"), ("dose", "segmentation")])
def test_a_method_with_one_task_gives_its_file_alone(
    task: str, other: str, real_ct: nib.Nifti1Image, tmp_path: Path
) -> None:
    nib.save(real_ct, tmp_path / "ct.nii.gz")
    (report,) = infer(tmp_path / "ct.nii.gz", tmp_path / "out", tasks=(task,))
    assert task in report
    assert other not in report
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(["ct_report.json", f"ct_{task}.nii.gz"])


def test_air_alone_is_reported_and_predicts_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nib.save(nib.Nifti1Image(np.full((40, 40, 10), -1000, np.int16), np.diag([4.0, 4.0, 3.0, 1])), tmp_path / "air.nii")
    with caplog.at_level(logging.WARNING):
        (report,) = infer(tmp_path / "air.nii", tmp_path / "out")
    assert not report["plausible"]
    assert "No body was found" in report["warnings"][0]
    assert "No body was found" in caplog.text
    for image in loaded(tmp_path / "out", "air"):
        assert not np.asarray(image.dataobj).any()


def test_a_body_wider_than_the_network_sees_is_reported(tmp_path: Path) -> None:
    hu = np.full((100, 40, 4), -1000, np.int16)
    hu[10:90, 10:30] = 0
    nib.save(nib.Nifti1Image(hu, np.diag([4.0, 4.0, 2.5, 1])), tmp_path / "wide.nii.gz")
    (report,) = infer(tmp_path / "wide.nii.gz", tmp_path / "out", spacing=[4.0, 4.0, 2.5], roi_size=[64, 64])
    assert report["body"]["outside_network_field_mm"] == pytest.approx(64)  # 80 - 64 voxels of 4 mm
    assert any("64 mm wider" in w for w in report["warnings"])
    segmentation, dose = (np.asarray(i.dataobj) for i in loaded(tmp_path / "out", "wide"))
    assert segmentation[50, 20, 2] in (3, 4)
    assert not segmentation[[11, 88]].any()
    assert not dose[[11, 88]].any()
