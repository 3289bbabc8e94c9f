# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which structures are targets, and what is prescribed to them."""

from __future__ import annotations

import pytest

from ctan_monai.dicom.targets import parse_doses, prescribed_doses
from ctan_monai.utils.errors import InputError


@pytest.mark.parametrize(
    ("name", "dose"),
    [
        ("PTV70", 70.0),
        ("PTV_7000", 70.0),
        ("PTV 70 Gy", 70.0),
        ("ptv63.0", 63.0),
        ("PTV1_70Gy", 70.0),
        ("PTV_5940cGy", 59.4),
        ("PTV59,4", 59.4),
        ("PTV_59p4Gy", 59.4),
        (" PTV56 ", 56.0),
        ("PTV70_3mm", 70.0),
    ],
)
def test_a_name_carries_its_dose(name: str, dose: float) -> None:
    assert prescribed_doses(["Brainstem", name], None, "RS.dcm") == {name: dose}


@pytest.mark.parametrize(
    "name", ["PTV", "PTV1", "PTV_high", "PTV_700", "PTV70_63", "PTV_35fx_70", "PTV_100000", "PTV5"]
)
def test_a_target_whose_name_has_no_single_dose_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"RS\.dcm: the dose of '{name}' is unknown.*--target_doses"):
        prescribed_doses(["PTV70", name], None, "RS.dcm")


@pytest.mark.parametrize("name", ["CTV70", "GTV_7000", "zPTV70", "ring_PTV70", "Parotid_L", "70"])
def test_other_structures_are_targets_by_the_map_alone(name: str) -> None:
    with pytest.raises(InputError, match=rf"RS\.dcm: there is no target; found '{name}'"):
        prescribed_doses([name], None, "RS.dcm")
    assert prescribed_doses([name, "PTV63"], {name.upper(): 70.0}, "RS.dcm") == {name: 70.0}


def test_the_map_takes_whole_names_in_any_case() -> None:
    doses = parse_doses("ptv high = 70, PTV=low=56.5")
    assert doses == {"ptv high": 70.0, "PTV=low": 56.5}
    assert prescribed_doses(["PTV High", "PTV High ring", "ptv=LOW"], doses, "x") == {"PTV High": 70.0, "ptv=LOW": 56.5}
    assert parse_doses(None) is None


def test_a_name_of_the_map_that_the_file_lacks() -> None:
    with pytest.raises(InputError, match=r"RS\.dcm: lacks 'PTV63' of --target_doses; found 'PTV70', 'cord'\."):
        prescribed_doses(["PTV70", "cord"], {"PTV70": 70.0, "PTV63": 63.0}, "RS.dcm")


@pytest.mark.parametrize("doses", [None, {"PTV70": 70.0}])
def test_two_targets_of_one_name(doses: dict[str, float] | None) -> None:
    with pytest.raises(InputError, match=r"RS\.dcm: there are several targets named 'PTV70', 'ptv70'"):
        prescribed_doses(["PTV70", "ptv70"], doses, "RS.dcm")
    with pytest.raises(InputError, match="several targets named 'PTV70'"):
        prescribed_doses(["PTV70", "PTV70"], doses, "RS.dcm")
    assert prescribed_doses(["PTV70", "cord", "Cord"], doses, "RS.dcm") == {"PTV70": 70.0}


@pytest.mark.parametrize("text", ["", "PTV70", "PTV70=", "=70", "PTV70=7000", "PTV70=nan", "PTV70=high", "PTV70=70,"])
def test_a_map_of_another_form(text: str) -> None:
    with pytest.raises(InputError, match=r"--target_doses .*expected a name and 10 to 100 Gy, such as"):
        parse_doses(text)


def test_a_name_that_comes_twice_in_the_map() -> None:
    with pytest.raises(InputError, match="'ptv70' comes twice"):
        parse_doses("PTV70=70,ptv70=63")
