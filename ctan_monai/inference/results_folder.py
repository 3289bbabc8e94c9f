# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of an inference's results, in which no image's results take the place of another's."""

from __future__ import annotations

import contextlib
import csv
import functools
import hashlib
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom

from ctan_monai.dicom import Maker, ct_series, predicted_by
from ctan_monai.imaging.metaimage import metaimage_voxel_files
from ctan_monai.utils import image_name
from ctan_monai.utils.errors import InputError, UnusableInputs, failure_lines, verdict_line
from ctan_monai.utils.files import csv_text, file_sha256, json_text, output_errors, parse_json, write_output

from .found_inputs import FoundInputs

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["INPUTS_NAME", "ResultsFolder", "image_identity"]

logger = logging.getLogger(__name__)

INPUTS_NAME = "inputs.json"
FORMER_NAME = "former"
STAGING = ".unfinished."  # how folders begin in which cases are written until they are complete
_OF_A_CASE = (  # every file that a bundle's inference writes for a case
    *("segmentation.nii.gz", "dose.nii.gz", "segmentation.png", "report.json", "probabilities.json"),
    *("page.html", "page.pdf", "rtstruct.dcm", "seg.dcm", "rtdose.dcm", "sr.dcm", "sc.dcm"),
)
_LAST = ("report.json", "probabilities.json")  # where one of them is, all other files of the case are there, too
_TABLES = ("probabilities.csv", "predictions.csv")
_TIME = "%Y%m%d-%H%M%S-%f"  # in names of former results


class ResultsFolder:
    """Where an inference writes, one case beside the other, in one run or in several.

    A case is named after its file or folder, and "CT" or "ct.nii.gz" is many patients' name. ``inputs.json`` in the
    folder says which image each case was; another image of the same name is refused before the network runs.

    The files of a case are written in a hidden folder and moved in together when the case is complete, so that whoever
    watches the folder sees whole cases only. What a killed run left there is removed by the next one. The former files
    of a case that is predicted again are moved to ``former/``, so that what lies in the folder was made together; the
    other cases stay, in the tables too. The rows of all cases of a run go to ``former/`` before the first of its
    results comes: wherever the run ends, a row is about the files beside it. A case without a row is not finished.

    Args:
        path: folder, made when needed.
        bundle: name of the bundle that predicts, for the record.
        checkpoint: file of its weights, likewise; None: unknown.

    Attributes:
        left_out: lines of what the input held beside images, see :py:class:`ctan_monai.inference.FoundInputs`.
        unusable: lines of the images that cannot be used.
        incomplete: lines of what could not be written of images that have other results.
    """

    def __init__(self, path: str | Path, bundle: str, checkpoint: str | Path | None = None) -> None:
        self.path = Path(path)
        self.bundle = bundle
        self.checkpoint = checkpoint
        self._identities: dict[str, dict[str, str]] = {}
        self._staging: Path | None = None
        self._remove_staging: weakref.finalize[..., Any] | None = None
        self._staged: dict[str, list[str]] = {}  # case to its new files, as they are asked for
        self._withheld: dict[str, list[str]] = {}
        self._verdicts: dict[str, tuple[int, str]] = {}  # case to the level of its line, and the line
        self._recorded = False
        self._withdrawn: dict[str, dict[str, Mapping[str, Any]]] | None = None  # table to the rows that it had
        self.left_out: list[str] = []
        self.unusable: list[str] = []
        self.incomplete: list[str] = []

    def claim(self, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Take the names of a run's cases, before time is spent; nothing is written before the first result.

        Args:
            inputs: items with "image", a path or the files of a DICOM series, and "case_id"; of
                :py:class:`ctan_monai.inference.FoundInputs`, what was left out is kept, too.

        Raises:
            InputError: the folder has results of other images under these names; one message lists them.
        """
        if self.path.is_dir():
            with self._alone():
                self._remove_left()
        known = self._read()
        for item in inputs:
            if not {"case_id", "image"} <= set(item):
                raise InputError(
                    f"an image of the run has the keys {sorted(item)}: expected 'image', its path, and 'case_id', the "
                    "name of its results."
                )
        claimed = {str(item["case_id"]): image_identity(item["image"]) for item in inputs}
        self._refuse_others(known, claimed)
        self._identities = claimed
        self._withheld, self._verdicts, self._recorded, self._withdrawn = {}, {}, False, None  # of a former run
        found = inputs if isinstance(inputs, FoundInputs) else FoundInputs()
        self.left_out, self.unusable, self.incomplete = list(found.left_out), list(found.unusable), []

    def _refuse_others(self, known: Mapping[str, dict[str, str]], claimed: Mapping[str, dict[str, str]]) -> None:
        rows = {case for name in _TABLES for case in self._rows(name)}
        problems = [
            f"{self.path}: has results of '{case}' from {_words(known.get(case))}, and that is also the name of "
            f"{_words(identity)}."
            for case, identity in claimed.items()
            if not _same(known.get(case), identity) and (case in rows or self._has_files(case))
        ]
        if problems:
            raise InputError(
                "\n".join([*problems[:10], "Give another --output_dir: results of two images must not mix."])
            )

    def file(self, case: str, name: str) -> Path:
        """Path for a new file of a case, which appears in the folder with all others at :py:meth:`commit`.

        Args:
            case: its name.
            name: the file's, without the case, such as "dose.nii.gz".

        Raises:
            OSError: the folder cannot be written.
        """
        self._record()
        with output_errors(self.path / f"{case}_{name}"):
            staging = self._staging or self._stage()
        names = self._staged.setdefault(case, [])
        if name not in names:
            names.append(name)
        return staging / f"{case}_{name}"

    def commit(self, case: str, report: Mapping[str, Any] | None = None) -> None:
        """Move the new files of a case in, its former ones away.

        Args:
            case: its name, complete.
            report: on it, for the line about it at the end; see :py:func:`ctan_monai.utils.errors.verdict_line`.

        Raises:
            OSError: the folder cannot be written.
        """
        names = sorted(self._staged.pop(case, []), key=lambda name: name in _LAST)
        if self._staging is None or not names:
            return
        new = [path for name in names if (path := self._staging / f"{case}_{name}").is_file()]
        self._withdraw_rows()
        with output_errors(self.path / f"{case}_{names[0]}"):
            self._move_former(case)
        for path in new:
            with output_errors(self.path / path.name):
                path.replace(self.path / path.name)
        if report is not None and new:
            level = logging.INFO if report.get("usable", True) else logging.WARNING
            self._verdicts[case] = level, verdict_line(case, new[-1].name, report)
        if not self._staged:
            self.discard()

    def dicom_maker(
        self, case: str, report: Mapping[Any, Any], kinds: Sequence[str], write_implausible: bool
    ) -> Maker | None:
        """What the DICOM files of a case say of who made them; None where they are withheld, which its report says.

        Args:
            case: its name.
            report: with ``usable``; missing: it is.
            kinds: of DICOM files that are asked for.
            write_implausible: whether those of a case that is not usable are written; they say so.
        """
        if report.get("usable", True):
            return self.maker
        if write_implausible:
            return self.maker.implausible()
        if kinds:
            self._withheld[case] = list(kinds)
        return None

    @functools.cached_property
    def weights(self) -> str:
        """The first 12 digits of the SHA-256 of the weights; empty where they are unknown."""
        return "" if self.checkpoint is None else file_sha256(self.checkpoint)[:12]

    @property
    def maker(self) -> Maker:
        """What DICOM files say of who made them."""
        return predicted_by(self.bundle, self.weights)

    @property
    def cases(self) -> list[str]:
        """Names of the run's cases, as they were claimed."""
        return list(self._identities)

    def about(self, case: str) -> dict[str, Any]:
        """Lines for a case's report: what it is, when and by what it was made, and of which image."""
        image = {key: value for key, value in self._identities.get(case, {}).items() if key != "image"}
        made = {"about": self.maker.comment, "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")}
        withheld = {"withheld_dicom": self._withheld[case]} if case in self._withheld else {}
        return made | ({"weights_sha256": self.weights} if self.weights else {}) | image | withheld

    def fail(self, case: str, reason: str, lost: bool = True) -> None:
        """Remember what went wrong with a case; the others go on.

        Args:
            case: its name.
            reason: for the list at the end.
            lost: whether it has no results; otherwise some of them are written.
        """
        lines = self.unusable if lost else self.incomplete
        if reason not in lines:
            logger.warning("%s: %s", case, reason)
            lines.append(reason)
        if lost:
            self._identities.pop(case, None)
            self._staged.pop(case, None)

    def discard(self) -> None:
        """Remove what was written of cases that are not complete."""
        if self._remove_staging is not None:
            self._remove_staging()
        self._staging, self._remove_staging, self._staged = None, None, {}

    def finish(self) -> None:
        """Say at the end of a run whether each case is usable, and what was left out.

        Raises:
            UnusableInputs: some images could not be used; the results of the others are written.
        """
        for case in list(self._staged):  # of a run without the handler that writes the reports
            self.commit(case)
        self.discard()
        for level, line in self._verdicts.values():
            logger.log(level, line)
        for line in self.left_out:
            logger.info("Left out: %s", line)
        if lines := failure_lines(len(self._identities), self.unusable, self.incomplete):
            raise UnusableInputs("\n".join(lines))

    def write_table(self, name: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Write a table of this run's cases; rows of other cases that are in it already stay.

        A column says which weights a row is of.

        Args:
            name: of the csv file.
            rows: case to its columns.

        Raises:
            OSError: the file cannot be written; the message names it.
        """
        self._record()
        weights = {"weights_sha256": self.weights} if self.weights else {}
        with self._alone():
            withdrawn = (self._withdrawn or {}).get(name, {})
            # the results of cases that this run has lost are still the former ones
            kept = {case: row for case, row in withdrawn.items() if case not in self._identities}
            new = {case: {"case_id": case, **row, **weights} for case, row in rows.items()}
            write_output(self.path / name, csv_text(list((self._rows(name) | kept | new).values())))

    def _withdraw_rows(self) -> None:
        """Take the rows of this run's cases out of the tables, once: their files are about to change."""
        if self._withdrawn is not None:
            return
        self._withdrawn = {}
        with self._alone():
            for name in _TABLES:
                rows = self._rows(name)
                ours = {case: row for case, row in rows.items() if case in self._identities}
                if not ours:
                    continue
                self._withdrawn[name] = ours
                path = self.path / name
                former = self.path / FORMER_NAME / f"{path.stem}_{datetime.now(UTC):{_TIME}}{path.suffix}"
                write_output(former, csv_text(list(ours.values())))
                others = {case: row for case, row in rows.items() if case not in ours}
                if others:
                    write_output(path, csv_text(list(others.values())))
                else:
                    with output_errors(path):
                        path.unlink()
                logger.info("%s: the rows of a former run are now in %s", path, former)

    def _stage(self) -> Path:
        """The folder in which this run writes."""
        with self._alone(), contextlib.ExitStack() as stack:
            self.path.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=self.path))
            stack.callback(shutil.rmtree, staging, ignore_errors=True)
            # held as long as this process lives, however it ends
            self._remove_staging = weakref.finalize(self, _remove, staging, _lock(staging))
            stack.pop_all()
        self._staging = staging
        return staging

    def _remove_left(self) -> None:
        """Remove what runs that were killed had not completed; those that live hold theirs."""
        for left in self.path.glob(f"{STAGING}*"):
            if (lock := _lock(left)) is not None:
                _remove(left, lock)

    def _move_former(self, case: str) -> None:
        """A user may have worked on them: they are kept."""
        names = sorted(_OF_A_CASE, key=lambda name: name not in _LAST)  # these vouch for the others
        former = [file for name in names if (file := self.path / f"{case}_{name}").is_file()]
        if not former:
            return
        folder = self.path / FORMER_NAME / f"{case}_{datetime.now(UTC):{_TIME}}"
        folder.mkdir(parents=True)
        for file in former:
            file.rename(folder / file.name)
        logger.info("%s: the results of a former run are now in %s", case, folder)

    def _record(self) -> None:
        """Say whose results the cases' are, once, before the first of them is written."""
        if self._identities and not self._recorded:
            with self._alone():
                known = self._read()  # again: another run may have written into the folder since
                self._refuse_others(known, self._identities)
                write_output(self.path / INPUTS_NAME, json_text({**known, **self._identities}))
            self._recorded = True

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let another run wait that would change the folder's lists at this moment: one of the two would be lost."""
        with contextlib.ExitStack() as stack:
            # a folder that cannot be made or opened is told by what is written next; some network drives know no locks
            with contextlib.suppress(OSError):
                self.path.mkdir(parents=True, exist_ok=True)
                handle = os.open(self.path, os.O_RDONLY)
                stack.callback(os.close, handle)
                if fcntl is not None:
                    fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, dict[str, str]]:
        path = self.path / INPUTS_NAME
        try:
            content = parse_json(path.read_text()) if path.is_file() else {}
            if not isinstance(content, dict) or not all(_is_identity(value) for value in content.values()):
                raise ValueError("it is not as this program writes it")
            return content
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: cannot be read ({error}), so it is unknown whose results are in this folder. Give another "
                "--output_dir."
            ) from error

    def _rows(self, name: str) -> dict[str, Mapping[str, Any]]:
        """Case to row of a table that is there already."""
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            with path.open(newline="", encoding="utf-8") as stream:
                table = csv.DictReader(stream, strict=True)
                columns = table.fieldnames or []  # of an empty file only now: later it is closed
                rows = {row.get("case_id"): row for row in table}
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read as a table ({error}). Rename or remove it.") from error
        if "case_id" not in columns or not all(None not in [*row, *row.values()] for row in rows.values()):
            raise InputError(f"{path}: is not a table of results: expected a column 'case_id'. Rename or remove it.")
        return {str(case): row for case, row in rows.items()}

    def _has_files(self, case: str) -> bool:
        folders = [self.path, *self.path.glob(f"{STAGING}*")]  # of other runs, too
        return any((folder / f"{case}_{name}").exists() for folder in folders for name in _OF_A_CASE)


def _lock(folder: Path) -> int | None:
    """The handle of a folder that no process holds; None where one does, or where that is unknown."""
    if fcntl is None:
        return None
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle
    except OSError:  # it is held, or gone, or on a network drive without locks
        if handle is not None:
            os.close(handle)
        return None


def _remove(staging: Path, lock: int | None) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def image_identity(image: str | Path | Sequence[str | Path]) -> dict[str, str]:
    """What tells an image from others of the same name.

    Args:
        image: a file, the folder of a DICOM CT series, or the files of one.

    Returns:
        its path as "image"; of a series "patient_id" and "series_instance_uid", of a file "sha256".
    """
    if isinstance(image, str | Path) and Path(image).is_file():
        path = Path(image)
        # of a MetaImage header (.mhd) also the voxels' file: headers of two patients may be alike
        digests = [file_sha256(file) for file in (path, *metaimage_voxel_files(path))]
        digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        return {"image": image_name(path), "sha256": digest}
    series = ct_series(image)
    header = pydicom.dcmread(series.files[0], stop_before_pixels=True, specific_tags=["PatientID"])
    patient = str(header.get("PatientID") or "")
    return {"image": image_name(image), "patient_id": patient, "series_instance_uid": series.series_uid}


def _is_identity(value: Any) -> bool:
    """Whether it can be of :py:func:`image_identity`."""
    texts = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return texts and "image" in value and ("sha256" in value or "series_instance_uid" in value)


def _same(known: Mapping[str, str] | None, identity: Mapping[str, str]) -> bool:
    return known is not None and {**known, "image": ""} == {**identity, "image": ""}


def _words(identity: Mapping[str, str] | None) -> str:
    if identity is None:
        return f"an image that {INPUTS_NAME} does not name"
    if "series_instance_uid" in identity:
        patient = identity.get("patient_id") or "without ID"
        return f"patient {patient}, series {identity['series_instance_uid']} ({identity['image']})"
    return f"the file {identity['image']} (SHA-256 {identity['sha256'][:8]}...)"
