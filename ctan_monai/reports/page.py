# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML file from a template of this package."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["flatten", "render_html"]


def render_html(template: str, **content: Any) -> str:
    """Fill in a template.

    Args:
        template: name of a file in the package's folder `templates`.
        content: the template's variables. All text is escaped; `data_uri` turns PNG bytes into an address that holds
            the picture itself.

    Returns:
        The page, which needs no other file and no network.
    """
    environment = Environment(
        loader=PackageLoader("ctan_monai.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    return environment.get_template(template).render(**content)


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


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
