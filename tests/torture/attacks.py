# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Hostile inputs: code where data belong, archives that leave their folder, bombs, formulas, terminal sequences.

Attacks that the tests hold already are run as tests (:py:data:`TESTS`); those here need more time or memory, or join
several readers. Each one runs in a forked process with bounds of time and memory, and in a folder of its own; whatever
it writes outside of that folder's ``work`` is a fault.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import pickle
import random
import re
import resource
import shutil
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import torch
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless
from torch import nn
from torture.outcomes import Outcome

from ctan_monai.bundle import load_weights
from ctan_monai.data import read_datalist
from ctan_monai.data.ham10000.release import find_release
from ctan_monai.data.prostate.prepare import _case_ids
from ctan_monai.dicom import find_rt_patients, write_ct_series
from ctan_monai.inference.ct_inputs import find_inputs
from ctan_monai.inference.photo_inputs import find_images
from ctan_monai.inference.results_folder import ResultsFolder
from ctan_monai.transforms import CTReader
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import csv_text, write_json

__all__ = ["run"]

REPOSITORY = Path(__file__).resolve().parents[2]
# name -> tests of that kind of attack
TESTS = {
    "names, records and values as code": ("tests/bundle/test_names.py",),
    "archives that leave their folder": ("tests/utils/test_zips.py",),
    "bombs": ("tests/robust/test_bounds.py",),
    "MetaImage headers that name other files, or claim more than there is": ("tests/imaging/test_metaimage.py",),
    "markup and formulas in names": ("tests/robust/test_names_and_tables.py", "tests/reports/test_patient_page.py",
                                     "tests/reports/test_radiotherapy_report.py"),
    "JSON of another structure": ("tests/robust/test_damaged_json.py",),
}  # fmt: skip
SECONDS, BYTES = 120, 3 << 30  # of a processor, and of memory, for one attack
EVIL = ("=1+1", "+1+1", "-1+cmd", "@SUM(1)", "\t=1", "\r=1", "$import_os", "@network", "%a::b", "#x", "$(touch pwned)",
        "`touch pwned`", "; touch pwned", "{{7*7}}", "<script>alert(1)</script>", "a\x1b]0;evil\x07", "\x1b[2J",
        "\u202egnp.exe", "~root", "..", "%s%n", "x" * 150)  # fmt: skip
AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3, 0, -40], [0, 0, 5, 100.5], [0, 0, 0, 1]])
Attack = Callable[[Path], str]


def run(state: Path, seed: int, seconds: float, full: bool) -> list[Outcome]:
    """Attacks the package.

    Args:
        state: folder that is made; what is done is kept there.
        seed: of the order.
        seconds: after which no further attack begins.
        full: the tests too; otherwise the attacks that are here.

    Returns:
        what is known so far, of earlier calls, too.
    """
    end = time.monotonic() + seconds
    state.mkdir(parents=True, exist_ok=True)
    record = state / "attacks.json"
    done: dict[str, Any] = json.loads(record.read_text()) if record.is_file() else {}
    order = list(ATTACKS)
    random.Random(seed).shuffle(order)
    tries: list[tuple[str, Callable[[], tuple[str, str]]]] = [
        (attack.__doc__ or "", lambda attack=attack: _forked(attack, state / "attack"))  # type: ignore[misc]
        for attack in order
    ]
    if full:
        tries += [(name, lambda files=files: _tests(files, state)) for name, files in TESTS.items()]  # type: ignore[misc]
    for name, attempt in tries:
        if name not in done and time.monotonic() < end:
            done[name] = attempt()
            record.write_text(json.dumps(done))
    return [Outcome("attacks", name, outcome, 1, [text] if text else []) for name, (outcome, text) in done.items()]


def _tests(files: tuple[str, ...], state: Path) -> tuple[str, str]:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--basetemp", str(state / "pytest"), *files]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    shutil.rmtree(state / "pytest", ignore_errors=True)
    last = re.sub(r" in [\d.]+s.*", "", done.stdout.strip().splitlines()[-1].strip("= "))
    return ("held by tests" if done.returncode == 0 else "FAULT"), f"{last} of {', '.join(files)}"


def _forked(attack: Attack, folder: Path) -> tuple[str, str]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    (folder / "secret").write_text("secret")
    before = _content(folder)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _attack(attack, folder / "work", writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        told = stream.read()
    _, status, usage = os.wait4(child, 0)
    if status:
        return "FAULT", f"ended by signal {status & 127}" if status & 127 else f"{told[:300]}"
    if usage.ru_maxrss * 1024 > BYTES:
        return "FAULT", f"took {usage.ru_maxrss * 1024:,} bytes of memory"
    if before != _content(folder):
        return "FAULT", "wrote outside of its folder"
    shutil.rmtree(folder, ignore_errors=True)
    return "harmless", told


def _content(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and folder / "work" not in path.parents]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _attack(attack: Attack, folder: Path, writing: int) -> None:
    status = 1
    try:
        import logging

        logging.disable()
        os.chdir(folder)
        with open(os.devnull, "r+b") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        most = int(time.process_time()) + SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        with os.fdopen(writing, "w") as stream:
            try:
                text = attack(folder)
                status = 0
            except BaseException as error:
                text = f"{type(error).__name__}: {error}"
            stream.write(text)
    finally:
        os._exit(status)


def _refused(action: Callable[[], object]) -> str:
    """The one line that refuses it; a fault where it is not refused."""
    try:
        action()
    except (DataError, ValueError) as error:
        text = str(error)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), f"control characters in {text!r}"
        return f"refused: {text[:160]}"
    raise AssertionError("it was accepted")


def _hu(slices: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, (14, 11, slices)).astype(np.int16)


def _code_in_weights(folder: Path) -> str:
    """weights that are a pickle with code"""

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, ("touch ../pwned",)

    for name, content in (("a.pt", pickle.dumps(Evil())), ("b.pt", b"")):
        if content:
            Path(name).write_bytes(content)
        else:
            torch.save({"weight": Evil()}, name)
        text = _refused(lambda name=name: load_weights(nn.Linear(2, 3), name))  # type: ignore[misc]
    return text


def _zip_of_links(folder: Path) -> str:
    """a zip with symbolic links"""
    with zipfile.ZipFile("in.zip", "w") as archive:
        for name, target in (("a.dcm", "../../secret"), ("b", "/etc"), ("b/c.dcm", "x"), ("ct.nii", "/etc/passwd")):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, target)
    return _refused(lambda: find_inputs(folder / "in.zip"))


def _zip_of_many(folder: Path) -> str:
    """a zip with 100,000 members"""
    with zipfile.ZipFile("in.zip", "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.txt"), b"")
    return _refused(lambda: find_inputs(folder / "in.zip"))


def _zip_in_zips(folder: Path) -> str:
    """zips in zips, 200 deep"""
    content = b"x"
    for _ in range(200):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in.zip", content)
        content = stream.getvalue()
    Path("in.zip").write_bytes(content)
    return _refused(lambda: find_inputs(folder / "in.zip"))


def _overlapping_zip(folder: Path) -> str:
    """a zip whose members share one compressed gigabyte (Fifield's bomb)"""
    kernel = zlib.compress(bytes(1 << 28), 9)[2:-4]
    crc = zlib.crc32(bytes(1 << 28))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(kernel), 1 << 28, 5, 0) + b"a.dcm"
    entries = [
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(kernel), 1 << 28, 5, 0, 0, 0, 0, 0, 0)
        + b"a.dcm"
        for _ in range(1000)
    ]
    directory = b"".join(entries)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1000, 1000, len(directory), len(local) + len(kernel), 0)
    Path("in.zip").write_bytes(local + kernel + directory + end)
    return _refused(lambda: find_inputs(folder / "in.zip"))


def _gzip_bomb(folder: Path) -> str:
    """a .nii.gz of some megabytes that becomes 2.7 GB"""
    image = nib.Nifti1Image(_hu(), AFFINE)
    image.header.set_sform(AFFINE, 1)
    nib.save(image, "ct.nii")
    engine = zlib.compressobj(1, zlib.DEFLATED, 31)
    with open("ct.nii.gz", "wb") as stream:
        stream.write(engine.compress(Path("ct.nii").read_bytes()))
        piece = bytes(1 << 24)
        for _ in range(160):
            stream.write(engine.compress(piece))
        stream.write(engine.flush())
    Path("ct.nii").unlink()
    return _refused(lambda: find_inputs(folder))


def _metaimage_bomb(folder: Path) -> str:
    """a compressed .mha of some megabytes that becomes 2.7 GB"""
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = True\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 1\nDimSize = 100 100 100\n"
        "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    engine = zlib.compressobj(1)
    with open("ct.mha", "wb") as stream:
        stream.write(header.encode())
        for _ in range(160):
            stream.write(engine.compress(bytes(1 << 24)))
        stream.write(engine.flush())
    reader = CTReader()
    return _refused(lambda: reader.get_data(reader.read(folder / "ct.mha")))


def _dicom(folder: Path, change: Callable[[pydicom.Dataset], object]) -> None:
    for path in write_ct_series(folder / "ct", _hu(), AFFINE, "phantom"):
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)


def _deflated_bomb(folder: Path) -> str:
    """deflated DICOM that becomes gigabytes"""

    def change(dataset: pydicom.Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.add_new(0x00091010, "OB", bytes(600 << 20))

    path = write_ct_series(folder / "ct", _hu(), AFFINE, "phantom")[0]
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return _refused(lambda: find_inputs(folder))


def _rle_bomb(folder: Path) -> str:
    """run-length encoded DICOM that claims 60,000 x 60,000 pixels"""

    def change(dataset: pydicom.Dataset) -> None:
        dataset.compress(RLELossless)
        dataset.Rows = dataset.Columns = 60_000

    _dicom(folder, change)
    reader = CTReader()
    return _refused(lambda: reader.get_data(reader.read(find_inputs(folder / "ct")[0]["image"])))


def _png_bomb(folder: Path) -> str:
    """a PNG of half a megabyte with 169,000,000 pixels"""
    Image.new("1", (13_000, 13_000)).save("a.png")
    return _refused(lambda: find_images(folder))


def _png_text_bomb(folder: Path) -> str:
    """a PNG whose compressed text becomes gigabytes"""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "PNG")
    content = stream.getvalue()
    text = b"Comment\0\0" + zlib.compress(bytes(1 << 30), 1)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    Path("a.png").write_bytes(content[:33] + chunk + content[33:])
    return _refused(lambda: find_images(folder))


def _deep_json(folder: Path) -> str:
    """JSON of 100,000 brackets in each record"""
    Path("datalist.json").write_text("[" * 100_000)
    text = _refused(lambda: read_datalist(folder, "test"))
    Path("inputs.json").write_text('{"a":' * 100_000)
    return text + "; " + _refused(lambda: ResultsFolder(folder, "x").claim([]))


def _datalist_outside(folder: Path) -> str:
    """a datalist.json that names files outside of its folder"""
    for name in ("../secret", str(folder.parent / "secret")):
        case = {"case_id": "a", "image": name}
        write_json("datalist.json", {"test": [case]})
        text = _refused(lambda: read_datalist(folder, "test"))
    return text


def _link_in_results(folder: Path) -> str:
    """symbolic links in the folder of results that lead elsewhere"""
    results = ResultsFolder(folder / "out", "x")
    (folder / "out").mkdir()
    for name in ("predictions.csv", "inputs.json", "a_report.json", "a_page.html"):
        (folder / "out" / name).symlink_to(folder.parent / "secret" if name[0] == "a" else folder / "absent")
    results.claim([{"image": str(folder.parent / "secret"), "case_id": "b"}])
    results.file("b", "report.json").write_text("{}")
    results.commit("b")
    results.write_table("predictions.csv", {"b": {"diagnosis": "nv"}})
    assert (folder.parent / "secret").read_text() == "secret" and not (folder / "absent").exists()
    return "links are replaced, what they lead to is untouched"


def _names(folder: Path) -> str:
    """names of photographs that are code, formulas, markup, paths or terminal sequences"""
    (folder / "in").mkdir()
    for name in EVIL:
        with contextlib.suppress(OSError):
            Image.new("RGB", (8, 8)).save(folder / "in" / f"{name}.png", "PNG")
    found = find_images(folder / "in")
    for item in found:
        name = item["case_id"]
        assert name.isprintable() and not name.startswith(("=", "+", "-", "@")) and "/" not in name, name
    return f"{len(found)} names, each printable and no formula"


def _dicom_strings(folder: Path) -> str:
    """DICOM texts that are code, formulas, markup, paths or terminal sequences"""
    for number, text in enumerate(EVIL):
        for path in write_ct_series(folder / str(number), _hu(), AFFINE, "phantom"):
            dataset = pydicom.dcmread(path)
            for tag in ("PatientID", "PatientName", "SeriesDescription", "StudyDescription"):
                setattr(dataset, tag, text.replace("\\", ""))
            dataset.save_as(path)
    found = find_inputs(folder)
    for item in found:
        assert re.fullmatch(r"[\w.-]+", item["case_id"]), item["case_id"]
    patients, _ = find_rt_patients(folder)
    for name in _case_ids(sorted(patients)):
        assert re.fullmatch(r"[\w.-]+", name) and name.strip(".") == name, name
    first = folder / "0"
    for path in sorted((folder / "15").iterdir()):
        shutil.copy(path, first / f"second_{path.name}")
    text = _refused(lambda: CTReader().read(first))
    return f"{len(found)} cases with plain names; {text}"


def _tables(folder: Path) -> str:
    """formulas in the cells and columns of tables"""
    rows = [{"case_id": text, text: text, "dice": -0.5} for text in EVIL]
    cells = [cell for row in csv.reader(io.StringIO(csv_text(rows), newline="")) for cell in row]
    assert not any(re.match(r"[=@\t\r]|[+-](?![\d.]+$)", cell) for cell in cells)
    return f"{len(cells)} cells, none is a formula"


def _release_of_links(folder: Path) -> str:
    """a HAM10000 folder of links that lead to each other"""
    (folder / "a").mkdir()
    (folder / "a" / "b").symlink_to(folder / "a")
    (folder / "a" / "HAM10000_metadata.csv").symlink_to("HAM10000_metadata.csv")
    return _refused(lambda: find_release(folder / "a"))


ATTACKS: tuple[Attack, ...] = (
    *(_code_in_weights, _zip_of_links, _zip_of_many, _zip_in_zips, _overlapping_zip, _gzip_bomb, _metaimage_bomb),
    *(_deflated_bomb, _rle_bomb, _png_bomb, _png_text_bomb, _deep_json, _datalist_outside, _link_in_results, _names),
    *(_dicom_strings, _tables, _release_of_links),
)
