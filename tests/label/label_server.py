# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A real MONAI Label server of this machine, for one test run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from support import REPOSITORY

START_SECONDS = 300
LABEL = [sys.executable, "-m", "monailabel.main"]


class LabelServer:
    """Starts ``monailabel start_server`` with local bundles; a context manager.

    Args:
        app: copy of the monaibundle app; the bundles are in its ``model`` folder.
        studies: folder of the images.
        models: names of the bundles.
        log: file for what the server prints.
    """

    def __init__(self, app: Path, studies: Path, models: Sequence[str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.command = [
            *LABEL, "start_server", "--app", str(app), "--studies", str(studies), "--host", "127.0.0.1",
            "--port", str(self.port), "--conf", "models", ",".join(models), "--conf", "zoo_source", "ngc",
            "--conf", "sam2", "false",
        ]  # fmt: skip

    def __enter__(self) -> LabelServer:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=self.log.parent
            )
        started = time.monotonic()
        while time.monotonic() - started < START_SECONDS:
            if self.process.poll() is not None:
                break
            try:
                requests.get(f"{self.url}/info/", timeout=60).raise_for_status()
                return self
            except requests.ConnectionError:
                time.sleep(0.5)
        self.__exit__()
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-5000:]}")

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        answer = requests.get(f"{self.url}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def infer(self, model: str, image: str, output: str, params: Mapping[str, Any] | None = None) -> requests.Response:
        """Asks for a prediction; ``image`` is an id of the studies or a path."""
        return requests.post(
            f"{self.url}/infer/{model}",
            params={"image": image, "output": output},
            data={"params": json.dumps(dict(params or {}))},
            timeout=600,
        )

    def train(self, model: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Starts a training, waits for its end, and returns its status: "status" and "details", lines of its log."""
        requests.post(f"{self.url}/train/{model}", json=dict(params), timeout=60).raise_for_status()
        while True:
            status = self.get("/train/")
            if status["status"] in ("DONE", "ERROR"):
                return dict(status)
            time.sleep(1)
