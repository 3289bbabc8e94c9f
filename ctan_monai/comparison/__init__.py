# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .baselines import compare_baselines
from .collect import collect_result, load_result, read_result
from .complete import complete_cases, complete_results
from .contrasts import Contrast, contrast, holm, leave_one_out, relative_contrast, sign_flip_p
from .estimate import estimate_seconds
from .fairness import unequal_settings
from .page import comparison_page
from .paper import paper_rows
from .parts import compare_parts
from .picture import comparison_picture
from .plan import PAPERS_METHODS, Run, plan_runs
from .render import baseline_rows, complete_rows, contrast_rows, further_rows, markdown_table, part_rows, table_rows
from .runner import Runner
from .table import Result, all_contrasts, comparison_table

__all__ = [
    "PAPERS_METHODS",
    "Contrast",
    "Result",
    "Run",
    "Runner",
    "all_contrasts",
    "baseline_rows",
    "collect_result",
    "compare_baselines",
    "compare_parts",
    "comparison_page",
    "comparison_picture",
    "comparison_table",
    "complete_cases",
    "complete_results",
    "complete_rows",
    "contrast",
    "contrast_rows",
    "estimate_seconds",
    "further_rows",
    "holm",
    "leave_one_out",
    "load_result",
    "markdown_table",
    "paper_rows",
    "part_rows",
    "plan_runs",
    "read_result",
    "relative_contrast",
    "sign_flip_p",
    "table_rows",
    "unequal_settings",
]
