# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Hooks of the documentation site (mkdocs.yml): pages whose source lies outside ``docs/``, and links to files."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = {  # page of the site: its source
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
    **{f"bundles/{name}.md": f"bundles/{name}/docs/README.md" for name in ("openkbp", "prostate", "ham10000", "stoic")},
    **{f"bundles/{name}.md": f"bundles/openkbp/models/{name}/README.md" for name in ("ctan_small", "ctan_targets")},
    **{
        f"bundles/{name}_limits.md": f"bundles/openkbp/models/{name}/limits.md"
        for name in ("ctan_small", "ctan_targets")
    },
}
ROOMS = (
    *("networks", "losses", "handlers", "engines", "metrics", "transforms"),
    *("data", "dicom", "inference", "imaging", "evaluation"),
)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#\s]+)(#[^)\s]*)?\)")
_PICTURE = re.compile(r"(src|srcset)=\"([^\"]+)\"")
_ROLE = re.compile(r":(?:py:)?(?:func|class|meth|mod|data|attr):<code>[~.]?")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside ``docs/`` and one for each room of the package."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(REPOSITORY / source).read_text()))
    for room in ROOMS:
        text = f"# ctan_monai.{room}\n\n::: ctan_monai.{room}\n    options:\n      show_root_heading: false\n"
        files.append(File.generated(config, f"reference/{room}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Turn links between files of the repository into links between pages; a file without a page is named instead."""
    here = page.file.src_uri
    source = PAGES.get(here, f"docs/{here}")
    pages = {path: name for name, path in PAGES.items()}

    def on_site(target: str) -> tuple[str, str | None]:
        """Path of a link's target in the repository, and its address on the site, if it is there."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        name = pages.get(path, path.removeprefix("docs/"))
        found = files.get_file_from_path(name) is not None and (REPOSITORY / path).exists()
        return path, os.path.relpath(name, posixpath.dirname(here) or ".") if found else None

    def linked(match: re.Match[str]) -> str:
        text, target, anchor = match.groups(default="")
        path, address = on_site(target)
        if address is not None:
            return f"[{text}]({address}{anchor})"
        if not (REPOSITORY / path).exists():
            return match.group()  # mkdocs warns of it
        return f"`{path}`" if text == path else f"{text} (`{path}`)"

    def pictured(match: re.Match[str]) -> str:
        attribute, target = match.groups()
        return f'{attribute}="{on_site(target)[1] or target}"'

    return _PICTURE.sub(pictured, _LINK.sub(linked, markdown))


def on_page_content(html: str, page: Page, config: Any, files: Files) -> str:
    """Sphinx roles of the docstrings become plain code."""
    return _ROLE.sub("<code>", html)
