# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Reading prepared data: a folder with one ``datalist.json`` in MONAI's decathlon form.

Each of ``training``, ``validation`` and ``test`` lists cases as dictionaries. In a case, every text except ``case_id``
is a path relative to the folder (also inside dictionaries such as ``structures``, not inside ``facts``); ``<task>``
holds a task's label, and the optional ``<task>_present`` says which of its foreground labels were contoured. Where the
volumes are not on the patient's own grid, the optional ``original`` has the same keys on that grid, for evaluation.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import read_json

__all__ = ["DATALIST_NAME", "check_grid", "independent_units", "listed_files", "load_datalist", "read_datalist"]

logger = logging.getLogger(__name__)

DATALIST_NAME = "datalist.json"
TARGETS = "targets"
_REMEDY = "Make prepared data with ctan-monai prepare and give its --output as the dataset folder."
_AGAIN = "Run ctan-monai prepare again."
_NOT_PATHS = ("case_id", "sha256", "facts")
_WITHOUT_PRESENT = ("dose", "diagnosis")  # labels that come without "<task>_present"


def load_datalist(dataset_dir: Path | str) -> dict[str, Any]:
    """Reads ``datalist.json`` of a prepared data set as it is.

    Raises:
        DataError: the folder or the file is missing, empty or no JSON.
    """
    folder = Path(dataset_dir)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such dataset folder. {_REMEDY}")
    path = folder / DATALIST_NAME
    if not path.is_file():
        found = "does not hold one, as where a preparation was interrupted" if any(folder.iterdir()) else "is empty"
        raise DataError(f"{path}: no such file; the dataset folder {found}. {_REMEDY}")
    return read_json(path, f"an object with sections. {_REMEDY}")


def read_datalist(
    dataset_dir: Path | str,
    section: str,
    needed: Iterable[str] | None = None,
    grid: tuple[Sequence[float], Sequence[int]] | None = None,
) -> list[dict[str, Any]]:
    """Cases of one section, paths made absolute.

    Args:
        dataset_dir: folder of the prepared data.
        section: ``"training"``, ``"validation"`` or ``"test"``.
        needed: names of the tasks that labels are needed for; "targets" where the network has these as input: cases
            without them are left out, with a warning. None asks for nothing.
        grid: spacing and size that the data must have been prepared with, see :py:func:`check_grid`; None: any.

    Raises:
        DataError: folder, list or a listed file is missing, the section is missing or empty, or no case has labels
            for one of the tasks, or targets.
    """
    folder = Path(dataset_dir).resolve()
    path = folder / DATALIST_NAME
    if grid is not None:
        check_grid(folder, *grid)
    datalist = load_datalist(folder)
    cases = datalist.get(section)
    if not isinstance(cases, list):
        sections = ", ".join(key for key, value in datalist.items() if isinstance(value, list)) or "none"
        raise DataError(f"{path}: has no section '{section}'; its sections: {sections}.")
    _check_cases(cases, path, section)
    if not cases:
        raise DataError(f"{path}: section '{section}' lists no case. Prepare a release that has {section} cases.")
    needed = list(needed or ())
    for task in [name for name in needed if name != TARGETS]:
        if not any(_has_label(case, task) for case in cases):
            keys = sorted(
                {key for case in cases for key in case if f"{key}_present" in case or key in _WITHOUT_PRESENT}
            )
            raise DataError(
                f"{path}: no case of section '{section}' has labels for the task '{task}' of the config "
                f"(labels there: {', '.join(keys) or 'none'}). Remove the task, or prepare data with its labels."
            )
    if TARGETS in needed:
        without = [str(case["case_id"]) for case in cases if TARGETS not in case]
        cases = [case for case in cases if TARGETS in case]
        if not cases:
            raise DataError(
                f"{path}: no case of section '{section}' has targets, which the network has as input. Prepare the "
                "data again (prostate: the notes of datalist.json say why), or leave --targets out."
            )
        if without:
            logger.warning("%s: left out, since there are no targets: %s.", path, ", ".join(without))
    _check_files(folder, cases, datalist.get("files"))
    with content_of(path, _AGAIN):
        return [{key: _resolve(folder, key, value) for key, value in case.items()} for case in cases]


def listed_files(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and path of each file of a case, below the folder of the prepared data."""
    files: list[tuple[str, str]] = []
    for key, value in case.items():
        if key in _NOT_PATHS:
            continue
        if isinstance(value, dict):
            files += listed_files(value)
        elif isinstance(value, str):
            files.append((key, value))
    return files


def independent_units(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each case is an observation of: the lesion that a picture shows, a patient of several cases, or itself."""
    facts = [case.get("facts", {}) for case in cases]
    own = [case.get("case_id", i) for i, case in enumerate(cases)]
    return [str(f.get("lesion_id") or f.get("patient_id") or name) for f, name in zip(facts, own, strict=True)]


def check_grid(dataset_dir: Path | str, spacing: Sequence[float], size: Sequence[int]) -> None:
    """Checks that the data were prepared on the grid that a config is written for.

    Args:
        dataset_dir: folder of prepared data that name their ``network_grid``.
        spacing: the config's, (x, y, z) in mm.
        size: the config's, pixels along x and y.

    Raises:
        DataError: the folder cannot be read, or the grid is another one.
    """
    with content_of(Path(dataset_dir) / DATALIST_NAME, _AGAIN):
        grid = load_datalist(dataset_dir).get("provenance", {}).get("network_grid")
    wanted = {"spacing": [float(value) for value in spacing], "size": [int(value) for value in size]}
    if grid != wanted:
        raise DataError(
            f"{Path(dataset_dir) / DATALIST_NAME}: was prepared on the grid {grid}, the config has {wanted}. Prepare "
            "the data with that --spacing and --size, or set the config's spacing and roi_size."
        )


def _has_label(case: dict[str, Any], task: str) -> bool:
    return case.get(task) is not None and any(_as_list(case.get(f"{task}_present", 1)))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resolve(folder: Path, key: str, value: Any) -> Any:
    if isinstance(value, dict) and key not in _NOT_PATHS:
        return {name: _resolve(folder, name, entry) for name, entry in value.items()}
    if isinstance(value, list):
        return tuple(value)  # MONAI's DataAnalyzer takes every list for paths
    return str(folder / value) if isinstance(value, str) and key not in _NOT_PATHS else value


def _check_cases(cases: Sequence[Any], path: Path, section: str) -> None:
    """Every case has its place and the like, as the others have, and all is of its kind; else it fails epochs later."""
    usual = {key for case in cases if isinstance(case, dict) for key in case if key in _PLACES} | {"case_id", "image"}
    for number, case in enumerate(cases):
        found = "is not an object" if not isinstance(case, dict) else ""
        for key in () if found else sorted({*usual, *case}):
            kind = _KINDS.get(key, _KINDS["_present"] if key.endswith("_present") else None)
            if key not in case:
                found = f"has no '{key}'"
            elif kind is not None and not kind(case[key]):
                found = f"has the '{key}' {str(case[key])[:50]!r}"
        if found:
            raise DataError(
                f"{path}: entry {number} of section '{section}' {found}: the file was changed or damaged. Run "
                "ctan-monai prepare again."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_natural(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _list_of(kind: Callable[[Any], bool], count: int | None = None) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and count in (None, len(value)) and all(map(kind, value))


_PLACES = ("index", "box", "body_slices", "spacing")  # of an image; labels may be absent
_KINDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("case_id", "image", "dose", "segmentation", "mask", "possible_dose_mask"), _is_text),
    **dict.fromkeys(("index", "diagnosis", "covid", "severity", "lungs_found"), _is_natural),
    "_present": lambda value: _is_natural(value) or _list_of(_is_natural)(value),
    "body_slices": _list_of(_is_natural),
    "box": _list_of(_is_natural, 4),
    "spacing": _list_of(lambda value: _is_number(value) and value > 0, 3),
    "sha256": _is_dict,
}


def _check_files(folder: Path, cases: Sequence[Mapping[str, Any]], facts: Any) -> None:
    """Compares what is cheap: every file is there, and has the size it was written with."""
    path = folder / DATALIST_NAME
    facts = facts if isinstance(facts, dict) else {}  # earlier versions did not list them
    for name in dict.fromkeys(name for case in cases for _, name in listed_files(case)):
        file = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"{path}: names the file {name!r}, which is not in its folder. {_AGAIN}")
        try:
            found = file.stat().st_size if file.is_file() else None
        except (OSError, ValueError) as error:  # a name that can be none
            raise DataError(f"{path}: names the file {name!r}, which cannot be ({error}).") from error
        if found is None:
            raise DataError(f"{file}: no such file, but {path} lists it. Run ctan-monai prepare again.")
        fact = facts.get(name)
        expected = fact.get("bytes") if isinstance(fact, dict) else None
        if expected is not None and found != expected:
            raise DataError(
                f"{file}: has {found} bytes, and {path} lists it with {expected}: it was changed or damaged since. Run "
                "ctan-monai prepare again."
            )
