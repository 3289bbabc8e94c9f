# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report on one patient's predictions."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import Transform
from nibabel.affines import voxel_sizes

from ctan_monai.transforms.load_targets import TARGETS_FILE
from ctan_monai.transforms.read_targets import read_targets
from ctan_monai.transforms.targets_on_grid import MOST_LEVELS, target_masks
from ctan_monai.utils import image_name
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import parse_json

from .dose_plausibility import check_dose
from .plausibility import body_edges, check_plausibility, organ_edges
from .save_nifti import case_id

__all__ = ["TARGET_MASKS", "ReportPlausibilityd"]

logger = logging.getLogger(__name__)

TARGET_MASKS = "target_masks"


class ReportPlausibilityd(Transform):
    """Adds a JSON-ready report that flags the implausible, and logs its warnings in one message.

    Targets and organs are judged on the patient's own grid, where the dose is used. The targets are therefore read
    again: on the network's grid, whose voxels are some 4 mm wide, their edges lie elsewhere. They stay in the item as
    "target_masks": Gy and bool voxels by name, see :py:func:`ctan_monai.transforms.target_masks`.

    Args:
        ranges: of the training patients, a mapping or a JSON file: ``statistics`` of the prepared data's
            ``datalist.json``, or that file itself; see :py:func:`check_plausibility`.
        label_names: organ to label.
        segmentation_key: label map (1, x, y, z) on the patient's grid; may be missing.
        dose_key: dose in Gy on the same grid; may be missing.
        body_key: bool mask on the same grid.
        image_key: the CT, whose meta data name the file.
        report_key: receives the report.
        doses_key: Gy by the targets' names; may be missing.

    Raises:
        ValueError: ``ranges`` is a file that is not there or no such JSON.
    """

    def __init__(
        self,
        ranges: Mapping[str, Any] | str | Path,
        label_names: Mapping[str, int],
        segmentation_key: str = "pred",
        dose_key: str = "dose",
        body_key: str = "body",
        image_key: str = "image",
        report_key: str = "report",
        doses_key: str = "target_doses",
    ) -> None:
        super().__init__()
        named = isinstance(ranges, (str, Path))
        self.ranges = _read_ranges(Path(ranges), label_names) if named else dict(ranges)  # type: ignore[arg-type]
        self.label_names = dict(label_names)
        self.segmentation_key = segmentation_key
        self.dose_key = dose_key
        self.body_key = body_key
        self.image_key = image_key
        self.report_key = report_key
        self.doses_key = doses_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the report."""
        d = dict(data)
        body = d[self.body_key]
        affine = body.affine.cpu().numpy()
        spacing = voxel_sizes(affine)
        arrays = [d[k][0].cpu().numpy() if k in d else None for k in (self.segmentation_key, self.dose_key)]
        inside = body[0].cpu().numpy().astype(bool)
        report = check_plausibility(arrays[0], arrays[1], spacing.tolist(), self.ranges, self.label_names, inside)
        report["body"]["cut_off_at"] = edges = body_edges(inside, affine)
        if edges:
            report["warnings"].append(
                f"The image cuts the body off ({', '.join(edges)}): near there the dose is less certain."
            )
        if arrays[0] is not None:
            for organ, sides in organ_edges(arrays[0], affine, self.label_names).items():
                report["segmentation"][organ]["cut_off_at"] = sides
                report["warnings"].append(
                    f"The image ends within the {organ.replace('_', ' ')} ({', '.join(sides)}): its volume and doses "
                    "are those of a part."
                )
        cut = float(d[self.image_key].meta.get("body_cut_mm", 0.0))
        report["body"]["outside_network_field_mm"] = round(cut, 1)
        if cut > 0:
            report["warnings"].append(
                f"The body is {cut:.0f} mm wider than the field that the network sees: nothing was predicted beyond it."
            )
        source = d[self.image_key].meta.get("filename_or_obj", "")
        if arrays[1] is not None:
            report |= self._judge_dose(d, arrays[1], arrays[0], affine, source, report["warnings"])
        report["plausible"] = not report["warnings"]
        name = case_id(d, self.image_key)
        grid = {"shape": list(inside.shape), "spacing_mm": np.round(spacing, 4).tolist()}
        verdict = {key: report[key] for key in ("usable", "unusable_because")}
        d[self.report_key] = {"case_id": name, **verdict, "image": image_name(source), **grid, **report}
        if report["warnings"]:
            logger.warning("%s: %s", name, " ".join(report["warnings"]))
        return d

    def _judge_dose(
        self,
        data: dict[Hashable, Any],
        dose: np.ndarray,
        labels: np.ndarray | None,
        affine: np.ndarray,
        source: str | list[str],
        warnings: list[str],
    ) -> dict[str, Any]:
        masks = {}
        file = data.get(TARGETS_FILE)
        if file is not None:
            masks = target_masks(read_targets(file, source, data.get(self.doses_key)), affine, dose.shape)
            data[TARGET_MASKS] = masks
            if not masks:
                warnings.append(f"The targets' volume has over {MOST_LEVELS} different doses: coverage was not judged.")
        organs = {} if labels is None else {name: labels == value for name, value in self.label_names.items()}
        spacing = voxel_sizes(affine).tolist()
        found, sentences = check_dose(dose, organs, masks, spacing)
        warnings += sentences
        return ({} if file is None else {"targets_from": image_name(file)}) | found


def _read_ranges(path: Path, label_names: Mapping[str, int]) -> dict[str, Any]:
    try:
        content = parse_json(path.read_text())
        ranges = dict(content.get("statistics", content))
        # a made-up patient: a range of another kind would end the run after the network's work
        labels = np.array([0, *label_names.values()]).reshape(-1, 1, 1)
        check_plausibility(labels, np.ones(labels.shape), (1, 1, 1), ranges, label_names, labels >= 0)
        return ranges
    except (OSError, ValueError, AttributeError, LookupError, TypeError) as error:
        raise DataError(
            f"{path}: no JSON file with the training ranges ({error}). Expected the 'statistics' of the prepared "
            "data's datalist.json; copy them there."
        ) from error
