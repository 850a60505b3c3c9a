"""The files that an experiment leaves for its readers: scores, a page, figures and tables."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.files import plain, write_whole
from nasbench_suite.reports.drawings import drawings
from nasbench_suite.reports.page import render
from nasbench_suite.reports.tables import csv_tables, latex_tables, to_csv
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import Summary, summarise

JSON: Final = "scores.json"
CSV: Final = "scores.csv"
PAGE: Final = "report.html"
FIGURES: Final = "figures"
TABLES: Final = "tables"


def report(folder: Path) -> tuple[Summary, Path | None]:
    """Score the experiment of a folder, and write what readers want to see of it.

    That is `scores.json` and `scores.csv`, the page `report.html`, its figures as SVG and PDF and
    its tables as CSV and LaTeX. The same runs give the same bytes, all but the real seconds that
    the strategies took.

    Args:
        folder: what `compare` has written.

    Returns:
        The scores, and where the page is: None if the extra `report` is not installed.

    Raises:
        DataNotFound: the folder holds no experiment, or a run of it is missing.
        DamagedInput: a file of it is damaged; the message names the file and line.
        OutputError: the files cannot be written.
    """
    summary = summarise(open_experiment(folder))
    write_whole(folder / JSON, scores_json(summary))
    write_whole(folder / CSV, scores_csv(summary))
    if any(find_spec(package) is None for package in ("jinja2", "plotly", "matplotlib")):
        return summary, None
    for ending, tables in (("csv", csv_tables(summary)), ("tex", latex_tables(summary))):
        for name, text in tables.items():
            write_whole(folder / TABLES / f"{name}.{ending}", text)
    for name, svg, pdf in drawings(summary):
        write_whole(folder / FIGURES / f"{name}.svg", svg)
        write_whole(folder / FIGURES / f"{name}.pdf", pdf)
    page = folder / PAGE
    write_whole(page, render(summary))
    return summary, page


def scores_json(summary: Summary) -> str:
    """Return the scores as a JSON list, one object a score; null for what is not a number."""
    rows = plain([asdict(score) for score in summary.scores])
    return json.dumps(rows, indent=2, allow_nan=False) + "\n"


def scores_csv(summary: Summary) -> str:
    """Return the scores as CSV with a header, one row a score; empty for what is not a number."""
    return to_csv(
        [field.name for field in fields(Score)],
        (asdict(score).values() for score in summary.scores),
    )
