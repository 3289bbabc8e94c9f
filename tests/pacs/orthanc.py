# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Orthanc, a PACS, started for a test: DICOM and DICOMweb for this machine alone."""

from __future__ import annotations

import email
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

# Where a Debian package's files lie: "/", or a folder into which "dpkg -x" unpacked it
ROOT = Path(os.environ.get("CTAN_ORTHANC_ROOT", "/"))
CALLER = "TESTS"  # the AE title that may call, beside another Orthanc


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return int(it.getsockname()[1])


class Orthanc:
    """A server with an empty archive.

    Args:
        folder: for its archive, configuration and log; made here.
        stable_age: seconds without a new instance after which a series is stable.

    Attributes:
        aet: its AE title.
        dicom_port: of C-STORE and C-FIND.
        url: of its REST API.
        web: of DICOMweb.
    """

    aet = "ORTHANC"

    def __init__(self, folder: Path, stable_age: int = 2) -> None:
        self.dicom_port, self.http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.web = f"{self.url}/dicom-web"
        self.log = folder / "orthanc.log"
        folder.mkdir(parents=True, exist_ok=True)
        known = {CALLER: free_port(), self.aet: free_port()}
        configuration = {
            "StorageDirectory": str(folder / "archive"),
            "IndexDirectory": str(folder / "archive"),
            "Plugins": [str(ROOT / "usr/share/orthanc/plugins/libOrthancDicomWeb.so")],
            "Locale": "C.UTF-8",
            "DicomAet": self.aet,
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,  # HTTP
            # DICOM: Debian's version listens on every interface, but takes only these titles from this address
            "DicomCheckModalityHost": True,
            "DicomAlwaysAllowEcho": False,
            "DicomAlwaysAllowStore": False,
            "DicomModalities": {title: [title, "127.0.0.1", port] for title, port in known.items()},
            "StableAge": stable_age,
        }
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(json.dumps(configuration, indent=1))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Orthanc:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        libraries = [str(ROOT / "usr/lib" / f"{os.uname().machine}-linux-gnu"), os.environ.get("LD_LIBRARY_PATH", "")]
        environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}
        if dictionaries := sorted(ROOT.glob("usr/share/libdcmtk*/dicom.dic")):
            environment["DCMDICTPATH"] = str(dictionaries[-1])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [ROOT / "usr/sbin/Orthanc", self._configuration], env=environment, stdout=log, stderr=log
            )
        end = time.monotonic() + 60
        while True:
            try:
                self.get("/system")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"Orthanc did not start: {self.log.read_text()[-3000:]}") from None
                time.sleep(0.1)

    def stop(self, kill: bool = False) -> None:
        """Ends it; ``kill``: at once, as when the machine fails."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self._process.wait(60)
            self._process = None

    def request(self, url: str, body: bytes | None = None, **headers: str) -> bytes:
        """What a GET, or with a body a POST, returns; headers by their names with ``_`` for ``-``."""
        request = urllib.request.Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return bytes(answer.read())

    def get(self, path: str) -> Any:
        """What the REST API returns, read from JSON."""
        return json.loads(self.request(self.url + path))

    def qido(self, path: str) -> list[dict[str, Any]]:
        """What QIDO-RS finds, as DICOM JSON."""
        found = self.request(f"{self.web}/{path}", Accept="application/dicom+json")
        return list(json.loads(found)) if found else []

    def stow(self, files: list[Path]) -> dict[str, Any]:
        """Stores files by STOW-RS; returns the answer."""
        mark = uuid4().hex
        head = f"--{mark}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join(head + file.read_bytes() + b"\r\n" for file in files) + f"--{mark}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={mark}'
        answer = self.request(f"{self.web}/studies", body, Content_Type=kind, Accept="application/dicom+json")
        return dict(json.loads(answer))

    def wado(self, path: str) -> list[bytes]:
        """The DICOM files that WADO-RS returns of a study, series or instance, as they were stored."""
        kind = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        request = urllib.request.Request(f"{self.web}/{path}", headers={"Accept": kind})
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode() + answer.read()
        parts = email.message_from_bytes(text).get_payload()
        assert isinstance(parts, list)
        return [bytes(part.get_payload(decode=True)) for part in parts]
