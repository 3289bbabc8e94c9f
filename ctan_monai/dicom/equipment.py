# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What the headers of new DICOM objects say of the program that made them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ctan_monai import __version__

__all__ = ["IMPLAUSIBLE", "PHANTOM", "Maker", "predicted_by"]

IMPLAUSIBLE = "IMPLAUSIBLE"  # what objects are called that nobody may use


@dataclass(frozen=True)
class Maker:
    """The maker of DICOM objects.

    Attributes:
        manufacturer: Manufacturer, at most 64 characters, as the next two.
        model: ManufacturerModelName.
        description: SeriesDescription.
        label: StructureSetLabel, at most 16 characters.
        comment: one sentence for the objects' comments.
        version: SoftwareVersions.
        prefix: of the names of structures and segments.
    """

    manufacturer: str
    model: str
    description: str
    label: str
    comment: str
    version: str = __version__
    prefix: str = ""

    def implausible(self) -> Maker:
        """The same maker, of objects whose names and descriptions say that they may not be used."""
        return replace(
            self,
            description=f"{IMPLAUSIBLE}, DO NOT USE. Research use only, {self.model}"[:64],
            label=IMPLAUSIBLE,
            comment=f"{IMPLAUSIBLE}, DO NOT USE. {self.comment}",
            prefix=f"{IMPLAUSIBLE} ",
        )


PHANTOM = Maker("synthetic", "ctan-monai phantom", "phantom", "phantom", "Synthetic, of no patient.")


def predicted_by(bundle: str, weights: str = "") -> Maker:
    """The maker of a bundle's predictions.

    Args:
        bundle: its name, such as "prostate".
        weights: what tells its weights from others, such as the beginning of their SHA-256; empty where unknown.
    """
    version = f"{__version__}, weights {weights}" if weights else __version__
    return Maker(
        manufacturer="ctan-monai",
        model=f"ctan-monai {bundle}",
        description=f"Research use only, predicted by ctan-monai {bundle}",
        label="ctan-monai",
        comment=f"Research use only, predicted by ctan-monai {bundle} {version}; not reviewed by anyone.",
        version=version,
    )
