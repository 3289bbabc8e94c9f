# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""From the HAM10000 release to prepared data: two uint8 arrays, the original masks, and ``datalist.json``."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.data.datalist import DATALIST_NAME
from ctan_monai.data.preparation.journal import preparation, withdraw_datalist
from ctan_monai.data.preparation.parallel import list_reasons, prepare_cases
from ctan_monai.data.preparation.phantom_marker import write_datalist
from ctan_monai.data.preparation.split import SECTIONS
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import allocate, file_sha256, prepare_output_dir, write_json

from .chunk import IMAGES, MASKS, SEGMENTATIONS, ImageJob, prepare_chunk
from .datalist import make_datalist
from .release import Release, find_release

__all__ = ["prepare_ham10000", "run"]

_FORMAT = 1  # of the prepared data; those of another format are prepared again
_CHUNK = 64  # images; a process holds so many rows of the arrays at a time
_SMALLEST = 32  # pixels; the networks need as many
_PARTIAL, _RECORDS = ".partial", "records.json"
_MASK_BYTES = 4096  # one block of most file systems


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this data set and prints what was prepared and what was skipped."""
    datalist = prepare_ham10000(
        arguments.source,
        arguments.output,
        arguments.size,
        arguments.seed,
        arguments.workers,
        arguments.strict,
        arguments.verify,
    )
    record = datalist["provenance"]
    counts = ", ".join(f"{len(datalist[section])} {section}" for section in SECTIONS)
    print(f"Prepared {counts} images in {arguments.output / DATALIST_NAME}; skipped {len(record['skipped'])}.")
    for case in record["skipped"][:10]:
        print(f"  skipped {case['case_id']}: {case['reason']}")
    if len(record["skipped"]) > 10:
        print(f"  and {len(record['skipped']) - 10} more, listed in provenance.skipped of that file")
    for what, names in record["unmatched"].items():
        if names:
            print(f"  {len(names)} {what.replace('_', ' ')}, such as {names[0]}; all are in provenance.unmatched")
    for note in record["notes"]:
        print(f"  note: {note}")


def prepare_ham10000(
    source: Path | str,
    output: Path | str,
    size: Sequence[int] = (256, 256),
    seed: int = 0,
    workers: int = 1,
    strict: bool = False,
    verify: bool = False,
) -> dict[str, Any]:
    """Prepares the release. Interrupted or repeated, it goes on where it stopped; another seed decodes nothing anew.

    Writes ``images.npy`` (N, H, W, 3) and ``segmentations.npy`` (N, H, W; 0 or 1), both uint8, to be opened by memory
    map; the original masks, unchanged, in ``masks/``; and ``datalist.json``. The source is not needed afterwards.

    Args:
        source: folder (or zip) with the release's files.
        output: folder to write.
        size: height and width of the arrays.
        seed: of the split.
        workers: processes.
        strict: raise when an image cannot be used, instead of leaving it out.
        verify: see :py:func:`ctan_monai.data.preparation.journal.preparation`.

    Returns:
        what was written as ``datalist.json``.

    Raises:
        DataError: nothing to prepare, output not writable or too small, or (``strict``) an unusable image.
    """
    release, output = find_release(source), Path(output)
    jobs, skipped = _jobs(release)
    if not jobs or (strict and skipped):
        raise DataError(f"{source}: {list_reasons([case['reason'] for case in skipped], 'images')}")
    key = _key(jobs, size)
    with preparation(output, verify) as damaged:
        if damaged:
            (output / _RECORDS).unlink(missing_ok=True)
        finished = _finished(output, key, len(jobs), size)
        if finished is None:
            needed = len(jobs) * (4 * size[0] * size[1] + _MASK_BYTES)
            prepare_output_dir(output, needed / 1e6, "--output")
            finished = _decode(jobs, size, output, key, workers)
        if "sha256" not in finished:  # of an earlier version
            finished = {**finished, "sha256": _checksums(output)}
            write_json(output / _RECORDS, finished)
        shutil.rmtree(output / _PARTIAL, ignore_errors=True)
        return _list(release, finished, skipped, output, source, size, seed, strict)


def _list(
    release: Release,
    finished: Mapping[str, Any],
    skipped: list[dict[str, str]],
    output: Path,
    source: Path | str,
    size: Sequence[int],
    seed: int,
    strict: bool,
) -> dict[str, Any]:
    """Write the data list of what was decoded."""
    records = finished["records"]
    skipped += [{"case_id": r["image_id"], "reason": r["reason"]} for r in records if "reason" in r]
    usable = [record for record in records if "reason" not in record]
    if not usable or (strict and skipped):
        raise DataError(f"{source}: {list_reasons([case['reason'] for case in skipped], 'images')}")
    datalist = make_datalist(Path(source).name, release, usable, skipped, size, seed)
    return write_datalist(output, datalist, source, finished["sha256"])


def _jobs(release: Release) -> tuple[list[ImageJob], list[dict[str, str]]]:
    """Images that have a mask and a row, and why the others are left out."""
    jobs: list[ImageJob] = []
    skipped = []
    for image_id, image in sorted(release.images.items()):
        lacks = [
            what for what, found in (("mask", release.masks), ("metadata row", release.rows)) if image_id not in found
        ]
        if lacks:
            reason = f"{image}: has no {' and no '.join(lacks)}. Get the missing file, or leave the image out."
            skipped.append({"case_id": image_id, "reason": reason})
        else:
            jobs.append(ImageJob(len(jobs), image_id, image, release.masks[image_id]))
    return jobs, skipped


def _key(jobs: Sequence[ImageJob], size: Sequence[int]) -> str:
    """Changes with the size, the list of images, or any source file."""
    files = [(job.image_id, job.image.version, job.mask.version) for job in jobs]
    return hashlib.sha256(json.dumps([_FORMAT, list(size), files]).encode()).hexdigest()


def _finished(output: Path, key: str, count: int, size: Sequence[int]) -> dict[str, Any] | None:
    """What an earlier, finished run on the same files recorded, else None."""
    try:
        content = _read(output / _RECORDS, key)
        arrays = [np.load(output / name, mmap_mode="r") for name in (IMAGES, SEGMENTATIONS)]
    except (OSError, ValueError):
        return None
    fits = all(array.shape[:3] == (count, *size) for array in arrays) and (output / MASKS).is_dir()
    return content if fits and content is not None else None


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """A file of ours, if it is of the same files and size."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("key") == key else None


def _decode(jobs: Sequence[ImageJob], size: Sequence[int], output: Path, key: str, workers: int) -> dict[str, Any]:
    """Fills the arrays in a folder of their own, then puts them in place; each step can be the last of a run."""
    partial = output / _PARTIAL
    names = (IMAGES, SEGMENTATIONS, MASKS)
    complete = _read(partial / _RECORDS, key)  # then some of the three may be in place already
    if complete is None:
        complete = _fill(jobs, size, partial, key, workers)
        write_json(partial / _RECORDS, complete)
    withdraw_datalist(output)
    (output / _RECORDS).unlink(missing_ok=True)
    for name in names:
        if (partial / name).exists():
            if name == MASKS:  # a folder cannot be replaced while it holds files
                shutil.rmtree(output / MASKS, ignore_errors=True)
            os.replace(partial / name, output / name)
    os.replace(partial / _RECORDS, output / _RECORDS)
    return complete


def _fill(jobs: Sequence[ImageJob], size: Sequence[int], partial: Path, key: str, workers: int) -> dict[str, Any]:
    """Decodes what an earlier run has not, and returns what is recorded of all."""
    if _read(partial / "plan.json", key) is None or not all((partial / n).exists() for n in (IMAGES, SEGMENTATIONS)):
        shutil.rmtree(partial, ignore_errors=True)
        (partial / MASKS).mkdir(parents=True)
        for name, shape in ((IMAGES, (*size, 3)), (SEGMENTATIONS, tuple(size))):
            np.lib.format.open_memmap(partial / name, "w+", np.uint8, (len(jobs), *shape)).flush()
            allocate(partial / name)
        write_json(partial / "plan.json", {"key": key})
    chunks = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
    arguments = {n: (chunk, tuple(size), partial, partial / f"chunk_{n}.json") for n, chunk in enumerate(chunks)}
    found: dict[int, list[dict[str, Any]]] = {}
    for number, result in prepare_cases(
        arguments, prepare_chunk, workers, "Preparing HAM10000", f"chunk of {_CHUNK} images"
    ):
        if isinstance(result, str):
            raise DataError(result)
        found[number] = result
    records = [record for number in sorted(found) for record in found[number]]
    return {"key": key, "records": records, "sha256": _checksums(partial)}


def _checksums(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in (IMAGES, SEGMENTATIONS)}
