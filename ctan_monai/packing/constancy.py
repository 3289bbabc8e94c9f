# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Constancy check: whether a bundle still predicts the same after an update of it, of its packages or of the machine.

Research only. Not a medical device.

once, when the results were found good, with a CT of yours or a phantom:
  ctan-monai-constancy --bundle openkbp reference --store ct_series_folder
  ctan-monai-constancy --bundle openkbp reference --phantom openkbp
after each update:
  ctan-monai-constancy --bundle openkbp reference

exit status: 0: nothing changed, 1: something did, 2: it could not be checked
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_json

from .predict import predict, quiet_run

RECORD = "constancy.json"
_PACKAGES = ("ctan-monai", "torch", "monai", "numpy", "pydicom", "highdicom", "nibabel", "SimpleITK")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="ctan-monai-constancy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="folder with the CT and the stored results")
    parser.add_argument("--bundle", type=Path, default=Path("."), help="folder of the unpacked bundle (default: here)")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--store", type=Path, metavar="CT", help="make REFERENCE, with a copy of this CT")
    given.add_argument("--phantom", choices=sorted(PHANTOMS), help="make REFERENCE with the phantom of this data set")
    parser.add_argument("--dice", type=float, default=1.0, help="least Dice of each structure (default: %(default)s)")
    parser.add_argument("--dose", type=float, default=0.05, help="largest difference in Gy (default: %(default)s)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options, changes = parse(arguments), []
    warnings.simplefilter("ignore")  # of libraries, about themselves

    def check() -> None:
        if options.store is None and options.phantom is None:
            changes.extend(compare(options.bundle, options.reference, options.dice, options.dose, options.device))
        else:
            store(options.bundle, options.reference, options.store, options.phantom, options.device)

    with quiet_run():
        status = exit_status(check, ValueError)
    return status or int(bool(changes))


def store(bundle: Path, reference: Path, ct: Path | None, phantom: str | None, device: str | None) -> None:
    """Make a reference.

    Args:
        bundle: unpacked.
        reference: folder to make.
        ct: is copied, file or folder; None: a phantom.
        phantom: name of its data set.
        device: as PyTorch names it; None: the bundle's own choice.

    Raises:
        DataError: the folder exists, or the CT cannot be predicted.
    """
    if reference.exists():
        raise DataError(f"{reference} exists. A reference is never overwritten: remove it, or give another folder.")
    if ct is not None and not ct.exists():
        raise DataError(f"{ct}: no such file or folder. Give a CT that the bundle predicts.")
    reference.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=reference.parent, prefix=f".{reference.name}.") as name:
        work = Path(name) / "reference"
        (work / "input").mkdir(parents=True)
        if ct is None:
            PHANTOMS[str(phantom)](work / "input" / "phantom")
        elif ct.is_dir():
            shutil.copytree(ct, work / "input" / "CT")
        else:
            shutil.copy(ct, work / "input")
        _predict(bundle, work, work / "results", device)
        write_json(work / RECORD, {"packages": _versions()})
        work.rename(reference)
    print(f"The reference is in {reference}.")


def compare(bundle: Path, reference: Path, dice: float, dose: float, device: str | None) -> list[str]:
    """Predict the reference's CT again, print what is compared, and say what changed.

    Args:
        bundle: unpacked.
        reference: of :py:func:`store`.
        dice: least Dice of each structure, 1 for the same voxels.
        dose: largest difference of a voxel in Gy.
        device: as PyTorch names it; None: the bundle's own choice.

    Returns:
        a line for each change.

    Raises:
        DataError: there is no reference, or the CT cannot be predicted.
    """
    try:
        before = json.loads((reference / RECORD).read_text())["packages"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(f"{reference}: not a reference; make one by --store CT or --phantom.") from error
    now = _versions()
    for name in now:
        if before.get(name) != now[name]:
            print(f"{name}: {before.get(name)} -> {now[name]}")
    changes = []
    with tempfile.TemporaryDirectory(prefix="ctan_monai_constancy_") as folder:
        results = Path(folder) / "results"
        _predict(bundle, reference, results, device)
        for line, same in _differences(reference, results, dice, dose):
            print(f"{'same   ' if same else 'CHANGED'} {line}")
            if not same:
                changes.append(line)
    print(f"Changed: {len(changes)}." if changes else "Nothing changed.")
    return changes


def _predict(bundle: Path, reference: Path, results: Path, device: str | None) -> None:
    [source] = (reference / "input").iterdir()
    values: dict[str, Any] = {} if device is None else {"device": device}
    cases = predict(bundle, source, results, dicom_output=source.is_dir(), **values)
    if cases.unusable or cases.incomplete or not cases:
        raise DataError("\n".join([*cases.unusable, *cases.incomplete]) or f"{source}: nothing was predicted.")
    if not list(results.glob("*_segmentation.nii.gz")):
        raise DataError(f"{bundle}: its results have no structures; the check is for bundles of contours and dose.")


def _differences(reference: Path, results: Path, dice: float, dose: float) -> Iterator[tuple[str, bool]]:
    """Lines of what is compared, and whether it is the same."""
    before = {path.name for path in (reference / "results").iterdir() if path.suffix != ".html"}
    now = {path.name for path in results.iterdir() if path.suffix != ".html"}
    for name in sorted(before ^ now):
        yield f"{name}: {'missing' if name in before else 'new'}", False
    for name in sorted(before & now):
        old, new = reference / "results" / name, results / name
        if name.endswith("_segmentation.nii.gz"):
            yield from _compare_labels(name, *_images(old, new), dice)
        elif name.endswith("_dose.nii.gz"):
            yield _compare_dose(name, *_images(old, new), dose)
        elif name.endswith("_rtstruct.dcm"):
            yield from _compare_structures(name, old, new, reference, dice)
        elif name.endswith("_rtdose.dcm"):
            yield _compare_dose(name, *_dose_grids(old, new, reference), dose)
        elif name.endswith("_report.json"):
            verdicts = [json.loads(path.read_text()).get("usable", True) for path in (old, new)]
            yield f"{name}: usable: {verdicts[0]} -> {verdicts[1]}", verdicts[0] == verdicts[1]


Volume = tuple[np.ndarray, np.ndarray]  # values, (4, 4) affine


def _images(old: Path, new: Path) -> tuple[Volume, Volume]:
    return _image(old), _image(new)


def _image(path: Path) -> Volume:
    image = nib.Nifti1Image.from_filename(path)
    return np.asanyarray(image.dataobj), np.asarray(image.affine)


def _same_grid(old: Volume, new: Volume) -> bool:
    return old[0].shape == new[0].shape and np.allclose(old[1], new[1], rtol=0, atol=1e-3)


def _dice_line(name: str, old: np.ndarray, new: np.ndarray, least: float) -> tuple[str, bool]:
    total = int(old.sum()) + int(new.sum())
    value = 2 * int((old & new).sum()) / total if total else 1.0
    return f"{name}: Dice {value:.4f} ({int(old.sum())} -> {int(new.sum())} voxels)", value >= least


def _compare_labels(name: str, old: Volume, new: Volume, least: float) -> Iterator[tuple[str, bool]]:
    if not _same_grid(old, new):
        yield f"{name}: another grid", False
        return
    for label in sorted({*np.unique(old[0]), *np.unique(new[0])} - {0}):
        yield _dice_line(f"{name}, label {label}", old[0] == label, new[0] == label, least)


def _compare_dose(name: str, old: Volume, new: Volume, most: float) -> tuple[str, bool]:
    if not _same_grid(old, new):
        return f"{name}: another grid", False
    difference = float(np.abs(np.asarray(old[0], float) - np.asarray(new[0], float)).max())
    return f"{name}: largest difference {difference:.4f} Gy", difference <= most


def _compare_structures(name: str, old: Path, new: Path, reference: Path, least: float) -> Iterator[tuple[str, bool]]:
    from ctan_monai.dicom import ct_series, rasterize, read_structures

    series = ct_series(_slices(reference))
    both = [{it.name: it for it in read_structures(path, series.frame_uid)} for path in (old, new)]
    for structure in sorted({*both[0], *both[1]}):
        if not all(structure in one for one in both):
            yield f"{name}, {structure}: {'missing' if structure in both[0] else 'new'}", False
            continue
        masks = [rasterize(one[structure], series.affine, series.shape)[0] for one in both]
        yield _dice_line(f"{name}, {structure}", masks[0], masks[1], least)


def _dose_grids(old: Path, new: Path, reference: Path) -> tuple[Volume, Volume]:
    from ctan_monai.dicom import ct_series, read_dose

    frame = ct_series(_slices(reference)).frame_uid
    first, second = (read_dose(path, frame) for path in (old, new))
    return (first.gray, first.affine), (second.gray, second.affine)


def _slices(reference: Path) -> list[Path]:
    return sorted(path for path in (reference / "input").rglob("*") if path.is_file())


def _versions() -> dict[str, str]:
    """Of what can change a result."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def _head(folder: Path) -> None:
    from ctan_monai.data.openkbp.patient import HU_OFFSET, lps_affine, to_lps
    from ctan_monai.dicom import write_ct_series
    from ctan_monai.phantoms import openkbp

    patient = openkbp.make_openkbp_patient(1)
    spacing = (patient.spacing[1], patient.spacing[0], patient.spacing[2])
    write_ct_series(folder, to_lps(patient.ct) - HU_OFFSET, lps_affine(spacing))


def _pelvis(folder: Path) -> None:
    from ctan_monai.phantoms import prostate

    with tempfile.TemporaryDirectory(prefix="ctan_monai_phantom_") as name:
        prostate.write_prostate_patient(Path(name), 1)
        shutil.copytree(Path(name) / "CT", folder)


PHANTOMS = {"openkbp": _head, "prostate": _pelvis}


if __name__ == "__main__":
    sys.exit(main())
