# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

LONGEST = 64


def printable(text: str) -> str:
    """A name from a file as one line that can be shown: a file may hold anything under a name.

    Args:
        text: with line breaks, control characters, marks that turn the direction of text, or halves of characters.

    Returns:
        text of at most 64 characters, the unprintable ones replaced.
    """
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return shortened(line, LONGEST)


def safe_name(stem: str) -> str:
    """A case's name from that of its file: one line, and no formula where a table with it is opened in a spreadsheet.

    Args:
        stem: of the file; may hold line breaks, escape sequences, or begin with "=", "+", "-" or "@".
    """
    name = "".join(c if c.isprintable() else "_" for c in stem)
    return f"_{name}" if name.startswith(("=", "+", "-", "@")) else name


def shortened(text: str, longest: int) -> str:
    """Text of at most so many characters, the last of them an ellipsis where words are left out.

    A word is cut only where it takes more than half of the room, as a long name does.
    """
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    words = cut if text[longest - 1].isspace() else cut.rpartition(" ")[0]
    return (words if 2 * len(words) > longest else cut).rstrip(" ,;:") + "\N{HORIZONTAL ELLIPSIS}"
