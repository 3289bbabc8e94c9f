# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a packed bundle on images; see :py:mod:`ctan_monai.packing.predict_options`."""

from __future__ import annotations

import argparse
import csv
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctan_monai.bundle.data_values import as_data, code_in
from ctan_monai.utils import original_names
from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import (
    DataError,
    UnusableInputs,
    UnusableResults,
    failure_lines,
    lack_of_resources,
    plain_cause,
    verdict_line,
)

from .checksums import verify_checksums
from .predict_options import parse, refuse_missing_image

REPORTING = "ctan_monai.inference.plausibility_report"
PHOTOGRAPHS = "predictions.csv"  # their table
INPUTS = ("ctan_monai.inference.ct_inputs", "ctan_monai.inference.photo_inputs", "ctan_monai.inference.results_folder")
# by the config's id
_OPTIONS = {"dicom_output": "--dicom", "targets_from": "--targets", "write_implausible": "--write-implausible"}
_OWN_IDS = ("bundle_root", "dataset_dir", "output_dir")  # have arguments of their own


class Cases(list[str]):
    """Names of the predicted cases.

    Args:
        names: by which their files begin.
        left_out: lines of what the input held beside images, see :py:class:`ctan_monai.inference.FoundInputs`.
        unusable: lines of the images that cannot be used.
        incomplete: lines of what could not be written of images that have other results.
    """

    def __init__(
        self,
        names: Sequence[str],
        left_out: Sequence[str] = (),
        unusable: Sequence[str] = (),
        incomplete: Sequence[str] = (),
    ) -> None:
        super().__init__(names)
        self.left_out, self.unusable, self.incomplete = left_out, unusable, incomplete


def predict(
    bundle: Path,
    source: Path,
    output: Path,
    digest: str | None = None,
    *,
    checkpoint: Path | None = None,
    **values: Any,
) -> Cases:
    """Run the inference of a packed bundle, or of one of this package with the weights of a training.

    Args:
        bundle: its unpacked folder.
        source: image or folder of images; see the bundle's README.
        output: folder for the results.
        digest: SHA-256 of the bundle's ``checksums.json``; see :py:func:`verify_checksums`.
        checkpoint: of a training, for a bundle of this package, which has no checksums.
        values: further ids of its ``inference.json`` and their values, which are data: none is evaluated.

    Returns:
        names of the cases, by which their files in ``output`` begin, and what was left out.

    Raises:
        InputError: the bundle was changed, or nothing of the input can be used.
    """
    if checkpoint is None:
        verify_checksums(bundle, digest)  # before any of its configs, which are code, is read
    else:
        values = {**values, "checkpoint": checkpoint}
    refuse_missing_image(source)
    from monai.bundle import ConfigWorkflow  # here, after the bundle was found unchanged

    workflow = ConfigWorkflow(config_file=str(bundle / "configs" / "inference.json"), workflow_type="inference")
    if "pdf" in values and "pdf" not in workflow.parser:
        raise DataError(f"--pdf: the results of {bundle} have no page. Leave --pdf out.")
    if "write_implausible" in values and "write_implausible" not in workflow.parser:
        raise DataError(f"--write-implausible: the results of {bundle} are not judged. Leave it out.")
    for name, value in {**values, "bundle_root": bundle, "dataset_dir": source, "output_dir": output}.items():
        try:
            workflow.parser[name] = as_data(value)
        except (LookupError, TypeError, ValueError) as error:  # below the top; check_overrides looks at the top
            raise DataError(f"--set {name}: {bundle / 'configs' / 'inference.json'} has no such id.") from error
    workflow.initialize()
    try:
        workflow.run()
    except Exception as error:
        if not isinstance(plain_cause(error), UnusableInputs):  # these are among the cases that are returned
            raise
    workflow.finalize()
    results = workflow.parser.get_parsed_content("results")
    return Cases(results.cases, results.left_out, results.unusable, results.incomplete)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    return main_of(parse(arguments))


def main_of(options: argparse.Namespace) -> int:
    """Run the command of a parsed command line; returns the exit status."""
    warnings.simplefilter("ignore")  # of libraries, about themselves
    with quiet_run():
        return exit_status(lambda: run(options), ValueError)


@contextmanager
def quiet_run() -> Iterator[None]:
    """Leave out what other words say better here."""
    # progress; warnings that are printed at the end
    loggers = [logging.getLogger(n) for n in ("ignite", REPORTING, *INPUTS)]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def run(options: argparse.Namespace) -> None:
    """Predict, and say where the results are and what to read first."""
    values = _values(options.set)
    if options.checkpoint is not None:
        values["checkpoint"] = options.checkpoint
    if options.dicom:
        values["dicom_output"] = True
    if options.write_implausible:
        values["write_implausible"] = True
    if options.tg263:
        values["tg263"] = True
    if options.pdf:
        values["pdf"] = True
    if options.targets is not None:
        values["targets_from"] = options.targets
    if options.target_doses is not None:
        values["target_doses"] = options.target_doses
    if options.series:
        values["series"] = options.series
    if options.device:
        values["device"] = _device(options.device)
    try:
        cases = predict(options.bundle, options.source, options.output, options.sha256, **values)
    except KeyboardInterrupt as error:
        raise DataError(
            f"interrupted: {options.output} lacks results, or has those of some images only. Run it again."
        ) from error
    except Exception as error:
        cause = plain_cause(error)
        message = _remedy(cause)
        if message is None and not isinstance(cause, DataError | OSError | ValueError):
            raise
        raise DataError(message or _in_words_of_this_command(str(cause))) from error
    photographs = _photographs(options.output)
    reports = {case: path for case in cases if (path := _report(options.output, case)) is not None}
    unknown = [case for case in cases if case not in photographs and case not in reports]
    unusable = []
    for case in cases:
        if case in reports:
            content = json.loads(reports[case].read_text())
            print(_in_words_of_this_command(_verdict(case, reports[case].name, content)))
            if not content.get("usable", True):
                unusable.append(case)
        elif case not in unknown:  # a photograph: there is nothing to judge its result by
            print(f"{case}: done.")
    if cases.left_out:
        print("Left out:", *(f"  - {line}" for line in cases.left_out), sep="\n")
    problems = []
    if unknown:
        problems.append(f"{options.output}: has no report on {', '.join(unknown)}: do not use their results.")
    problems += failure_lines(len(cases), cases.unusable, cases.incomplete)
    if len(cases) > len(unknown) or not problems:
        print(f"Results are in {options.output}. Research only: not for diagnosis or treatment.")
    if unusable:
        problems.insert(0, f"use none of the results of {', '.join(unusable)} ({len(unusable)} of {len(cases)} cases).")
    if problems:
        message = _in_words_of_this_command("\n".join(problems))
        raise UnusableResults(message) if unusable else DataError(message)


def _verdict(case: str, name: str, content: dict[str, Any]) -> str:
    """What a user must know of a case before they look at anything, one warning a line."""
    warnings = content.get("warnings") or []
    warnings = [warnings] if isinstance(warnings, str) else warnings
    lines = [verdict_line(case, name, content) + (":" if warnings and content.get("usable", True) else "")]
    lines += [f"  - {text}" for text in warnings if text != content.get("unusable_because")]
    if seconds := content.get("seconds"):
        lines.append("  Seconds: " + ", ".join(f"{part} {value:.1f}" for part, value in seconds.items()) + ".")
    return "\n".join(lines)


def _photographs(output: Path) -> set[str]:
    """Cases in the table of photographs; CTs in the same folder are in none."""
    path = output / PHOTOGRAPHS
    if not path.is_file():
        return set()
    with path.open(newline="", encoding="utf-8") as stream:
        return {str(row.get("case_id")) for row in csv.DictReader(stream)}


def _report(output: Path, case: str) -> Path | None:
    return next((p for kind in ("report", "probabilities") if (p := output / f"{case}_{kind}.json").is_file()), None)


def _device(name: str) -> Any:
    import torch  # here: it takes seconds, and --help should not

    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise DataError(
            f"--device {name}: PyTorch cannot use it here ({str(error).splitlines()[0]}). Leave --device out."
        ) from error


def _remedy(cause: BaseException) -> str | None:
    """What to do about an error that is not the image's fault; None: nothing that is known here."""
    if isinstance(cause, ModuleNotFoundError):
        return f"the package {cause.name} is missing: pip install -r requirements.txt of the bundle."
    return lack_of_resources(cause)


def _in_words_of_this_command(message: str) -> str:
    """Messages name ids of the bundle's config, which this command calls otherwise, and where a zip was unpacked."""
    message = original_names(message).replace("--output_dir", "RESULTS")
    return re.sub(rf"--({'|'.join(_OPTIONS)})\b", lambda found: _OPTIONS[found[1]], message)


def _values(pairs: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise DataError(f"--set {pair}: expected ID=VALUE with a number, text or list, such as amp=false.")
        if any(part.startswith("_") for part in re.split("::|#", key)):
            raise DataError(f"--set {pair}: {key} is code to MONAI. Only values of the bundle's config can be set.")
        if key in _OWN_IDS:
            raise DataError(f"--set {pair}: {key} is what INPUT, RESULTS and --bundle say: give these.")
        try:
            values[key] = json.loads(text)
        except (ValueError, RecursionError):
            values[key] = text
        if code := code_in(values[key]):
            raise DataError(f"--set {pair}: {code} is code to MONAI. Give a number, text or list, such as amp=false.")
    return values


if __name__ == "__main__":
    sys.exit(main())
