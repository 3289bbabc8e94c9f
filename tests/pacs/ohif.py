# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OHIF, a viewer in the browser, served beside a PACS: the built npm package @ohif/app, and DICOMweb passed on."""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.error
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

_SOURCE = {
    "qidoRoot": "/dicom-web",
    "wadoRoot": "/dicom-web",
    "wadoUriRoot": "/wado",
    "qidoSupportsIncludeField": False,
    "imageRendering": "wadors",
    "thumbnailRendering": "wadors",
    "enableStudyLazyLoad": True,
    "supportsWildcard": True,
    "omitQuotationForMultipartRequest": True,
    "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
}
_CONFIGURATION = {
    "routerBasename": "/",
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "disableConfirmationPrompts": True,  # structure sets are loaded without a question
    "investigationalUseDialog": {"option": "never"},
    "maxNumberOfWebWorkers": 2,
    "defaultDataSourceName": "pacs",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "pacs",
            "configuration": {"friendlyName": "PACS", "name": "pacs", **_SOURCE},
        }
    ],
}


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, pacs: str, **named: object) -> None:
        self.pacs = pacs
        super().__init__(*arguments, **named)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/dicom-web/"):
            self._pass_on()
        elif path == "/app-config.js":
            self._send(200, "text/javascript", f"window.config = {json.dumps(_CONFIGURATION)};".encode())
        else:
            if not Path(self.translate_path(path)).is_file():  # a page of the application
                self.path = "/index.html"
            super().do_GET()

    def _pass_on(self) -> None:
        headers = {"Accept": self.headers.get("Accept", "*/*")}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.pacs + self.path, headers=headers)) as answer:
                # The PACS names itself in BulkDataURI, and the browser may read from this server alone
                own = f"http://{self.headers['Host']}".encode()
                body = answer.read()
                if "json" in answer.headers["Content-Type"]:
                    body = body.replace(self.pacs.encode(), own)
                self._send(answer.status, answer.headers["Content-Type"], body)
        except urllib.error.HTTPError as error:
            self._send(error.code, "text/plain", error.read())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


class Ohif(ThreadingHTTPServer):
    """OHIF on 127.0.0.1.

    Args:
        application: ``dist`` of the npm package.
        pacs: URL of the server whose ``/dicom-web`` is passed on.
    """

    def __init__(self, application: Path, pacs: str) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(application), pacs=pacs))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Viewer:
    """OHIF in a browser without a window, drawn by the CPU.

    Args:
        url: of OHIF.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._playwright = sync_playwright().start()
        drawn = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
        self._browser = self._playwright.chromium.launch(
            executable_path=os.environ["CTAN_CHROMIUM"], args=drawn + sandbox
        )
        self._page = self._browser.new_page(viewport={"width": 1500, "height": 900})
        self._page.set_default_timeout(120_000)
        self._page.add_init_script("localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']))")

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, study: str, modality: str) -> None:
        """Show a study with the contours of its RTSTRUCT or SEG, and the list of these."""
        self._page.goto(f"{self._url}/viewer?StudyInstanceUIDs={study}")
        row = self._page.get_by_text(modality, exact=True)
        row.wait_for()
        self._page.wait_for_function("/I:\\s*\\d+/.test(document.body.innerText)")  # the CT is shown
        row.dblclick()
        self._page.locator("[data-cy=panelSegmentation-btn]").click()
        self._page.get_by_text("Segmentations", exact=True).wait_for()
        self._page.wait_for_timeout(5000)  # nothing on the page says that all is drawn

    def text(self) -> str:
        """What a reader can read."""
        return self._page.inner_text("body")

    def show_segment(self, name: str) -> None:
        """Go to the middle slice of a segment, in the window of soft tissue."""
        self._page.get_by_text(name, exact=True).first.click()
        self._page.keyboard.press("1")
        self._page.wait_for_timeout(3000)

    def instance(self) -> int:
        """InstanceNumber of the slice that is shown."""
        found = re.search(r"I:\s*(\d+)", self.text())
        assert found is not None
        return int(found[1])

    def screenshot(self, file: Path) -> np.ndarray:
        """Writes the page's picture, and returns the part with the slice, (y, x, RGB)."""
        self._page.screenshot(path=file)
        box = self._page.locator("[data-cy=viewport-pane] canvas").first.bounding_box()
        assert box is not None
        left, top = round(box["x"]), round(box["y"])
        picture = np.asarray(Image.open(file).convert("RGB"))
        return picture[top : top + round(box["height"]), left : left + round(box["width"])]

    def center_of(self, picture: np.ndarray, color: tuple[int, int, int], shape: tuple[int, int]) -> np.ndarray:
        """Middle of the extent of what is drawn in a color, apart from the outer tenth of the slice.

        Args:
            picture: of :py:meth:`screenshot`.
            color: RGB.
            shape: columns and rows of the slice, which fills the height or the width of the picture.

        Returns:
            column and row, in voxels.
        """
        height, width = picture.shape[:2]
        drawn = np.abs(picture.astype(int) - color).max(axis=2) < 40
        margin_y, margin_x = height // 10, (width - min(height, width)) // 2 + min(height, width) // 10
        inner = np.zeros_like(drawn)  # without the viewer's frame, icons and texts
        inner[margin_y : height - margin_y, margin_x : width - margin_x] = True
        rows, columns = np.nonzero(drawn & inner)
        assert len(rows) > 20, f"nothing is drawn in {color}"
        scale = min(height / shape[1], width / shape[0])
        middle = np.array([columns.min() + columns.max(), rows.min() + rows.max()]) / 2
        return (middle - [width / 2, height / 2]) / scale + (np.array(shape) - 1) / 2
