# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Answers as Orthanc 1.10 does, for what a node asks; "make pacs-test" runs the node with Orthanc itself."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def identifier(*uids: str) -> str:
    """As Orthanc makes it: a hash, in five groups."""
    digest = hashlib.sha1("|".join(uids).encode()).hexdigest()
    return "-".join(digest[i : i + 8] for i in range(0, 40, 8))


class OrthancDouble(ThreadingHTTPServer):
    """A server on 127.0.0.1.

    Attributes:
        series: identifier to what ``/series/<id>`` answers.
        stable: whether studies are.
        stored: bodies of ``/instances``, each once.
        archives: the series of each archive that was asked for.
        sent: (destination's AE title, instances) of each store.
        refuse: paths that are answered by 500, and AE titles whose store fails.
        on_request: called with each path.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.series: dict[str, dict[str, Any]] = {}
        self.stable = True
        self.stored: list[bytes] = []
        self.archives: list[list[str]] = []
        self.sent: list[tuple[str, list[str]]] = []
        self.modalities: dict[str, Any] = {}
        self.refuse: set[str] = set()
        self.changes: list[dict[str, Any]] = []
        self.on_request: Callable[[str], None] = lambda path: None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def receive(self, uid: str, modality: str = "CT", study: str = "1.2", slices: int = 3, maker: str = "V") -> str:
        """A series arrives, or more of it; returns its identifier."""
        name = identifier(study, uid)
        self.series[name] = {
            "ID": name,
            "MainDicomTags": {"Modality": modality, "SeriesInstanceUID": uid, "Manufacturer": maker},
            "ParentStudy": study,
            "Instances": [f"{uid}.{number}" for number in range(slices)],
        }
        for kind in ("NewSeries", "StableSeries"):
            self.changes.append({"ChangeType": kind, "ID": name, "Seq": len(self.changes) + 1})
        return name


class _Handler(BaseHTTPRequestHandler):
    server: OrthancDouble

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, content: Any, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refused(self) -> bool:
        self.server.on_request(self.path)
        if any(self.path.startswith(path) for path in self.server.refuse):
            self._send({"Message": "Internal error"}, 500)
            return True
        return False

    def do_GET(self) -> None:
        if self._refused():
            return
        it = self.server
        path, _, query = self.path.partition("?")
        parts = path.strip("/").split("/")
        if path == "/changes":
            since = int(dict(part.partition("=")[::2] for part in query.split("&")).get("since", len(it.changes)))
            self._send({"Changes": it.changes[since:], "Last": len(it.changes), "Done": True})
        elif path == "/series":
            self._send(list(it.series))
        elif parts[0] == "series" and parts[1] in it.series:
            self._send({**it.series[parts[1]], "IsStable": it.stable})
        elif parts[0] == "studies" and parts[2:] == ["series"]:
            self._send([one for one in it.series.values() if one["ParentStudy"] == parts[1]])
        elif parts[0] == "studies":
            self._send({"MainDicomTags": {"StudyInstanceUID": parts[1]}, "IsStable": it.stable})
        else:
            self._send({"Message": "Unknown resource"}, 404)

    def do_POST(self) -> None:
        body, it = self._body(), self.server
        if self._refused():
            return
        if self.path == "/tools/create-archive":
            it.archives.append(json.loads(body))
            self._send(b"zip")
        elif self.path == "/instances":
            if body not in it.stored:
                it.stored.append(body)
            self._send({"ID": identifier(body.decode()), "Status": "Success"})
        else:
            modality = it.modalities[self.path.split("/")[2]]
            if modality["AET"] in it.refuse:
                self._send({"Message": "Error in the network protocol"}, 500)
            else:
                it.sent.append((modality["AET"], json.loads(body)["Resources"]))
                self._send({"FailedInstancesCount": 0})

    def do_PUT(self) -> None:
        name, body = self.path.split("/")[2], self._body()
        if not re.fullmatch("[A-Za-z0-9_-]+", name):
            self._send({"Message": "Bad file format"}, 400)
            return
        self.server.modalities[name] = json.loads(body)
        self._send({})

    def log_message(self, *_: object) -> None:
        """Be silent."""
