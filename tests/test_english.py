# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Plain English in what people read: no sentence over 35 words, none of the phrases that the style forbids."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import REPOSITORY

WORDS = 35
PHRASES = re.compile(
    r"\b(?:is not to be told|shall|by heart|mend(?:ed|s|ing)?|of one kind with)\b"
    r"|(?<!there )\bis no (?!\w+er\b|more\b)|: likewise\.",
    re.IGNORECASE,
)
BRITISH = re.compile(
    r"\b(?:colour|grey|centre|licence|behaviour|neighbour)"
    r"|\b(?:normal|neutral|recogn|initial|summar|visual)is(?:e|ed|es|ing|ation)\b",
    re.IGNORECASE,
)
PAGES = sorted(
    path
    for pattern in (
        *("*.md", "docs/**/*.md", "bundles/*/docs/*.md", "bundles/*/models/*/*.md"),
        *("ctan_monai/*/templates/*.md.j2", "ctan_monai/*/templates/*.html.j2"),
    )
    for path in REPOSITORY.glob(pattern)
    if path.name != "table.md"  # written by a tool
)


def sentences(markdown: str) -> Iterator[str]:
    """Of running text: without code, what a template fills in, tables and the addresses of links."""
    text = re.sub(r"{%.*?%}|{#.*?#}|<(style|script).*?</\1>", "", markdown, flags=re.DOTALL)
    text = re.sub(r"{{.*?}}", "FILLED", text, flags=re.DOTALL)
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^ *\|.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`]*`", "CODE", text)
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"<[^>]+>", "", text))
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=#)", text):
        yield from re.split(r"(?<=[.!?:;])\s+", " ".join(block.split()))


def test_the_pages_are_found() -> None:
    assert {"README.md", "CHANGELOG.md", "paper-to-code.md", "limits.md", "dicom-results.md"} <= {p.name for p in PAGES}


def test_sentences_are_found() -> None:
    text = "One two. Three:\n\n- four `a b c` [five](x y)\n- six\n\n| no | no |\n\n```\nno no\n```\n"
    assert [s for s in sentences(text) if s] == ["One two.", "Three:", "- four CODE [five]", "- six"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_pages_are_in_plain_english(path: Path) -> None:
    found = [
        sentence
        for sentence in sentences(path.read_text())
        if len(sentence.split()) > WORDS or PHRASES.search(sentence) or BRITISH.search(sentence)
    ]
    assert found == []


def texts(source: str) -> Iterator[str]:
    """Docstrings and messages: each constant text of two words or more."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.value


def test_texts_are_found() -> None:
    assert list(texts('"""A doc."""\nraise ValueError(f"{x}: not found. " "Give it.")\nname = "word"')) == [
        "A doc.",
        ": not found. Give it.",
    ]


@pytest.mark.parametrize("folder", ["ctan_monai", "tools"])
def test_docstrings_and_messages_are_in_plain_english(folder: str) -> None:
    found = [
        (path.name, sentence)
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        for text in texts(path.read_text())
        for sentence in sentences(text.replace("``", "`"))
        if len(sentence.split()) > WORDS or PHRASES.search(sentence)
    ]
    assert found == []
