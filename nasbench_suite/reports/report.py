"""The files that an experiment leaves for its readers: two of scores, and a page."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.files import write_whole
from nasbench_suite.reports.page import render
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import Summary, summarise

JSON: Final = "scores.json"
CSV: Final = "scores.csv"
PAGE: Final = "report.html"


def report(folder: Path) -> tuple[Summary, Path | None]:
    """Score the experiment of a folder, and write `scores.json`, `scores.csv` and `report.html`.

    The same runs give the same bytes.

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
    if find_spec("jinja2") is None or find_spec("plotly") is None:
        return summary, None
    page = folder / PAGE
    write_whole(page, render(summary))
    return summary, page


def scores_json(summary: Summary) -> str:
    """Return the scores as a JSON list, one object a score; null for what is not a number."""
    rows = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(score).items()
        }
        for score in summary.scores
    ]
    return json.dumps(rows, indent=2, allow_nan=False) + "\n"


def scores_csv(summary: Summary) -> str:
    """Return the scores as CSV with a header, one row a score; empty for what is not a number."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(field.name for field in fields(Score))
    for score in summary.scores:
        rows.writerow(
            "" if isinstance(value, float) and not math.isfinite(value) else value
            for value in asdict(score).values()
        )
    return text.getvalue()
