# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .collect import collect_result, load_result, read_result
from .estimate import estimate_seconds
from .metrics import comparison_metrics
from .page import comparison_page
from .paired import paired_difference
from .paper import paper_rows
from .picture import comparison_picture
from .plan import PAPERS_METHODS, Run, plan_runs
from .render import further_rows, markdown_table, table_rows
from .runner import Runner
from .table import Result, TaskMetric, comparison_table
from .unequal import unequal_settings

__all__ = [
    "PAPERS_METHODS",
    "Result",
    "Run",
    "Runner",
    "TaskMetric",
    "collect_result",
    "comparison_metrics",
    "comparison_page",
    "comparison_picture",
    "comparison_table",
    "estimate_seconds",
    "further_rows",
    "load_result",
    "markdown_table",
    "paired_difference",
    "paper_rows",
    "plan_runs",
    "read_result",
    "table_rows",
    "unequal_settings",
]
