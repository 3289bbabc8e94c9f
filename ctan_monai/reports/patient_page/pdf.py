# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A page as PDF, by WeasyPrint.

WeasyPrint lays out the same HTML and CSS that a browser prints, with text as text, so that there is one layout. fpdf2,
ReportLab and matplotlib's PdfPages need no library of the system, but a second layout by hand, and fonts for names in
any script. Its price: Pango, which most Linux systems have, and some 10 MB of packages; so it is an extra.
"""

from __future__ import annotations

import logging

from ctan_monai.utils.errors import InputError

__all__ = ["check_pdf", "page_pdf"]

_OR_PRINT = "or leave --pdf out and print <case>_page.html from a browser"


def check_pdf() -> None:
    """Checks, before time is spent, that PDFs can be written.

    Raises:
        InputError: WeasyPrint, or the library Pango, is not installed.
    """
    try:
        import weasyprint  # noqa: F401
    except ImportError as error:
        raise InputError(
            "--pdf: WeasyPrint, which writes PDF, is not installed. Install it with pip install 'weasyprint>=70', "
            f"{_OR_PRINT}."
        ) from error
    except OSError as error:  # by its binding to Pango
        raise InputError(
            "--pdf: WeasyPrint does not find the library Pango. Install it, on Debian with apt-get install "
            f"libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0, {_OR_PRINT}."
        ) from error


def page_pdf(html: str) -> bytes:
    """A self-contained page as PDF; nothing outside the page is fetched.

    Raises:
        InputError: see :py:func:`check_pdf`.
    """
    check_pdf()
    from weasyprint import HTML, URLFetcher

    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it tells of each CSS property that is for browsers alone
    fetcher = URLFetcher(allowed_protocols=["data"])
    return bytes(HTML(string=html, url_fetcher=fetcher).write_pdf())
