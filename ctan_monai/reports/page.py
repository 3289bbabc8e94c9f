# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML file from a template of this package."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["flatten", "render_html"]

_ENVIRONMENT = Environment(
    loader=PackageLoader("ctan_monai.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["data_uri"] = lambda png: f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def render_html(template: str, **content: Any) -> str:
    """Fill in a template of the package's folder `templates`.

    All text is escaped, and `data_uri` turns PNG bytes into an address that holds the picture itself: the page needs no
    other file and no network.
    """
    return _ENVIRONMENT.get_template(template).render(contents=[], **content)


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested values as rows of name and text, `libraries: torch` for `{"libraries": {"torch": ...}}`; no empty ones."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += flatten(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            rows += [(name, ", ".join(map(str, value)))] if value else []
        elif value is not None:
            rows.append((name, str(value)))
    return rows
