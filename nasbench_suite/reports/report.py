from __future__ import annotations

from pathlib import Path

from nasbench_suite.experiments.compare import open_experiment
from nasbench_suite.scoring.summary import Summary, summarise


def report(folder: Path) -> tuple[Summary, Path | None]:
    return summarise(open_experiment(folder)), None
