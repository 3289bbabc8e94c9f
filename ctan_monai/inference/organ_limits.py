# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Usual dose limits of organs at risk, and whether a dose keeps them.

The limits are for conventional fractionation (1.8 to 2 Gy a day). They help to see what is implausible; a physician
chooses those of a patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dose_volume import dose_volume_figure

__all__ = ["LIMIT_SOURCES", "ORGAN_LIMITS", "OrganLimit", "organ_doses"]

_QUANTEC = "Int J Radiat Oncol Biol Phys 76(3 Suppl)"

#: Where the limits stand: QUANTEC (2010), but for the femoral heads, which it does not have.
LIMIT_SOURCES = {
    "Mayo 2010": f"Mayo C., Yorke E., Merchant T.E.: Radiation associated brainstem injury. {_QUANTEC}, S36-S41, 2010",
    "Kirkpatrick 2010": "Kirkpatrick J.P., van der Kogel A.J., Schultheiss T.E.: Radiation dose-volume effects in the "
    f"spinal cord. {_QUANTEC}, S42-S49, 2010",
    "Deasy 2010": "Deasy J.O. et al.: Radiotherapy dose-volume effects on salivary gland function. "
    f"{_QUANTEC}, S58-S63, 2010",
    "Michalski 2010": "Michalski J.M. et al.: Radiation dose-volume effects in radiation-induced rectal injury. "
    f"{_QUANTEC}, S123-S129, 2010",
    "Viswanathan 2010": "Viswanathan A.N. et al.: Radiation dose-volume effects of the urinary bladder. "
    f"{_QUANTEC}, S116-S122, 2010",
    "RTOG": "RTOG's, as stated in Radiation Oncology 16 (2021), table 4 of doi:10.1186/s13014-021-01906-2",
}


@dataclass(frozen=True)
class OrganLimit:
    """A limit.

    Attributes:
        organ: as the bundles call it.
        figure: of :py:func:`ctan_monai.inference.dose_volume_figure`.
        limit: Gy; % for V.
        source: a key of :py:data:`LIMIT_SOURCES`.
        unless: another organ and a limit of the same figure there: where that organ keeps it, this one may exceed its
            own.
    """

    organ: str
    figure: str
    limit: float
    source: str
    unless: tuple[str, float] | None = None


#: D_0.1_cc stands for the maximum, which would hang on a single voxel.
ORGAN_LIMITS = (
    OrganLimit("brainstem", "D_0.1_cc", 54.0, "Mayo 2010"),
    OrganLimit("spinal_cord", "D_0.1_cc", 50.0, "Kirkpatrick 2010"),
    # both glands below 25 Gy, or one below 20 Gy
    OrganLimit("right_parotid", "mean", 25.0, "Deasy 2010", unless=("left_parotid", 20.0)),
    OrganLimit("left_parotid", "mean", 25.0, "Deasy 2010", unless=("right_parotid", 20.0)),
    OrganLimit("rectum", "V_50", 50.0, "Michalski 2010"),
    OrganLimit("rectum", "V_60", 35.0, "Michalski 2010"),
    OrganLimit("rectum", "V_65", 25.0, "Michalski 2010"),
    OrganLimit("rectum", "V_70", 20.0, "Michalski 2010"),
    OrganLimit("rectum", "V_75", 15.0, "Michalski 2010"),
    OrganLimit("bladder", "V_65", 50.0, "Viswanathan 2010"),
    OrganLimit("bladder", "V_70", 35.0, "Viswanathan 2010"),
    OrganLimit("bladder", "V_75", 25.0, "Viswanathan 2010"),
    OrganLimit("bladder", "V_80", 15.0, "Viswanathan 2010"),
    OrganLimit("left_femur", "V_50", 10.0, "RTOG"),
    OrganLimit("right_femur", "V_50", 10.0, "RTOG"),
)


def organ_doses(
    dose: np.ndarray, organs: Mapping[str, np.ndarray], spacing: Sequence[float]
) -> dict[str, list[dict[str, Any]]]:
    """The doses of organs beside their limits.

    Args:
        dose: Gy, any shape.
        organs: bool voxels by name, the same shape.
        spacing: voxel size in mm along each axis.

    Returns:
        by organ that has limits and at least one voxel: ``figure``, ``value``, ``limit``, ``unit``, ``exceeded`` and
        ``source`` of each of its limits; and ``unless``, see :py:class:`OrganLimit`, as {organ: limit}.
    """
    values = {name: found for name, mask in organs.items() if (found := dose[mask]).size}
    doses: dict[str, list[dict[str, Any]]] = {}
    for limit in (limit for limit in ORGAN_LIMITS if limit.organ in values):
        value = dose_volume_figure(values[limit.organ], limit.figure, spacing)
        spared = False
        if limit.unless is not None and limit.unless[0] in values:
            spared = dose_volume_figure(values[limit.unless[0]], limit.figure, spacing) < limit.unless[1]
        doses.setdefault(limit.organ, []).append(
            {
                "figure": limit.figure,
                "value": value,
                "limit": limit.limit,
                "unit": "%" if limit.figure.startswith("V") else "Gy",
                "exceeded": value > limit.limit and not spared,
                "source": limit.source,
                **({} if limit.unless is None else {"unless": dict([limit.unless])}),
            }
        )
    return doses
