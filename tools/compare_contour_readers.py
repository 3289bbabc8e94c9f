# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Our reader of contours against plastimatch and dicompyler-core: rings, keyholes, overlaps, gaps, jitter.

Writes a CT of 2 x 2 x 3 mm and one structure set with a case of each kind, and reads it by each program. Volumes and
the Dice to ours go into a JSON file, with a table beside it. plastimatch is a Debian package. dicompyler-core needs an
environment of its own:

  python -m venv dvh_env && dvh_env/bin/pip install dicompyler-core "pydicom<3" "numpy<2"
  python tools/compare_contour_readers.py --plastimatch plastimatch --dicompyler dvh_env/bin/python \\
      --output docs/results/contour_readers.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk

from ctan_monai.dicom import (
    ct_series,
    rasterize,
    read_source,
    read_structures,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
)
from ctan_monai.utils import provenance
from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_atomic, write_json

SHAPE = (64, 64, 20)  # columns, rows, slices
SPACING = (2.0, 2.0, 3.0)  # mm
AFFINE = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0]) @ np.block(
    [[np.eye(3), -np.array([[31.5], [31.5], [0]])], [0, 0, 0, 1]]
)
CENTER = (31.3, 31.7)  # of round shapes, in pixels: no symmetry and no pixel's center on an outline
SLICES = range(4, 16)
DICOMPYLER_SCRIPT = Path(__file__).resolve().parents[1] / "tests" / "label" / "dvh_dicompyler.py"


@dataclass(frozen=True)
class Case:
    """A structure.

    Attributes:
        contours: of each slice's position (in slices) the polygons, (N, 2) in pixels.
        kind: ContourGeometricType.
        area: of the shape in a slice, in pixels, by geometry; None: has no single right value.
        slices: that the shape fills.
    """

    contours: dict[float, list[np.ndarray]]
    kind: str = "CLOSED_PLANAR"
    area: float | None = None
    slices: int = len(SLICES)


def circle(radius: float, center: Sequence[float] = CENTER) -> np.ndarray:
    """Polygon of 720 points; the area differs from the circle's by less than 0.002 %."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    return np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)], axis=1)


def square(low: float, high: float) -> np.ndarray:
    """Polygon of four points, counted from the middle of the slice."""
    return 31 + np.array([[low, low], [high, low], [high, high], [low, high]], float)


def keyhole(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """A ring as one polygon: the hole is joined to the outline by a channel without width."""
    return np.concatenate([outer, outer[:1], inner[::-1][-1:], inner[::-1], outer[:1]])


def cases() -> dict[str, Case]:
    """Name to structure; the first word of a name is its kind."""

    def stack(*polygons: np.ndarray, at: Sequence[float] = SLICES) -> dict[float, list[np.ndarray]]:
        return {float(k): list(polygons) for k in at}

    big, hole, island = circle(14), circle(7), circle(3)
    right = circle(10, (38.3, 31.7))
    left = circle(10, (26.3, 31.7))
    lens = _lens(10, 12)
    disc_area, ring_area = np.pi * 14**2, np.pi * (14**2 - 7**2)
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, (len(SLICES), 2)) / SPACING[2]
    two = [circle(6, (20.3, 31.7)), circle(6, (42.3, 31.7))]
    return {
        "disc": Case(stack(big), area=disc_area),
        "ring of two contours": Case(stack(big, hole), area=ring_area),
        "ring of two contours, the hole first": Case(stack(hole, big), area=ring_area),
        "ring with an island": Case(stack(big, hole, island), area=ring_area + np.pi * 3**2),
        "ring of CLOSEDPLANAR_XOR": Case(stack(big, hole), "CLOSEDPLANAR_XOR", ring_area),
        "keyhole": Case(stack(keyhole(big, hole)), area=ring_area),
        "overlap of two discs": Case(stack(left, right), area=2 * np.pi * 10**2 - lens),
        "overlap of two discs, CLOSEDPLANAR_XOR": Case(
            stack(left, right), "CLOSEDPLANAR_XOR", 2 * np.pi * 10**2 - 2 * lens
        ),
        "overlap: a contour twice": Case(stack(big, big), area=disc_area),
        "two islands": Case(stack(*two), area=2 * np.pi * 6**2),
        "gap: contours on every second slice": Case(stack(big, at=SLICES[::2]), area=disc_area, slices=11),
        "gap: a slice missing": Case(stack(big, at=[k for k in SLICES if k != 9]), area=disc_area),
        "gap: five slices missing": Case(stack(big, at=[k for k in SLICES if not 7 <= k <= 11])),
        "jitter of 0.02 mm between two contours of a slice": Case(
            {
                float(k + shift): [polygon]
                for k, shifts in zip(SLICES, jitter, strict=True)
                for shift, polygon in zip(shifts, two, strict=True)
            },
            area=2 * np.pi * 6**2,
        ),
        "centers: a square through pixel centers": Case(stack(square(-10, 10)), area=20.0**2),
        "edges: a square between pixels": Case(stack(square(-10.5, 10.5)), area=21.0**2),
    }


def _lens(radius: float, distance: float) -> float:
    """Area that two circles share."""
    return float(
        2 * radius**2 * np.arccos(distance / (2 * radius)) - distance / 2 * np.sqrt(4 * radius**2 - distance**2)
    )


def write_cases(folder: Path) -> None:
    """Writes ``CT``, ``RS.dcm`` and ``RD.dcm`` (1 Gy on the CT's voxels)."""
    write_ct_series(folder / "CT", np.zeros(SHAPE, np.int16), AFFINE, "contours")
    source = read_source(folder / "CT")
    lines, found = {}, cases()
    for number, case in enumerate(found.values()):
        lines[_roi(number)] = [
            np.column_stack([polygon, np.full(len(polygon), at)]) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
            for at, polygons in case.contours.items()
            for polygon in polygons
        ]
    write_rtstruct(folder / "RS.dcm", source, lines)
    dataset = pydicom.dcmread(folder / "RS.dcm")
    for item, case in zip(dataset.ROIContourSequence, found.values(), strict=True):
        for contour in item.ContourSequence:
            contour.ContourGeometricType = case.kind
    dataset.save_as(folder / "RS.dcm")
    write_rtdose(folder / "RD.dcm", source, np.ones(SHAPE), AFFINE)


def _roi(number: int) -> str:
    """Name of a case's structure: plastimatch makes files of names, and changes what a file's name may not hold."""
    return f"case{number:02d}"


def our_masks(folder: Path) -> dict[str, np.ndarray]:
    """By this project."""
    series = ct_series(folder / "CT")
    structures = read_structures(folder / "RS.dcm", series.frame_uid)
    return {it.name: rasterize(it, series.affine, series.shape)[0] for it in structures}


def plastimatch_masks(program: str, folder: Path) -> dict[str, np.ndarray]:
    """By plastimatch, on the voxels of the CT."""
    command = [program, "convert", "--input", str(folder / "RS.dcm"), "--referenced-ct", str(folder / "CT")]
    command += ["--output-prefix", str(folder / "plastimatch"), "--prefix-format", "nrrd"]
    _run(command)
    masks = {}
    for file in (folder / "plastimatch").glob("*.nrrd"):
        image = sitk.ReadImage(str(file))
        if image.GetSize() != SHAPE:
            raise DataError(f"plastimatch wrote {image.GetSize()} voxels, expected {SHAPE}.")
        masks[file.stem] = sitk.GetArrayFromImage(image).transpose(2, 1, 0) > 0
    return masks


def dicompyler_volumes(python: str, folder: Path) -> dict[str, float]:
    """By dicompyler-core, in cc."""
    done = _run([python, str(DICOMPYLER_SCRIPT), str(folder / "RS.dcm"), str(folder / "RD.dcm")])
    return {name: row["volume_cc"] for name, row in json.loads(done).items()}


def _run(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    except OSError as error:
        raise DataError(f"{command[0]}: cannot be started ({error.strerror}).") from error
    except subprocess.CalledProcessError as error:
        raise DataError(f"{command[0]} failed: {(error.stderr or error.stdout)[-500:]}") from error


def compare(plastimatch: str | None, dicompyler: str | None) -> dict[str, dict[str, Any]]:
    """Case to ``geometry_cc``, ``ours_cc``, and of each program that is given its volume; ``dice`` to plastimatch."""
    voxel = float(np.prod(SPACING)) / 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cases(folder)
        ours = our_masks(folder)
        theirs = plastimatch_masks(plastimatch, folder) if plastimatch else {}
        volumes = dicompyler_volumes(dicompyler, folder) if dicompyler else {}
    table: dict[str, dict[str, Any]] = {}
    for number, (case, definition) in enumerate(cases().items()):
        mask = ours[_roi(number)]
        row: dict[str, Any] = {"ours_cc": round(float(mask.sum()) * voxel, 3)}
        if definition.area is not None:
            row["geometry_cc"] = round(definition.area * definition.slices * voxel, 3)
        if theirs:
            other = theirs.get(_roi(number), np.zeros(SHAPE, bool))
            row["plastimatch_cc"] = round(float(other.sum()) * voxel, 3)
            row["dice"] = round(2 * float((mask & other).sum()) / float(mask.sum() + other.sum()), 4)
        if volumes:
            row["dicompyler_cc"] = volumes.get(_roi(number), 0.0)
        table[case] = row
    return table


def markdown(table: dict[str, dict[str, Any]]) -> str:
    """The same as a table."""
    columns: dict[str, tuple[str, Callable[[Any], str]]] = {
        "geometry_cc": ("geometry, cc", lambda value: f"{value:.2f}"),
        "ours_cc": ("ours, cc", lambda value: f"{value:.2f}"),
        "plastimatch_cc": ("plastimatch, cc", lambda value: f"{value:.2f}"),
        "dice": ("Dice to plastimatch", lambda value: f"{value:.4f}"),
        "dicompyler_cc": ("dicompyler-core, cc", lambda value: f"{value:.2f}"),
    }
    shown = [key for key in columns if any(key in row for row in table.values())]
    lines = ["| case | " + " | ".join(columns[key][0] for key in shown) + " |", "|---|" + "---|" * len(shown)]
    for case, row in table.items():
        lines.append(f"| {case} | " + " | ".join(columns[k][1](row[k]) if k in row else "" for k in shown) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plastimatch", metavar="PROGRAM", help="of plastimatch 1.9")
    parser.add_argument("--dicompyler", metavar="PYTHON", help="of an environment with dicompyler-core 0.5")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json", help="is written, and FILE.md")
    options = parser.parse_args(arguments)

    def run() -> None:
        for option in ("plastimatch", "dicompyler"):
            if getattr(options, option) is None:
                print(f"{option} is skipped: give --{option}.")
        table = compare(options.plastimatch, options.dicompyler)
        write_json(options.output, {"cases": table, "provenance": provenance(data={"shape": SHAPE, "mm": SPACING})})
        write_atomic(options.output.with_suffix(".md"), markdown(table))
        print(markdown(table))

    return exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
