# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""From the HAM10000 release to prepared data: two uint8 arrays, the original masks, and ``datalist.json``."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.data.ham10000_chunk import IMAGES, MASKS, SEGMENTATIONS, ImageJob, prepare_chunk
from ctan_monai.data.ham10000_datalist import make_datalist
from ctan_monai.data.ham10000_release import Release, find_release
from ctan_monai.data.jobs import list_reasons, prepare_cases
from ctan_monai.data.phantom_marker import write_datalist
from ctan_monai.data.prepared import DATALIST_NAME
from ctan_monai.data.split import SECTIONS
from ctan_monai.errors import DataError
from ctan_monai.files import prepare_output_dir, write_json

__all__ = ["add_arguments", "parse_size", "prepare_ham10000", "run"]

_FORMAT = 1  # of the prepared data; those of another format are prepared again
_CHUNK = 64  # images; a process holds so many rows of the arrays at a time
_SMALLEST = 32  # pixels; the networks need as many
_PARTIAL, _RECORDS = ".partial", "records.json"
_MASK_BYTES = 4096  # one block of most file systems


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from one value: ``256`` (both), ``[96,128]``, ``96,128`` or ``96x128``."""
    match = re.fullmatch(r"[\[(]?\s*(\d+)(?:\s*[,x]\s*(\d+))?\s*[\])]?", text.strip())
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(size) < _SMALLEST:
        raise argparse.ArgumentTypeError(
            f"is '{text}', expected height and width of at least {_SMALLEST} pixels, such as 256 or [96,128]"
        )
    return size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line's arguments of this data set."""
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help="folder with the release's files, as zips or unpacked: images, masks (Tschandl) and HAM10000_metadata",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the prepared data: data/ham10000")
    parser.add_argument(
        "--size",
        type=parse_size,
        default=(256, 256),
        help="height and width to prepare, as one value such as 256 or [96,128]; images are fitted with their aspect "
        "kept and padded with black (default: 256)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split into 70/10/20 %% of the lesions (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="processes that decode (default: 1)")
    parser.add_argument("--strict", action="store_true", help="fail if any image has to be skipped")


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this data set and prints what was prepared and what was skipped."""
    datalist = prepare_ham10000(
        arguments.source, arguments.output, arguments.size, arguments.seed, arguments.workers, arguments.strict
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
    records = _finished(output, key, len(jobs), size)
    if records is None:
        needed = len(jobs) * (4 * size[0] * size[1] + _MASK_BYTES)
        prepare_output_dir(output, needed / 1e6, "--output")
        records = _decode(jobs, size, output, key, workers)
    skipped += [{"case_id": r["image_id"], "reason": r["reason"]} for r in records if "reason" in r]
    usable = [record for record in records if "reason" not in record]
    if not usable or (strict and skipped):
        raise DataError(f"{source}: {list_reasons([case['reason'] for case in skipped], 'images')}")
    datalist = make_datalist(Path(source).name, release, usable, skipped, size, seed)
    return write_datalist(output, datalist, source)


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


def _finished(output: Path, key: str, count: int, size: Sequence[int]) -> list[dict[str, Any]] | None:
    """The records of an earlier, finished run on the same files, else None."""
    try:
        content = json.loads((output / _RECORDS).read_text())
        arrays = [np.load(output / name, mmap_mode="r") for name in (IMAGES, SEGMENTATIONS)]
    except (OSError, ValueError):
        return None
    fits = all(array.shape[:3] == (count, *size) for array in arrays) and (output / MASKS).is_dir()
    return content["records"] if fits and content.get("key") == key else None


def _decode(
    jobs: Sequence[ImageJob], size: Sequence[int], output: Path, key: str, workers: int
) -> list[dict[str, Any]]:
    """Fills the arrays in a folder of their own, then puts them in place."""
    partial = output / _PARTIAL
    plan = partial / "plan.json"
    if not plan.is_file() or json.loads(plan.read_text()).get("key") != key:
        shutil.rmtree(partial, ignore_errors=True)
        (partial / MASKS).mkdir(parents=True)
        for name, shape in ((IMAGES, (*size, 3)), (SEGMENTATIONS, tuple(size))):
            np.lib.format.open_memmap(partial / name, "w+", np.uint8, (len(jobs), *shape)).flush()
        write_json(plan, {"key": key})
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
    for old in (DATALIST_NAME, _RECORDS):  # from here on, nothing claims that the arrays fit an older list
        (output / old).unlink(missing_ok=True)
    shutil.rmtree(output / MASKS, ignore_errors=True)
    for name in (IMAGES, SEGMENTATIONS, MASKS):
        os.replace(partial / name, output / name)
    write_json(output / _RECORDS, {"key": key, "records": records})
    shutil.rmtree(partial)
    return records
