# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from ctan_monai.reports.radiotherapy.pictures import case_figure, case_png
from ctan_monai.reports.radiotherapy.planes import WINDOW, case_views, most_informative_slices, plane_picture
from ctan_monai.reports.structures import display_name, structure_colors


def axes_of(figure: Figure, label: str) -> Axes:
    found = [axes for axes in figure.axes if axes.get_label() == label]
    assert len(found) == 1
    return found[0]


def letters(axes: Axes) -> dict[str, tuple[float, float]]:
    return {text.get_text(): text.get_position() for text in axes.texts if len(text.get_text()) == 1}


def contours(axes: Axes) -> list[Any]:
    return [collection for collection in axes.collections if type(collection).__name__ == "QuadContourSet"]


def matches(lines: Any, color: str) -> bool:
    return bool(np.allclose(lines.get_edgecolor()[0], to_rgba(color)))


def test_plane_picture_by_hand() -> None:
    volume = np.zeros((2, 3, 4), int)
    volume[0, 0, 1] = 1  # right, anterior
    volume[1, 2, 1] = 2  # left, posterior
    volume[1, 2, 3] = 3  # left, posterior, top
    # axial from the feet: right of the patient at the left, anterior at the top
    np.testing.assert_array_equal(plane_picture(volume, "axial", 1), [[1, 0], [0, 0], [0, 2]])
    # coronal: superior at the top, right of the patient at the left
    np.testing.assert_array_equal(plane_picture(volume, "coronal", 2), [[0, 3], [0, 0], [0, 2], [0, 0]])
    # sagittal: superior at the top, anterior at the left
    np.testing.assert_array_equal(plane_picture(volume, "sagittal", 1), [[0, 0, 3], [0, 0, 0], [0, 0, 2], [0, 0, 0]])


def test_axial_picture_has_the_patients_right_at_the_left(patient: Any, labels: dict[int, str]) -> None:
    figure = case_figure(case_views(patient.ct, patient.reference, patient.prediction()), labels)
    axes = axes_of(figure, "axial reference")
    picture = np.asarray(axes.images[0].get_array())  # the CT handed to imshow
    rows, columns = np.nonzero(picture == 255)
    assert len(rows) == 9  # the bone, 3 x 3 voxels
    assert columns.mean() < picture.shape[1] / 2  # it is on the patient's right: at the left of the picture
    assert axes.images[0].origin == "upper"
    assert axes.get_xlim()[0] < axes.get_xlim()[1]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # row 0 at the top
    # the target lies in front: high dose in the upper half, right of the patient
    dose = plane_picture(patient.reference.dose, "axial", 9)
    assert np.argwhere(dose == 70)[:, 0].mean() < dose.shape[0] / 2
    at = letters(axes)
    assert set(at) == set("RLAP")
    assert at["R"][0] < 0.5 < at["L"][0]
    assert at["P"][1] < 0.5 < at["A"][1]


@pytest.mark.parametrize(
    ("plane", "at_left", "at_right", "aspect"),
    [("axial", "R", "L", 2.5 / 2.0), ("coronal", "R", "L", 5.0 / 2.0), ("sagittal", "A", "P", 5.0 / 2.5)],
)
def test_every_plane_has_letters_and_true_proportions(
    patient: Any, labels: dict[int, str], plane: str, at_left: str, at_right: str, aspect: float
) -> None:
    figure = case_figure(case_views(patient.ct, patient.reference, patient.prediction()), labels)
    for column in ("reference", "prediction", "difference"):
        axes = axes_of(figure, f"{plane} {column}")
        at = letters(axes)
        assert at[at_left][0] < 0.1 and at[at_right][0] > 0.9
        if plane != "axial":
            assert at["S"][1] > 0.9 and at["I"][1] < 0.1
        assert axes.get_aspect() == pytest.approx(aspect)


def test_contours_lie_on_the_organs_solid_and_dashed(patient: Any, labels: dict[int, str]) -> None:
    views = case_views(patient.ct, patient.reference, patient.prediction(shift=2))
    figure = case_figure(views, labels)
    axial = views.planes[0]
    colors = structure_colors(["right_parotid"], dark=True)
    found = {}
    for column in ("reference", "prediction", "difference"):
        for lines in contours(axes_of(figure, f"axial {column}")):
            if matches(lines, colors["right_parotid"]):
                dashed = lines.get_linestyles()[0][1] is not None
                found[column, dashed] = lines.get_paths()[0].vertices
    assert set(found) == {("reference", False), ("prediction", True), ("difference", False), ("difference", True)}
    columns = np.nonzero(axial.reference["segmentation"] == 2)[1]
    low, high = found["reference", False][:, 0].min(), found["reference", False][:, 0].max()
    assert (low, high) == (columns.min() - 0.5, columns.max() + 0.5)
    # moved to the patient's left, that is to the right in the picture, by two voxels
    np.testing.assert_allclose(found["prediction", True][:, 0].min(), low + 2)


def test_difference_is_prediction_minus_reference(patient: Any, labels: dict[int, str]) -> None:
    prediction = patient.prediction()
    prediction["dose"] = patient.reference.dose.copy()
    prediction["dose"][patient.reference.structures["PTV70"]] += 15.0
    figure = case_figure(case_views(patient.ct, patient.reference, prediction), labels)
    wash = np.asarray(axes_of(figure, "axial difference").images[1].get_array())
    visible = wash[..., 3] > 0
    assert np.count_nonzero(visible) == 20  # the target's 5 x 4 voxels, and nothing where the doses are equal
    assert (wash[visible][:, 0] > wash[visible][:, 2]).all()  # too much dose is red
    assert "Prediction \N{MINUS SIGN} reference (Gy)" in [axes.get_xlabel() for axes in figure.axes]


def test_single_task_predictions(patient: Any, labels: dict[int, str]) -> None:
    both = patient.prediction()
    segmentation = case_figure(
        case_views(patient.ct, patient.reference, {"segmentation": both["segmentation"]}), labels
    )
    for column in ("reference", "prediction", "difference"):
        assert len(axes_of(segmentation, f"axial {column}").images) == 1  # CT without a wash
    assert [len(contours(axes_of(segmentation, f"axial {c}"))) for c in ("reference", "prediction", "difference")] == [
        4,
        4,
        7,
    ]
    assert "Prediction \N{MINUS SIGN} reference (Gy)" not in [axes.get_xlabel() for axes in segmentation.axes]
    dose = case_figure(case_views(patient.ct, patient.reference, {"dose": both["dose"]}), labels)
    assert len(axes_of(dose, "axial prediction").images) == 2
    assert len(contours(axes_of(dose, "axial prediction"))) == 1  # the target's
    assert len(contours(axes_of(dose, "axial reference"))) == 4


def test_patient_without_an_organ_and_prediction_without_one(patient: Any, labels: dict[int, str]) -> None:
    reference = patient.without("left_parotid")
    prediction = patient.prediction()
    prediction["segmentation"][prediction["segmentation"] == 3] = 0
    prediction["segmentation"][prediction["segmentation"] == 2] = 0
    figure = case_figure(case_views(patient.ct, reference, prediction), labels)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["Spinal cord", "Right parotid", "PTV70", "reference", "prediction"]


def test_patient_without_any_structure_shows_the_slice_with_most_dose(patient: Any, labels: dict[int, str]) -> None:
    reference = replace(patient.reference, segmentation=None, structures={}, labels={})
    views = case_views(patient.ct, reference, {"dose": patient.reference.dose})
    assert 7 <= views.planes[0].index < 13
    assert case_png(views, labels).startswith(b"\x89PNG")
    bare = case_views(patient.ct, replace(reference, dose=None, body=None), {})
    assert bare.max_dose is None
    assert case_png(bare, labels).startswith(b"\x89PNG")


def test_slices_weigh_structures_alike() -> None:
    large, small = np.zeros((8, 8, 8), bool), np.zeros((8, 8, 8), bool)
    large[:, :, 0:3] = True
    large[0, 0, 6] = True
    small[4, 4, 2] = small[5, 4, 6] = True
    assert most_informative_slices(large.astype(float), [large, small])[2] == 2
    volume = np.zeros((8, 8, 8))
    volume[1, 2, 3] = 1.0
    assert most_informative_slices(volume, []) == (1, 2, 3)


def test_views_are_small_copies(patient: Any) -> None:
    views = case_views(patient.ct, patient.reference, patient.prediction())
    for plane in views.planes:
        for array in (plane.ct, *plane.reference.values(), *plane.prediction.values(), *plane.targets.values()):
            assert array.base is None or array.base.size == array.size
    assert views.planes[0].ct.dtype == np.uint8
    assert WINDOW == (-160.0, 240.0)
    assert views.planes[0].ct.max() == 255  # bone
    assert (views.planes[0].ct == 102).any()  # water: 160 / 400 of the window


def test_names_and_colors() -> None:
    assert [display_name(n) for n in ("spinal_cord", "SpinalCord", "PTV70", "left_femur", "bladder", "CTV")] == [
        "Spinal cord",
        "Spinal cord",
        "PTV70",
        "Left femur",
        "Bladder",
        "CTV",
    ]
    colors = structure_colors(["spinal_cord", "SpinalCord", "heart", "stomach"], dark=False)
    assert colors["spinal_cord"] == colors["SpinalCord"]
    assert len(set(colors.values())) == 3, "names without a color of their own get free ones"
    pelvis = ["rectum", "bladder", "left_femur", "right_femur", "ctv"]
    assert len(set(structure_colors(pelvis, dark=True).values())) == 5
