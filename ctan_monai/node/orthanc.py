# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The part of Orthanc's REST API that a node needs."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_atomic

__all__ = ["Destination", "Orthanc", "OrthancError"]

_DESTINATION = re.compile(r"(?P<aet>[\x21-\x5b\x5d-\x7e]{1,16})@(?P<host>[^@:/\s]+):(?P<port>\d{1,5})")


class OrthancError(Exception):
    """Orthanc does not answer, or refuses; ``missing``: it no longer has what was asked for."""

    def __init__(self, message: str, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class Destination:
    """Where results are sent by C-STORE.

    Attributes:
        aet: AE title.
        host: name or address.
        port: of DICOM.
    """

    aet: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Destination:
        """From ``AET@HOST:PORT``.

        Raises:
            DataError: the text has another form.
        """
        found = _DESTINATION.fullmatch(text)
        if found is None or not 0 < int(found["port"]) < 65536:
            raise DataError(f"--send-to {text}: expected AET@HOST:PORT with an AE title of at most 16 characters.")
        return cls(found["aet"], found["host"], int(found["port"]))

    def __str__(self) -> str:
        return f"{self.aet}@{self.host}:{self.port}"


class Orthanc:
    """Client of an Orthanc server, 1.10 or later.

    Args:
        url: such as ``http://127.0.0.1:8042``.
        user: of its HTTP server, where it asks for one.
        password: of the user.
        timeout: seconds without an answer after which a request has failed.

    Raises:
        DataError: the URL has another form.
    """

    def __init__(self, url: str, user: str = "", password: str = "", timeout: float = 300) -> None:
        if not re.match(r"https?://[^/\s]", url):
            raise DataError(f"--orthanc {url}: expected an address such as http://127.0.0.1:8042.")
        self.url, self._timeout = url.rstrip("/"), timeout
        self._headers = {}
        if user:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request; returns what is answered.

        Raises:
            OrthancError: there is no answer, or another than success.
        """
        request = urllib.request.Request(self.url + path, body, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read(300).decode(errors="replace")
            reason = " ".join(re.findall(r'"(?:Message|Details)"\s*:\s*"([^"]*)"', text)) or error.reason
            raise OrthancError(f"Orthanc refuses {method} {path}: {error.code} {reason}", error.code == 404) from error
        except (OSError, http.client.HTTPException) as error:
            raise OrthancError(f"Orthanc does not answer at {self.url}: {error}") from error

    def get(self, path: str) -> Any:
        """What is at a path, read from JSON."""
        return _json(self.request("GET", path))

    def post(self, path: str, content: Any) -> Any:
        """The answer to JSON that is sent, read from JSON."""
        return _json(self.request("POST", path, json.dumps(content).encode()))

    def download(self, series: list[str], file: Path) -> None:
        """Write a zip with all files of the series.

        Args:
            series: Orthanc's identifiers.
            file: written whole, or not at all.
        """
        write_atomic(file, self.request("POST", "/tools/create-archive", json.dumps(series).encode()))

    def upload(self, file: Path) -> str:
        """Store a DICOM file; one that is there already stays.

        Returns:
            Orthanc's identifier of the instance.
        """
        return str(_json(self.request("POST", "/instances", file.read_bytes()))["ID"])

    def send(self, instances: list[str], destination: Destination) -> None:
        """C-STORE instances to a destination, and wait for its answers.

        Raises:
            OrthancError: not all were taken.
        """
        # Orthanc allows letters, digits, "-" and "_"; the same destination has the same name
        name = "ctan-monai-" + hashlib.sha256(str(destination).encode()).hexdigest()[:16]
        modality = {"AET": destination.aet, "Host": destination.host, "Port": destination.port}
        self.request("PUT", f"/modalities/{name}", json.dumps(modality).encode())
        answer = self.post(f"/modalities/{name}/store", {"Resources": instances, "Synchronous": True})
        if failed := int(answer.get("FailedInstancesCount", 0)):
            raise OrthancError(f"{destination} did not take {failed} of {len(instances)} files")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise OrthancError("another program than Orthanc answers: expected JSON") from error
