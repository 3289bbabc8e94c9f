# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A comparison of methods from its options to its table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.bundle.data_values import code_in
from ctan_monai.data import independent_units, read_datalist
from ctan_monai.metrics import comparison_metrics
from ctan_monai.utils import provenance, write_csv
from ctan_monai.utils.bundles import bundle_folder
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import write_atomic, write_json

from .baselines import compare_baselines
from .collect import load_result, read_result
from .complete import complete_cases, complete_results
from .estimate import estimate_seconds
from .fairness import unequal_settings
from .page import comparison_page
from .parts import compare_parts
from .picture import comparison_picture
from .plan import PAPERS_METHODS, Run, plan_runs
from .render import baseline_rows, complete_rows, contrast_rows, further_rows, markdown_table, part_rows, table_rows
from .runner import Runner
from .table import all_contrasts, comparison_table

__all__ = ["compare", "print_plan", "values_of", "write_table"]

_OPTIONS = {  # ids that the comparison sets itself
    "seed": "--seeds",
    "dataset_dir": "--dataset_dir",
    "output_dir": "--output",
    "resume": "giving the same command again",
    "method": "--methods",
    "weighting": "--weightings",
    "task_names": "--methods",
}
_OF_A_RUN = ("commit", "seed", "time", "machine")  # of its own record: runs of a table may be days apart


def write_table(
    runner: Runner,
    runs: Sequence[Run],
    title: str,
    reference: str | None,
    cases: Sequence[Mapping[str, Any]],
    baselines: Sequence[Path] = (),
) -> str:
    """Write the table of the runs that are finished as json, csv, Markdown, HTML and PNG; returns the Markdown.

    Args:
        runner: of the runs.
        runs: all of the comparison.
        title: name of the data set.
        reference: a data set of the paper's Table 2, to put its figures beside ours.
        cases: the test cases of the data list; where some are incomplete, a further table is of the complete ones.
        baselines: result files of trivial baselines.
    """
    units = dict(zip((str(case["case_id"]) for case in cases), independent_units(cases), strict=True))
    contents = {run.name: load_result(runner.result_path(run), run) for run in runs if runner.finished(run)}
    results = []
    for run in runs:
        if run.name in contents:
            with content_of(runner.result_path(run), "Remove it, and the run is done again."):
                results.append(read_result(contents[run.name], runner.metrics))
    table = comparison_table(results, runner.metrics, units)
    contrasts = all_contrasts(results, runner.metrics, units)
    pairs = contrast_rows(contrasts, runner.metrics)
    trivial = compare_baselines(baselines, results, runner.metrics, units)
    rows = table_rows(table, runner.metrics, reference, trivial)
    further = further_rows(table, runner.metrics, trivial)
    missing = [run.name for run in runs if run.name not in contents]
    unequal = unequal_settings(contents)
    source = provenance(runner.values)
    done = {run: {k: content["training"].get(k) for k in _OF_A_RUN} for run, content in contents.items()}
    parts = compare_parts(list(contents.values()))
    complete = complete_cases(cases)
    rest: list[dict[str, Any]] = []
    if 0 < len(complete) < len(cases):
        rest = comparison_table(complete_results(results, runner.metrics, complete), runner.metrics, units)
    written = {
        "rows": table,
        "contrasts": contrasts,
        "complete_cases": {"cases": len(complete), "of": len(cases), "rows": rest},
        "baselines": trivial,
        "parts": parts,
        "runs": done,
        "missing_runs": missing,
        "unequal": unequal,
    }
    write_json(runner.output / "table.json", {**written, "provenance": source})
    also = {
        f"Complete cases only, {len(complete)} of {len(cases)} test cases": complete_rows(rest, runner.metrics),
        "Methods against trivial baselines": baseline_rows(trivial, runner.metrics),
        "What each part is worth on the validation cases": part_rows(parts),
    }
    page = comparison_page(
        title, table, rows, further, pairs, runner.metrics, list(contents.values()), missing, unequal, source, also
    )
    write_atomic(runner.output / "report.html", page)
    write_atomic(runner.output / "table.png", comparison_picture(title, table, runner.metrics))
    wide = [row | more for row, more in zip(rows, further, strict=True)] if further else rows
    write_csv(runner.output / "table.csv", wide)
    tables = [
        *map(markdown_table, (rows, further, *pairs.values())),
        *(f"{caption}:\n\n{markdown_table(found)}" for caption, found in also.items() if found),
        *(f"Runs differ in more than the method: {u}\n" for u in unequal),
    ]
    text = "\n".join(filter(None, tables))
    write_atomic(runner.output / "table.md", text)
    return text


def print_plan(runner: Runner, runs: Sequence[Run]) -> None:
    """Each run, whether it is finished, and how long it would take, from a few steps of each network."""
    total = 0.0
    known: dict[tuple[str, tuple[str, ...]], float] = {}
    for run in runs:
        if runner.finished(run):
            print(f"{run.name}: finished")
            continue
        network = (run.method, run.tasks)
        if network not in known:
            known[network] = estimate_seconds(runner, run)
        total += known[network]
        print(f"{run.name}: about {known[network] / 60:.0f} min")
    print(
        f"in all about {total / 3600:.1f} h on this machine, training and validation; the evaluations are not counted"
    )


def values_of(pairs: Sequence[str]) -> dict[str, Any]:
    """``key=value`` pairs of the command line; numbers and lists as MONAI would read them."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise DataError(f"--set {pair}: expected key=value, such as max_epochs=8.")
        if key in _OPTIONS:
            raise DataError(f"--set {pair}: give it by {_OPTIONS[key]}.")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = {"True": True, "False": False}.get(text, text)
        if code := code_in(values[key]):
            raise DataError(f"--set {pair}: {code} is code to MONAI. Give plain data, or a config with --config_file.")
    return values


def compare(options: argparse.Namespace) -> None:
    """Do what is still to be done of a comparison, and print its table.

    Raises:
        DataError: a method or the data cannot be used; told before the first run.
    """
    configs = bundle_folder(options.bundle) / "configs"
    train = json.loads((configs / "train.json").read_text())
    metrics = comparison_metrics(options.bundle)
    runs = plan_runs(train, options.methods or PAPERS_METHODS, options.weightings, options.seeds)
    for section in ("training", "validation", "test"):  # before a run of hours
        cases = read_datalist(options.dataset_dir, section, train["task_names"])
    values = {**values_of(options.set), "dataset_dir": str(options.dataset_dir.resolve())}
    results = options.results or options.output / "results"
    runner = Runner(configs, options.output, metrics, results, options.config_file, values)
    if options.dry_run:
        print_plan(runner, runs)
        return
    reference = options.bundle if options.reference else None

    def write() -> str:
        return write_table(runner, runs, options.bundle, reference, cases, options.baselines)

    if not options.finished:
        runner.run(runs, after=write)
    print(write())
    print(f"written to {options.output / 'table.md'} (also csv and json) and {options.output / 'report.html'}")
