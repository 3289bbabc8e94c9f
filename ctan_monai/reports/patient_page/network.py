# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which network predicted, and what it is not good for, in a few lines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctan_monai.reports.table import number
from ctan_monai.utils.files import read_training_record
from ctan_monai.utils.names import shortened

__all__ = ["NetworkFacts", "network_facts"]

_LIMITS = "limits.md"  # beside the weights; in a packed bundle, among its documents
_MOST_LIMITS, _LONGEST = 3, 120  # what the page has room for
_SHOWN_RESULTS = ("Dice (%)", "dose score within the mask (Gy)", "MAE in the body (Gy)", "DVH score (Gy)")


@dataclass(frozen=True)
class NetworkFacts:
    """What a page says of the network.

    Attributes:
        lines: title and text.
        intended_use: of the bundle.
        limits: what the weights are not good for, in sentences.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)
    intended_use: str = ""
    limits: list[str] = field(default_factory=list)


def network_facts(bundle_root: Path | str, checkpoint: Path | str | None) -> NetworkFacts:
    """Collects them from the bundle's ``metadata.json`` and from what lies beside the weights.

    Args:
        bundle_root: of the bundle, packed or not.
        checkpoint: the weights; None: unknown.

    Raises:
        DataError: the training's record beside the weights is damaged.
    """
    root, folder = Path(bundle_root), None if checkpoint is None else Path(checkpoint).parent
    path = root / "configs" / "metadata.json"
    metadata: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    record = read_training_record(folder) or {}
    training = metadata.get("training") or record
    values = training.get("config") or record.get("values", {})
    data = metadata.get("training_data") or record.get("data", {})
    lines = [("Network", _network(training, values)), *([("Input", _input(values))] if values else [])]
    if cases := data.get("cases", {}).get("training"):
        lines.append(("Trained on", f"{cases} cases of {data.get('name', 'an unnamed data set')}"))
    if results := _results(metadata.get("eval_metrics", {})):
        lines.append(("Test cases", results))
    texts = [] if folder is None else [folder / _LIMITS]
    limits = next((p.read_text() for p in [*texts, root / "docs" / _LIMITS] if p.is_file()), "")
    lines = [(title, shortened(text, _LONGEST)) for title, text in lines]
    return NetworkFacts(lines, metadata.get("intended_use", ""), _sentences(limits))


def _network(training: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    if not values:
        return "unknown: no record of its training lies beside its weights"
    backbone = " ".join(str(values[key]) for key in ("backbone", "stem") if key in values)
    parameters = training.get("parameters")
    size = f", {parameters / 1e6:.1f} million parameters" if isinstance(parameters, int | float) else ""
    time = f", trained {str(training['time'])[:10]}" if training.get("time") else ""
    return f"{values.get('method', 'network')} ({backbone}){size}{time}"


def _input(values: Mapping[str, Any]) -> str:
    if values.get("targets"):
        return "CT and targets with their prescribed doses"
    return "CT alone, which shows neither the target nor what is prescribed"


def _results(metrics: Mapping[str, Any]) -> str:
    found = [
        f"{title.partition(': ')[2]} {number(value, 1)}"
        for title, value in metrics.items()
        if title.partition(": ")[2] in _SHOWN_RESULTS and isinstance(value, int | float)
    ]
    return f"{metrics['test cases']}: {', '.join(found)}" if found and "test cases" in metrics else ""


def _sentences(markdown: str) -> list[str]:
    """The first sentence of each item of a list in Markdown, without marks."""
    items = re.split(r"^[-*] ", markdown, flags=re.MULTILINE)[1:]
    plain = [re.sub(r"[*_`]|\[([^]]*)\]\([^)]*\)", r"\1", item.partition("\n\n")[0]) for item in items]
    first = [re.split(r"(?<=[.;])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".;") for text in plain]
    return [shortened(text, _LONGEST) for text in first[:_MOST_LIMITS]]
