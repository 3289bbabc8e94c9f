# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A node predicts each series once, sends until all has arrived, and goes on after it was killed at any place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from orthanc_double import OrthancDouble

from ctan_monai.node import Destination, Ledger, Node, Orthanc, PredictSeries
from ctan_monai.node.command import main
from ctan_monai.utils.errors import DataError

PACS = Destination("PACS", "192.0.2.7", 104)
SECOND = Destination("SECOND", "192.0.2.8", 104)


class Killed(BaseException):
    """The process ends here."""


class Prediction:
    """Writes two results and the report of a series; counts how often."""

    def __init__(self) -> None:
        self.series: list[str] = []
        self.bad: set[str] = set()
        self.killed_before_report = self.killed_after_report = False
        self.unusable: set[str] = set()

    def __call__(self, source: Path, series: str, results: Path, log: Path, lock: int) -> str:
        assert source.read_bytes() == b"zip"
        if (results / "CT_report.json").is_file():
            return ""
        self.series.append(series)
        if series in self.bad:
            raise DataError(f"{series} cannot be used")
        results.mkdir(exist_ok=True)
        if series not in self.unusable:
            for kind in ("rtstruct", "rtdose"):
                (results / f"CT_{kind}.dcm").write_text(f"{kind} of {series}")
        if self.killed_before_report:
            raise Killed
        (results / "CT_report.json").write_text("{}")
        if self.killed_after_report:
            raise Killed
        return "NOT USABLE" if series in self.unusable else ""


@pytest.fixture
def orthanc() -> Iterator[OrthancDouble]:
    with OrthancDouble() as it:
        yield it


@pytest.fixture
def prediction() -> Prediction:
    return Prediction()


def node(orthanc: OrthancDouble, folder: Path, prediction: Prediction, *destinations: Destination) -> Node:
    return Node(Orthanc(orthanc.url), Ledger(folder), prediction, destinations, attempts=3, pause=0)


def states(folder: Path) -> dict[str, str]:
    return {entry.series: entry.state for entry in Ledger(folder).entries()}


def test_each_series_is_predicted_once_and_sent(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    orthanc.receive("1.2.1")
    orthanc.receive("1.2.2", study="1.3")
    it = node(orthanc, tmp_path, prediction, PACS)
    it.run(once=True)
    assert sorted(prediction.series) == ["1.2.1", "1.2.2"]
    results = [f"{kind} of {uid}".encode() for uid in ("1.2.1", "1.2.2") for kind in ("rtdose", "rtstruct")]
    assert sorted(orthanc.stored) == sorted(results)
    assert [title for title, _ in orthanc.sent] == ["PACS", "PACS"] and len(set(map(str, orthanc.sent))) == 2
    assert list(orthanc.modalities.values()) == [{"AET": "PACS", "Host": "192.0.2.7", "Port": 104}]

    orthanc.receive("1.2.1")  # sent once more
    it.run(once=True)
    node(orthanc, tmp_path, prediction, PACS).run(once=True)  # started once more
    assert len(prediction.series) == 2 and len(orthanc.sent) == 2
    assert set(states(tmp_path).values()) == {"sent"}


def test_what_is_sent_later_is_found(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    it = node(orthanc, tmp_path, prediction)
    it.run(once=True)
    orthanc.receive("1.2.1")
    it.run(once=True)
    assert states(tmp_path) == {"1.2.1": "sent"}
    orthanc.changes.clear()  # another archive in its place, whose numbers begin anew
    orthanc.series.clear()
    orthanc.receive("1.2.9", study="1.9")
    orthanc.changes[1:] = []
    it.run(once=True)
    assert states(tmp_path) == {"1.2.1": "sent", "1.2.9": "sent"}


def test_a_bad_series_stops_no_other(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        orthanc.receive(uid)
    prediction.bad = {"1.2.2"}
    node(orthanc, tmp_path, prediction).run(once=True)
    assert states(tmp_path) == {"1.2.1": "sent", "1.2.2": "failed", "1.2.3": "sent"}
    assert prediction.series.count("1.2.2") == 3
    [failed] = [entry for entry in Ledger(tmp_path).entries() if entry.state == "failed"]
    assert failed.reason == "1.2.2 cannot be used"


def test_only_cts_of_stable_studies_are_taken(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    ct = orthanc.receive("1.2.1")
    orthanc.receive("1.2.2", "MR")
    plan = orthanc.receive("1.2.3", "RTSTRUCT")
    orthanc.receive("1.2.4", "RTSTRUCT", maker="ctan-monai")
    orthanc.stable = False
    it = node(orthanc, tmp_path, prediction)
    it.discover()
    assert states(tmp_path) == {}
    orthanc.stable = True
    it.run(once=True)
    assert states(tmp_path) == {"1.2.1": "sent"}
    assert orthanc.archives == [[ct, plan]], "the structure set may hold targets; our own results do not"


def test_more_slices_after_the_prediction_are_told(
    orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path
) -> None:
    orthanc.receive("1.2.1", slices=30)
    it = node(orthanc, tmp_path, prediction)
    it.run(once=True)
    orthanc.receive("1.2.1", slices=60)
    it.run(once=True)
    [entry] = Ledger(tmp_path).entries()
    assert (entry.state, len(prediction.series)) == ("changed", 1)
    assert "30 slices" in entry.reason and "60" in entry.reason

    assert main(["--state", str(tmp_path), "--again", "1.2.1"]) == 0
    node(orthanc, tmp_path, prediction).run(once=True)
    assert states(tmp_path) == {"1.2.1": "sent"} and len(prediction.series) == 2


def test_sending_is_tried_until_all_have_it(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    orthanc.receive("1.2.1")
    orthanc.refuse = {"SECOND"}
    it = node(orthanc, tmp_path, prediction, PACS, SECOND)
    with Ledger(tmp_path / "lock").lock() as lock:
        it.discover()
        for _ in range(6):  # more than a prediction's attempts
            assert it.work(lock.fileno())
        assert states(tmp_path) == {"1.2.1": "predicted"}
        assert [title for title, _ in orthanc.sent] == ["PACS"]
        orthanc.refuse = set()
        it.work(lock.fileno())
    assert [title for title, _ in orthanc.sent] == ["PACS", "SECOND"]
    assert states(tmp_path) == {"1.2.1": "sent"} and len(prediction.series) == 1


@pytest.mark.parametrize("path", ["/tools/create-archive", "/instances", "/series/", "/studies/", "/changes"])
def test_orthanc_fails_and_comes_back(
    path: str, orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path
) -> None:
    orthanc.receive("1.2.1")
    orthanc.refuse = {path}
    tried = 0

    def come_back(asked: str) -> None:
        nonlocal tried
        tried += asked.startswith(path)
        if tried > 5:
            orthanc.refuse = set()

    orthanc.on_request = come_back
    it = node(orthanc, tmp_path, prediction)
    for _ in range(8):
        try:
            it.run(once=True)
        except DataError:
            continue
    assert tried > 5
    assert states(tmp_path) == {"1.2.1": "sent"} and len(prediction.series) == 1 and len(orthanc.stored) == 2


@pytest.mark.parametrize("place", ["before the report", "after the report", "/instances", "/modalities", "/tools"])
def test_killed_between(place: str, orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    for uid in ("1.2.1", "1.2.2"):
        orthanc.receive(uid)
    prediction.killed_before_report = place == "before the report"
    prediction.killed_after_report = place == "after the report"
    it = node(orthanc, tmp_path, prediction, PACS)
    client = it._orthanc

    def request(method: str, path: str, body: bytes | None = None) -> bytes:
        answer = Orthanc.request(client, method, path, body)
        if place in path:  # what was asked for is done, and the node does not learn of it
            raise Killed
        return answer

    client.request = request  # type: ignore[method-assign]
    with pytest.raises(Killed):
        it.run(once=True)
    prediction.killed_before_report = prediction.killed_after_report = False
    node(orthanc, tmp_path, prediction, PACS).run(once=True)
    assert states(tmp_path) == {"1.2.1": "sent", "1.2.2": "sent"}
    assert len(orthanc.stored) == 4
    assert {title for title, _ in orthanc.sent} == {"PACS"}
    assert len(prediction.series) == (3 if place == "before the report" else 2)


def test_nothing_is_sent_of_what_is_withheld(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    orthanc.receive("1.2.1")
    prediction.unusable = {"1.2.1"}
    node(orthanc, tmp_path, prediction, PACS).run(once=True)
    [entry] = Ledger(tmp_path).entries()
    assert (entry.state, entry.reason) == ("withheld", "NOT USABLE")
    assert orthanc.stored == [] and orthanc.sent == []


def test_deleted_before_its_turn(orthanc: OrthancDouble, prediction: Prediction, tmp_path: Path) -> None:
    name = orthanc.receive("1.2.1")
    it = node(orthanc, tmp_path, prediction)
    it.discover()
    del orthanc.series[name]
    it.run(once=True)
    assert states(tmp_path) == {"1.2.1": "failed"} and prediction.series == []


def test_a_prediction_is_a_process_with_its_own_end(tmp_path: Path) -> None:
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "configs" / "inference.json").write_text("{}")
    predict, log = PredictSeries(tmp_path / "bundle"), tmp_path / "log"
    results = tmp_path / "results"
    with (tmp_path / "lock").open("w") as lock:
        with pytest.raises(DataError, match=r"exit status 2: .*checksums\.json"):
            predict(tmp_path / "a.zip", "1.2", results, log, lock.fileno())
        with pytest.raises(DataError, match=r"no result after 0 s"):
            PredictSeries(tmp_path / "bundle", timeout=0.01)(tmp_path / "a", "1", results, log, lock.fileno())
        results.mkdir()
        (results / "CT_report.json").write_text(json.dumps({"usable": False, "unusable_because": "a pelvis"}))
        assert predict(tmp_path / "a.zip", "1.2", results, log, lock.fileno()) == "a pelvis"


@pytest.mark.parametrize("text", ["PACS", "PACS@host", "@host:104", "A" * 17 + "@host:104", "PACS@host:0", "P@h:99999"])
def test_destinations_that_are_none(text: str) -> None:
    with pytest.raises(DataError, match="expected AET@HOST:PORT"):
        Destination.parse(text)


def test_a_destination() -> None:
    assert Destination.parse("PACS@192.0.2.7:104") == PACS and str(PACS) == "PACS@192.0.2.7:104"


def test_one_line_for_what_cannot_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", str(tmp_path / "state"), "--once"]
    assert main([*state, "--bundle", str(tmp_path)]) == 2
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.json").write_text("{}")
    bundle = [*state, "--bundle", str(tmp_path)]
    assert main([*bundle, "--orthanc", "localhost:8042"]) == 2
    assert main([*bundle, "--orthanc", "http://127.0.0.1:9"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "not a bundle's folder" in lines[0] and "http://127.0.0.1:8042" in lines[1] and "127.0.0.1:9" in lines[2]


def test_two_nodes_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger(tmp_path).lock():
        assert main(["--state", str(tmp_path), "--again", "1.2"]) == 2
        assert "Stop it first" in capsys.readouterr().err
    assert main(["--state", str(tmp_path), "--again", "1.2"]) == 2
    assert "no such series" in capsys.readouterr().err


def test_a_damaged_record_is_named_and_stops_no_other(
    orthanc: OrthancDouble, tmp_path: Path, prediction: Prediction, caplog: pytest.LogCaptureFixture
) -> None:
    name = orthanc.receive("1.2.1")
    orthanc.receive("1.2.2")
    (tmp_path / name).mkdir()
    (tmp_path / name / "series.json").write_text('{"id": ')
    node(orthanc, tmp_path, prediction).run(once=True)
    assert f"{name}/series.json" in caplog.text
    assert states(tmp_path) == {"1.2.2": "sent"}


@pytest.mark.parametrize("name", ["../../etc", "", "..", "0" * 44])
def test_identifiers_are_no_paths(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        Ledger(tmp_path).path(name)
