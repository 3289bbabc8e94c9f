# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Kills the real commands at their file operations, runs them again, and compares with the undisturbed result.

    python tests/torture/kills.py --state runs/torture [--full] [--seconds 120] [--only stoic]

One process imports everything, and forks a child for each try: a kill costs as long as the work, not as the imports.
What the preparations compute without writing, such as the lungs of a CT, is remembered from the undisturbed run.
What is done is kept as JSON lines in the state's folder; the same command goes on, unless the program has changed.
"""

from __future__ import annotations

import argparse
import csv
import functools
import gzip
import hashlib
import importlib
import io
import json
import os
import pickle
import pkgutil
import random
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}  # before PyTorch is loaded
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tools"), str(REPOSITORY / "tests")]

import compare_methods  # noqa: E402
import make_phantom  # noqa: E402
import nibabel as nib  # noqa: E402
import numpy as np  # noqa: E402
import pack_bundle  # noqa: E402
import prepare_data  # noqa: E402
import torch  # noqa: E402
import tqdm  # noqa: E402
from monai.bundle import ConfigParser  # noqa: E402
from PIL import Image  # noqa: E402
from torture.forked import FULL, KILL, TORN, Ended, forked  # noqa: E402
from torture.outcomes import Outcome  # noqa: E402

import ctan_monai  # noqa: E402
from ctan_monai.comparison import runner  # noqa: E402
from ctan_monai.data.openkbp import case as openkbp_case  # noqa: E402
from ctan_monai.data.prostate import case as prostate_case  # noqa: E402
from ctan_monai.data.stoic import case as stoic_case  # noqa: E402
from ctan_monai.networks.trunk import BACKBONES  # noqa: E402
from ctan_monai.packing import pack, predict  # noqa: E402
from ctan_monai.packing.packed_configs import packed_config  # noqa: E402

PART = "kills"
RECOVERED, REFUSED, FAULT = "recovered", "refused, recovered", "FAULT"
EXAMPLES = 3
_TIMES = ("commit", "command", "resume", "prepared", "made", "seconds", "time", "machine", "checkpoint_seconds",
          "training_seconds", "validation_seconds", "memory_mb", "peak_memory_mb", "training (s an epoch)",
          "validation (s a pass)")  # fmt: skip
_PICTURES = (".html", ".png", ".log")  # with times in them: they are there, and whole

Command = Callable[[], Any]


@dataclass(frozen=True)
class Scenario:
    """A command to be interrupted.

    Attributes:
        what: its name in the table.
        begin: makes the folder as it is before the command.
        command: that writes into the folder.
        check: after the interruption and before the next run: what is wrong with the folder, or None.
        sampled: how many of the operations are tried in a full run; None: each.
        full_disk: likewise, with a full disk in place of the kill.
        ignored: first parts of paths that may differ.
    """

    what: str
    begin: Callable[[Path], object]
    command: Callable[[Path], Command]
    check: Callable[[Path], str | None] = lambda folder: None
    sampled: int | None = None
    full_disk: int = 20
    ignored: tuple[str, ...] = ()


# data set -> patients, options of the preparation, options of the one that it replaces
DATASETS: dict[str, tuple[int, list[str], list[str]]] = {
    "ham10000": (21, ["--size", "32"], ["--size", "40"]),
    "openkbp": (3, [], []),
    "prostate": (3, ["--size", "32", "--spacing", "12", "12", "3"], ["--size", "32", "--spacing", "12", "12", "6"]),
    "stoic": (10, ["--size", "32", "--spacing", "12", "12", "20"], ["--size", "32", "--spacing", "10", "10", "20"]),
}


# functions that take most of the time and write nothing, and which of their arguments decide the result
_COMPUTED: tuple[tuple[Any, str, int], ...] = (
    (openkbp_case, "read_patient", 0),
    (openkbp_case, "body_mask", 0),
    (prostate_case, "_read_patient", 0),
    (prostate_case, "_to_network_grid", 0),
    (stoic_case, "lung_volume", 1),  # the last one names the image
)


def remember_computed(folder: Path) -> None:
    """Keep in a folder what :py:data:`_COMPUTED` return."""
    folder.mkdir(exist_ok=True)

    def remembered(function: Callable[..., Any], first: int) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            key = hashlib.sha256(pickle.dumps((function.__qualname__, arguments[first:]))).hexdigest()
            path = folder / key
            if path.is_file():
                return pickle.loads(path.read_bytes())
            result = function(*arguments)
            temporary = folder / f"{key}.{os.getpid()}"
            temporary.write_bytes(pickle.dumps(result))
            temporary.rename(path)
            return result

        return call

    for module, name, first in _COMPUTED:
        setattr(module, name, remembered(getattr(module, name), first))


def contents(folder: Path, ignored: Sequence[str] = ()) -> dict[str, str]:
    """Path to a digest of what lies in a folder, apart from times; empty folders, too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith(tuple(ignored)):
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                found[name] = "empty folder"
        elif path.name.startswith("events.out.tfevents"):
            found[str(Path(name).with_name("events.out.tfevents"))] = "there"
        else:
            found[name] = _digest(path)
    return found


def _digest(path: Path) -> str:
    if path.suffix in _PICTURES:
        return "there" if path.stat().st_size else "empty"
    if path.suffix == ".pt":
        return _tensors(torch.load(path, map_location="cpu", weights_only=True))
    data = path.read_bytes()
    if path.suffix == ".json":
        data = json.dumps(_without_times(json.loads(data))).encode()
    elif path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(data.decode())))
        data = json.dumps(_without_times(rows)).encode()
    elif path.suffix == ".md":
        data = re.sub(rb"\d{4}-\d\d-\d\d[^|\n]*|[\d.]+ (s|min|h)\b", b"", _without_time_columns(data.decode()))
    return hashlib.sha256(data).hexdigest()


def _without_time_columns(text: str) -> bytes:
    """Markdown without the cells of a table's columns of times."""
    lines: list[str] = []
    columns: list[int] = []
    for line in text.splitlines():
        cells = line.split("|")
        if not lines or not lines[-1].startswith("|"):
            columns = [i for i, cell in enumerate(cells) if cell.strip() in _TIMES]
        lines.append("|".join(cell for i, cell in enumerate(cells) if i not in columns))
    return "\n".join(lines).encode()


def _tensors(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return str({key: _tensors(item) for key, item in value.items() if key not in _TIMES})
    return str([_tensors(item) for item in value]) if isinstance(value, list | tuple) else str(value)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in _TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def vouched(folder: Path) -> str | None:
    """What is wrong with a data list: it is there, and a file is not as it says."""
    path = folder / "datalist.json"
    if not path.is_file():
        return None
    facts = json.loads(path.read_text())["files"]
    wrong = [
        name
        for name, fact in facts.items()
        if not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != fact["sha256"]
    ]
    return f"the list vouches for {wrong[:3]}, which differ" if wrong or not facts else None


class Kills:
    """The scenarios, and what was tried of them.

    Args:
        state: folder for the data that they need, and for what was found.
        seed: of the samples.
        only: regular expression of the names of the scenarios that are tried.
    """

    def __init__(self, state: Path, seed: int, only: str = "") -> None:
        self.state = state.resolve()
        self.state.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.only = only
        self.version = _version()
        self.record = self.state / "kills.jsonl"
        self.done: dict[tuple[str, str, int], dict[str, Any]] = {}
        for line in self.record.read_text().splitlines() if self.record.is_file() else []:
            entry = json.loads(line)
            if entry["version"] == self.version:
                self.done[entry["what"], entry["mode"], entry["point"]] = entry
        self.work = self.state / "work"

    # the material

    def path(self, name: str) -> Path:
        """A folder beside those that are watched."""
        return self.state / f"{name}_{self.version[:8]}"

    def made(self, name: str, make: Callable[[Path], Command]) -> Path:
        """What a command makes, once."""
        folder = self.path(name)
        if not folder.exists():
            temporary = folder.with_name(f"making_{name}")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            ended = forked(make(temporary), temporary)
            if ended.status:
                raise RuntimeError(f"{name}: exit status {ended.status}: {ended.text[-2000:]}")
            temporary.rename(folder)
        return folder

    def release(self, dataset: str, seed: int = 0) -> Path:
        """A phantom."""
        arguments = [dataset, "--patients", str(DATASETS[dataset][0]), "--seed", str(seed), "--output"]
        return self.made(f"release_{dataset}_{seed}", lambda out: lambda: make_phantom.main([*arguments, str(out)]))

    def prepare(self, dataset: str, seed: int = 0, former: bool = False, *more: str) -> Callable[[Path], Command]:
        """A preparation's command."""
        options = DATASETS[dataset][2 if former else 1]
        release = self.release(dataset, seed)

        def command(out: Path) -> Command:
            return lambda: prepare_data.main([dataset, "--source", str(release), "--output", str(out), *options, *more])

        return command

    def prepared(self, dataset: str, seed: int = 0, former: bool = False) -> Path:
        """A prepared phantom."""
        return self.made(f"prepared_{dataset}_{seed}{former}", self.prepare(dataset, seed, former))

    def scenarios(self) -> Iterator[Callable[[], Scenario]]:
        """All of them; each is made when it is needed."""
        for dataset in DATASETS:
            yield named(f"{dataset}, into an empty folder", functools.partial(self._preparation, dataset, False))
            yield named(f"{dataset}, over other data", functools.partial(self._preparation, dataset, True))

        yield named("training", self._training)
        yield named("prediction of photographs", self._photographs)
        yield named("prediction of photographs over another network's", self._photographs_again)
        yield named("prediction of CTs", self._cts)
        yield named("prediction of CTs over another network's", self._cts_again)
        yield named("packing", self._packing)
        yield named("packing over an older zip", self._packing_again)
        yield named("comparison", self._comparison)

    def _preparation(self, dataset: str, over: bool, what: str) -> Scenario:
        command = self.prepare(dataset)
        same = DATASETS[dataset][1] == DATASETS[dataset][2]
        begin: Callable[[Path], object] = Path.mkdir
        if over:
            former = self.prepared(dataset, int(same), not same)

            def begin(out: Path) -> None:
                shutil.copytree(former, out, copy_function=os.link)  # nothing is changed in place

        return Scenario(what, begin, command, vouched)

    def _training(self, what: str) -> Scenario:
        data = self.prepared("ham10000")
        return Scenario(what, Path.mkdir, lambda out: self._train(data, out, 0, 3), sampled=50, full_disk=10)

    @staticmethod
    def _train(data: Path, out: Path, seed: int, epochs: int) -> Command:
        configs = REPOSITORY / "bundles" / "ham10000" / "configs"
        files = [str(configs / name) for name in ("train.json", "smoke.json")]
        values = {**TINY, "dataset_dir": data, "output_dir": out, "max_epochs": epochs, "seed": seed, "resume": True}
        return lambda: bundle_command("training", files, values)

    def network(self, bundle: str, number: int) -> Path:
        """The unpacked bundle of the first or the second network."""
        if bundle == "ham10000":
            data = self.prepared(bundle)
            first = trained = self.made("trained_0", lambda out: self._train(data, out, 0, 1))
            if number:
                trained = self.made("trained_1", lambda out: lambda: opposite_masks(first, out))
        else:
            trained = self.made(f"weights_{number}", lambda out: lambda: random_weights(out, number))

        def unpacked(out: Path) -> Command:
            def command() -> int:
                status = pack_bundle.main(self._pack(bundle, trained, out / "packed.zip"))
                with zipfile.ZipFile(out / "packed.zip") as archive:
                    archive.extractall(out)
                return status

            return command

        return self.made(f"bundle_{bundle}_{number}", unpacked) / bundle

    @staticmethod
    def _pack(bundle: str, trained: Path, output: Path) -> list[str]:
        checkpoint = str(trained / "model.pt")
        return [bundle, "--checkpoint", checkpoint, "--output", str(output), "--half", "--formats"]

    def _packing(self, what: str) -> Scenario:
        trained = self.network("ham10000", 0) and self.path("trained_0")

        def command(out: Path) -> Command:
            return lambda: pack_bundle.main(self._pack("ham10000", trained, out / "packed.zip"))

        return Scenario(what, Path.mkdir, command, checked_zip, sampled=20, full_disk=5)

    def _packing_again(self, what: str) -> Scenario:
        former = self.network("ham10000", 1).parent

        def begin(out: Path) -> None:
            out.mkdir()
            for name in ("packed.zip", "packed.zip.sha256"):
                shutil.copy(former / name, out)

        first = self._packing(what)
        return Scenario(what, begin, first.command, checked_zip, sampled=20, full_disk=5)

    def images(self, bundle: str) -> Path:
        """Three inputs of a network."""
        if bundle == "ham10000":
            release = self.release(bundle)

            def make(out: Path) -> Command:
                photos = sorted(release.rglob("*.jpg"))[:3]
                return lambda: [shutil.copy(photo, out) for photo in photos] and 0

        else:

            def make(out: Path) -> Command:
                return lambda: [tiny_ct(out / f"patient_{number}.nii.gz", number) for number in range(2)] and 0

        return self.made(f"images_{bundle}", make)

    def results(self, bundle: str, number: int) -> Path:
        """What a network predicts."""
        return self.made(f"results_{bundle}_{number}", lambda out: self._predict(bundle, number, out))

    def _predict(self, bundle: str, number: int, out: Path) -> Command:
        network, images = self.network(bundle, number), self.images(bundle)
        arguments = ["--bundle", str(network), str(images), str(out), "--device", "cpu"]
        # 3: nothing of a phantom's result may be used, as the report says
        return lambda: 0 if (status := predict.main(arguments)) == 3 else status

    def _prediction(self, what: str, bundle: str, again: bool, check: Callable[[Path], str | None]) -> Scenario:
        number = int(again)
        self.network(bundle, number)
        begin: Callable[[Path], object] = Path.mkdir
        if again:
            former = self.results(bundle, 0)

            def begin(out: Path) -> None:
                shutil.copytree(former, out)

        return Scenario(
            what, begin, lambda out: self._predict(bundle, number, out), check, 40 if again else 25, 10, ("former",)
        )

    def _photographs(self, what: str) -> Scenario:
        return self._prediction(what, "ham10000", False, rows_fit_masks)

    def _photographs_again(self, what: str) -> Scenario:
        return self._prediction(what, "ham10000", True, rows_fit_masks)

    def _cts(self, what: str) -> Scenario:
        return self._prediction(what, "openkbp", False, lambda out: None)

    def _cts_again(self, what: str) -> Scenario:
        results = [self.results("openkbp", number) for number in (0, 1)]
        return self._prediction(what, "openkbp", True, lambda out: of_one_network(out, results))

    def _comparison(self, what: str) -> Scenario:
        data = self.prepared("ham10000")

        def command(out: Path) -> Command:
            values = [f"{k}={json.dumps(v)}" for k, v in (TINY | {"max_epochs": 1}).items() if k != "method"]
            smoke = REPOSITORY / "bundles" / "ham10000" / "configs" / "smoke.json"
            arguments = ["--bundle", "ham10000", "--dataset_dir", str(data), "--output", str(out), "--config_file",
                         str(smoke), "--methods", "HPS", "CTAN", "--set", *values]  # fmt: skip
            return lambda: compare_methods.main(arguments)

        return Scenario(what, Path.mkdir, command, sampled=40, full_disk=5)

    # the tries

    def wanted(self, scenario: Scenario) -> tuple[dict[str, str], Ended]:
        """What the undisturbed command leaves, and its operations."""
        path = self.path("wanted") / (re.sub(r"\W+", "_", scenario.what) + ".json")
        if path.is_file():
            stored = json.loads(path.read_text())
            return stored["contents"], Ended(**stored["ended"])
        ended = self._run(scenario, fresh=True)
        if ended.status:
            raise RuntimeError(f"{scenario.what}: exit status {ended.status}: {ended.text[-2000:]}")
        found = self._contents(scenario)
        assert not isinstance(found, str), found
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"contents": found, "ended": asdict(ended)}))
        return found, ended

    def _run(self, scenario: Scenario, mode: str = KILL, point: int = 0, fresh: bool = False) -> Ended:
        out = self.work / "out"
        if fresh:
            shutil.rmtree(self.work, ignore_errors=True)
            (self.work / "tmp").mkdir(parents=True)
            scenario.begin(out)
        return forked(scenario.command(out), self.work, mode, point)

    def _contents(self, scenario: Scenario) -> dict[str, str] | str:
        """Read in a process of its own where PyTorch reads: this one must stay without threads."""
        path = self.state / "contents.json"
        out = self.work / "out"

        def read() -> None:
            left = {f"temporary folder: {name}": text for name, text in contents(self.work / "tmp").items()}
            path.write_text(json.dumps({**contents(out, scenario.ignored), **left}))

        if not any(out.rglob("*.pt")):
            try:
                read()
            except (OSError, ValueError) as error:
                return str(error)
            return json.loads(path.read_text())
        ended = forked(read, self.state / "reading")
        return json.loads(path.read_text()) if ended.status == 0 else ended.text[-300:]

    def attempt(self, scenario: Scenario, mode: str, point: int) -> tuple[str, str]:
        """One interruption; returns the outcome and what was found."""
        wanted, _ = self.wanted(scenario)
        ended = self._run(scenario, mode, point, fresh=True)
        before = f"{mode} at operation {point} ({ended.last})"
        if mode == FULL:
            # 1: Python's own, of a bundle's command
            if ended.status not in (0, 1, 2):
                return FAULT, f"{before}: status {ended.status}: {ended.text[-300:]}"
            if ended.status and not _one_line(ended.text):
                return FAULT, f"{before}: not one line: {ended.text[-300:]}"
        elif ended.status != -signal.SIGKILL:
            return FAULT, f"{before}: ended otherwise, status {ended.status}"
        if wrong := scenario.check(self.work / "out"):
            return FAULT, f"{before}: {wrong}"
        again = self._run(scenario)
        outcome = RECOVERED
        if again.status == 2 and _one_line(again.text) and (remedy := self._remedy(again.text)):
            outcome = REFUSED
            remedy()
            again = self._run(scenario)
        if again.status or "Traceback" in again.text:
            return FAULT, f"{before}: not again, status {again.status}: {again.text[-300:]}"
        found = self._contents(scenario)
        if found != wanted:
            if isinstance(found, str):
                return FAULT, f"{before}: cannot be read: {found}"
            return FAULT, f"{before}: differs in {_differing(found, wanted)}"
        return outcome, before

    def _remedy(self, text: str) -> Command | None:
        """Do as a refusal says, where it names what to remove."""
        out = re.escape(str(self.work / "out"))
        named = re.search(rf"[Rr]emove ({out}/\S+?)[,;.]?(\s|$)", text)
        if named is None:
            return None
        path = Path(named[1])
        return lambda: shutil.rmtree(path) if path.is_dir() else path.unlink()

    def plan(self, scenario: Scenario, full: bool) -> list[tuple[str, int]]:
        """Interruptions of a scenario, in the order in which they are tried."""
        _, ended = self.wanted(scenario)
        order = random.Random(f"{self.seed} {scenario.what}")
        every = list(range(1, ended.operations + 1))
        # a file can be torn where the operation before opened it
        torn = [number + 1 for number in ended.opened if number < ended.operations]
        kills = [(KILL, number) for number in every] + [(TORN, number) for number in torn]
        if scenario.sampled is not None:
            kills = order.sample(kills, min(len(kills), scenario.sampled))
        disk = order.sample(every, min(len(every), scenario.full_disk))
        tries = kills + [(FULL, number) for number in disk]
        if not (full and scenario.sampled is None):
            order.shuffle(tries)
        return tries

    def run(self, seconds: float, full: bool, tries_left: int | None = None) -> list[Outcome]:
        """Try for a time, or all; the scenarios take turns, unless it is all."""
        end = time.monotonic() + seconds
        scenarios = [scenario for scenario in self.scenarios() if re.search(self.only, scenario.what)]
        left: dict[str, list[tuple[str, int]]] = {}
        made: dict[str, Scenario] = {}
        while scenarios and time.monotonic() < end and tries_left != 0:
            for make in list(scenarios):
                scenario = made.get(make.what) or made.setdefault(make.what, make())
                if scenario.what not in left:
                    left[scenario.what] = [
                        one for one in self.plan(scenario, full) if (scenario.what, *one) not in self.done
                    ]
                tries = left[scenario.what]
                for _ in range(len(tries) if full else min(1, len(tries))):
                    if time.monotonic() >= end or tries_left == 0:
                        break
                    self._note(scenario, *tries.pop(0))
                    tries_left = None if tries_left is None else tries_left - 1
                if not tries:
                    scenarios.remove(make)
        shutil.rmtree(self.work, ignore_errors=True)
        return self.outcomes()

    def _note(self, scenario: Scenario, mode: str, point: int) -> None:
        outcome, text = self.attempt(scenario, mode, point)
        entry = {"version": self.version, "what": scenario.what, "mode": mode, "point": point, "outcome": outcome,
                 "text": text.replace(str(self.state), "")}  # fmt: skip
        self.done[scenario.what, mode, point] = entry
        with self.record.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")
        if outcome == FAULT:
            print(f"{scenario.what}: {entry['text']}", file=sys.stderr)

    def outcomes(self) -> list[Outcome]:
        """The table's rows."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for entry in self.done.values():
            found[f"{entry['what']}: {entry['mode']}", entry["outcome"]].append(entry["text"])
        return [
            Outcome(PART, what, outcome, len(texts), texts[:EXAMPLES])
            for (what, outcome), texts in sorted(found.items())
        ]


# a network and images that take a second an epoch
TINY: dict[str, Any] = {"size": [32, 32], "backbone": "tiny", "method": "HPS", "batch_size": 16, "num_workers": 0}


def import_all() -> None:
    """What the commands import on their way, once and not in each child; and a network that is smaller than any."""
    for module in pkgutil.walk_packages(ctan_monai.__path__, "ctan_monai."):
        importlib.import_module(module.name)
    for name in ("ignite.handlers", "monai.engines", "monai.handlers", "matplotlib.pyplot", "torch.utils.tensorboard"):
        importlib.import_module(name)
    BACKBONES["tiny"] = ("basic", [2, 2, 2, 2], 1 / 16)


def bundle_command(run_id: str, files: Sequence[str], values: dict[str, Any]) -> int:
    """``python -m monai.bundle run`` in this process."""
    sys.argv = ["monai.bundle", "run", run_id, "--config_file", str(list(files))]
    for key, value in values.items():
        sys.argv += [f"--{key}", str(value)]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    return 0


class ForkedRun:
    """Stands for :py:class:`subprocess.Popen` in a comparison: its runs are forked, too, and their operations count."""

    def __init__(self, command: Sequence[str], stdout: Any, stderr: int, env: dict[str, str]) -> None:
        assert command[1:3] == ["-m", "monai.bundle"] and stderr == subprocess.STDOUT
        self.returncode: int | None = None
        self.child = os.fork()
        if not self.child:
            status = 1
            try:
                os.environ |= env
                for stream in (1, 2):
                    os.dup2(stdout.fileno(), stream)
                sys.argv = ["monai.bundle", *command[3:]]
                runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            finally:
                os._exit(status)

    def poll(self) -> int | None:
        """As in :py:mod:`subprocess`."""
        if self.returncode is None and (ended := os.waitpid(self.child, os.WNOHANG))[0]:
            self.returncode = os.waitstatus_to_exitcode(ended[1])
        return self.returncode

    def wait(self) -> None:
        """As in :py:mod:`subprocess`."""
        while self.poll() is None:
            time.sleep(0.02)

    def terminate(self) -> None:
        """As in :py:mod:`subprocess`."""
        os.kill(self.child, 15)


def remember_wheel(folder: Path) -> None:
    """Let packing build its wheel once: pip takes ten times as long as all else."""
    folder.mkdir(exist_ok=True)

    def build(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        wheels = Path(command[command.index("--wheel-dir") + 1])
        if not any(folder.iterdir()):
            done = subprocess.run(command, **options)
            for wheel in wheels.glob("*.whl"):
                shutil.copy(wheel, folder)
            return done
        wheels.mkdir(exist_ok=True)
        for wheel in folder.iterdir():
            shutil.copy(wheel, wheels)
        return subprocess.CompletedProcess(command, 0, "", "")

    pack.subprocess = SimpleNamespace(run=build)  # type: ignore[attr-defined]


def opposite_masks(source: Path, folder: Path) -> int:
    """A training's network, but for lesion and skin, which change their places."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    state = torch.load(folder / "model.pt", weights_only=True)
    *_, last = (name for name in state if "segmentation" in name and name.endswith("weight"))
    for name in (last, last.removesuffix("weight") + "bias"):
        state[name] = -state[name]
    torch.save(state, folder / "model.pt")
    return 0


def random_weights(folder: Path, seed: int) -> int:
    """A network for CTs that has not been trained, with the record of the one that comes with the repository."""
    bundle = REPOSITORY / "bundles" / "openkbp"
    shutil.copytree(bundle / "models" / "ctan_small", folder, dirs_exist_ok=True)
    record = json.loads((folder / "training.json").read_text())
    record["values"] |= {"method": "HPS", "backbone": "tiny"}
    (folder / "training.json").write_text(json.dumps(record))
    torch.manual_seed(seed)
    config = ConfigParser(packed_config(bundle / "configs" / "inference.json", record))
    torch.save(config.get_parsed_content("network_def").state_dict(), folder / "model.pt")
    return 0


def tiny_ct(path: Path, number: int) -> Path:
    """A block of water on 64 x 64 x 12 voxels."""
    array = np.full((64, 64, 12), -1000, np.int16)
    array[12:52, 12 : 50 - number] = 40
    nib.save(nib.Nifti1Image(array, np.diag([-7.8, -7.8, 3, 1])), path)
    return path


def checked_zip(folder: Path) -> str | None:
    """A zip that is there is whole, and its SHA-256 is its own."""
    path, digest = folder / "packed.zip", folder / "packed.zip.sha256"
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return "the zip is damaged"
    if digest.is_file():
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no zip"
        if digest.read_text().split()[0] != found:
            return "the SHA-256 is another zip's"
    return None


def rows_fit_masks(folder: Path) -> str | None:
    """Each row of the table is about the mask beside it."""
    path = folder / "predictions.csv"
    for row in csv.DictReader(io.StringIO(path.read_text())) if path.is_file() else []:
        mask = folder / f"{row['case_id']}_segmentation.png"
        if not mask.is_file():
            return f"{row['case_id']} has a row and no mask"
        with Image.open(mask) as image:
            percent = round(float(100 * (np.asarray(image) > 0).mean()), 3)
        if percent != float(row["lesion_percent"]):
            return f"{row['case_id']} has a row of weights {row['weights_sha256']} and another network's mask"
    return None


def of_one_network(folder: Path, results: Sequence[Path]) -> str | None:
    """All files of a case that lie side by side are one network's."""
    for case in {path.name.split("_segmentation")[0] for path in results[0].glob("*_segmentation.nii.gz")}:
        found = []
        for path in folder.glob(f"{case}_*.nii.gz"):
            data = path.read_bytes()
            found.append([data == (one / path.name).read_bytes() for one in results])
        report = folder / f"{case}_report.json"
        if report.is_file():
            weights = json.loads(report.read_text())["weights_sha256"]
            found.append([weights == json.loads((one / report.name).read_text())["weights_sha256"] for one in results])
        if found and not any(map(all, zip(*found, strict=True))):
            return f"{case} has files of two networks"
    return None


@dataclass(frozen=True)
class named:
    """A scenario that is yet to be made."""

    what: str
    make: Callable[[str], Scenario]

    def __call__(self) -> Scenario:
        """Make it."""
        return self.make(self.what)


def _one_line(text: str) -> bool:
    """Whether one line says what is wrong, without a traceback."""
    return len(re.findall(r"^error: ", text, flags=re.M)) == 1 and "Traceback" not in text


def _differing(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    kinds = {name: "is missing" for name in wanted.keys() - found.keys()}
    kinds |= {name: "is left over" for name in found.keys() - wanted.keys()}
    kinds |= {name: "differs" for name in found.keys() & wanted.keys() if found[name] != wanted[name]}
    return [f"{name} {kind}" for name, kind in sorted(kinds.items())][:4]


def _version() -> str:
    digest = hashlib.sha256()
    for folder in ("ctan_monai", "tools", "bundles"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.suffix in (".py", ".json", ".j2"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def run(state: Path, seed: int, seconds: float, full: bool, only: str = "", tries: int | None = None) -> list[Outcome]:
    """Interrupt the commands.

    Args:
        state: folder that is made; what is done is kept there.
        seed: of the samples.
        seconds: after which no further try begins.
        full: each operation of the preparations and all samples of the others; otherwise in turns, in random order.
        only: regular expression of the names of the scenarios; empty: all.
        tries: how many of them this call makes at most; None: all that the time allows.

    Returns:
        what is known so far, of earlier calls, too.
    """
    os.fsync = lambda handle: None  # type: ignore[assignment] # a kill, unlike a power cut, loses nothing written
    sys.dont_write_bytecode = True
    tqdm.tqdm.monitor_interval = 0  # no thread
    tqdm.tqdm.set_lock(threading.RLock())  # its own is shared between processes, and a killed child may hold it
    kills = Kills(state, seed, only)
    import_all()
    remember_computed(kills.path("computed"))
    remember_wheel(kills.path("wheel"))
    runner.subprocess = SimpleNamespace(Popen=ForkedRun, STDOUT=subprocess.STDOUT)  # type: ignore[attr-defined]
    runner._POLL_SECONDS = 0.02
    tempfile.tempdir = str(kills.work / "tmp")
    os.environ["TMPDIR"] = tempfile.tempdir
    return kills.run(seconds, full, tries)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; the exit status says whether there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="folder of what is done")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--tries", type=int, help="kills at most, in this call (default: all)")
    parser.add_argument("--full", action="store_true", help="each operation, not a sample")
    parser.add_argument("--only", default="", help="regular expression of scenarios' names")
    options = parser.parse_args(arguments)
    rows = run(options.state, options.seed, options.seconds, options.full, options.only, options.tries)
    for row in rows:
        print(f"{row.count:5} {row.outcome:20} {row.what}")
    print(f"{sum(row.count for row in rows):5} in all")
    return int(any(row.outcome == FAULT for row in rows))


if __name__ == "__main__":
    sys.exit(main())
