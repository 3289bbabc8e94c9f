# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The results of several tasks in the form in which MONAI Label sends them to a client."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import Transform

__all__ = ["MonaiLabelResultd"]

logger = logging.getLogger(__name__)


class MonaiLabelResultd(Transform):
    """Puts the map that the client asks for under "pred", and what can be said in words and numbers under "result".

    MONAI Label sends one image and one JSON object for a request, while our networks have several tasks. It goes last
    in an inference config's ``post_transforms``; the bundle's own ``postprocessing`` does not need it.

    A viewer shows the map alone. Where the report under ``report_key`` says that it is not usable, the map is empty,
    as DICOM is withheld then, unless the client's request has ``write_implausible``.

    Args:
        maps: what a client may ask for, to the key of that map (1, x, y[, z]); the first is the default. Empty for
            bundles whose tasks are all image-level.
        names: key of an image-level prediction, in [0, 1], to the names of its values; one name: the JSON gets the
            bare number, several: an object of them.
        texts: keys of further JSON-ready items.
        request_key: where Label puts what the client asks for; a list (Label's form of a choice) means its first item.
        image_key: the image, whose meta data name its file and its original affine.
        report_key: the report, see :py:class:`ctan_monai.inference.ReportPlausibilityd`.
    """

    def __init__(
        self,
        maps: Mapping[str, str] | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
        texts: Sequence[str] = (),
        request_key: str = "show",
        image_key: str = "image",
        report_key: str = "report",
    ) -> None:
        super().__init__()
        self.maps = dict(maps or {})
        self.names = {key: list(values) for key, values in (names or {}).items()}
        self.texts = list(texts)
        self.request_key = request_key
        self.image_key = image_key
        self.report_key = report_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Choose the map and write the JSON's items; predictions of tasks that the network lacks are left out.

        Raises:
            ValueError: the client asks for a map that this model does not have.
        """
        d = dict(data)
        values = {key: d[key].reshape(-1).float().cpu() for key in self.names if key in d}
        result = {key: self._named(key, numbers.tolist()) for key, numbers in values.items()}
        d["result"] = {**result, **{key: d[key] for key in self.texts if key in d}}
        if self.maps:
            d["pred"] = self._unless_implausible(d[self._asked_for(d)], d)
        elif "classification" in str(d.get("model", "")).lower():  # Label's own rule: by the name of the folder
            d["pred"] = MetaTensor(torch.cat(list(values.values())))
        else:  # Label takes any other model for a segmentation, and wants a map: nothing to draw
            d["pred"] = MetaTensor(torch.zeros((1, 1, 1, 1), dtype=torch.uint8))
        image = d.get(self.image_key)
        if isinstance(image, MetaTensor):  # the map has the image's own size: Label must not resize it once more
            image.meta.pop("spatial_shape", None)
        d.get(f"{self.image_key}_meta_dict", {}).pop("spatial_shape", None)
        if self.maps and d["pred"].ndim == 3:
            # Label's writer takes pictures as (W, H), and the image's suffix for the result: a mask is not a JPEG
            d["pred"] = d["pred"][0].T
            d["result_extension"] = d.get("result_extension") or ".png"
        elif d.get("image_path") and Path(str(d["image_path"])).is_dir():
            # a DICOM series has no suffix to follow, and without one Label fails
            d["result_extension"] = d.get("result_extension") or ".nii.gz"
        return d

    def _unless_implausible(self, chosen: torch.Tensor, data: Mapping[Hashable, Any]) -> torch.Tensor:
        report = data.get(self.report_key, {})
        if report.get("usable", True) or data.get("write_implausible"):
            return chosen
        logger.warning(
            "%s: the map is withheld (%s); the request's write_implausible sends it.",
            report.get("case_id", data.get("image_path")),
            report.get("unusable_because"),
        )
        return torch.zeros_like(chosen)

    def _named(self, key: str, numbers: list[float]) -> Any:
        rounded = [round(number, 6) for number in numbers]
        names = self.names[key]
        if len(names) != len(rounded):
            raise ValueError(f"'{key}' has {len(rounded)} values, but {len(names)} names: {names}.")
        return rounded[0] if len(names) == 1 else dict(zip(names, rounded, strict=True))

    def _asked_for(self, data: Mapping[Hashable, Any]) -> str:
        asked = data.get(self.request_key) or list(self.maps)
        choice = asked if isinstance(asked, str) else asked[0]
        available = [name for name, key in self.maps.items() if key in data]
        if choice not in available:
            raise ValueError(f"'{self.request_key}' is '{choice}': this model has {', '.join(available) or 'no map'}.")
        return self.maps[choice]
