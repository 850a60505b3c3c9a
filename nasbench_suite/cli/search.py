"""The verbs that search."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nasbench_suite import registry
from nasbench_suite.campaigns.reproduction import reproduce
from nasbench_suite.campaigns.strategies import portray
from nasbench_suite.cli import words
from nasbench_suite.cli.where import executor_of, live_of
from nasbench_suite.core import Budget
from nasbench_suite.experiments.compare import compare
from nasbench_suite.files import claim, write_whole
from nasbench_suite.reports.drawings import check_drawing
from nasbench_suite.reports.report import report
from nasbench_suite.reports.reproduction import reproduction_page
from nasbench_suite.reports.strategies import WHAT, write_strategies
from nasbench_suite.scoring.curves import ends, failed, incumbents, reported, trained

_SHOWN: Final = (
    "benchmark",
    "strategy",
    "evaluations",
    "runs",
    "metric",
    "mean",
    "std",
    "ci_low",
    "ci_high",
)


def run_once(given: argparse.Namespace) -> None:
    """Search once, and print what was found."""
    experiment = compare(
        [given.benchmark],
        [given.strategy],
        seeds=[given.seed],
        settings=words.settings(given.set, None, given.strategy),
        patience=given.patience,
        **_rules(given),
    )
    (strategy,) = experiment.strategies
    (found,) = experiment.runs(given.benchmark, strategy)
    benchmark = experiment.loaded[given.benchmark]
    metric = benchmark.protocol(given.protocol).report.metric
    best, spent = int(incumbents(found)[-1]), trained(found, benchmark)
    # Among other runs it would count as the worst; alone it is just missing.
    lost = failed(found, benchmark)
    row = {
        "benchmark": found.benchmark,
        "strategy": strategy,
        "seed": found.seed,
        "evaluations": len(found.trials),
        "unique": len({(trial.arch, trial.epochs) for trial in found.trials}),
        "epochs": int(spent[-1]) if len(spent) else None,
        "simulated_seconds": float(ends(found)[-1])
        if benchmark.protocol(given.protocol).cost
        else None,
        "strategy_seconds": found.overhead,
        metric: math.nan if lost else float(reported(found, benchmark)[-1]),
        "failed": lost,
        "architecture": benchmark.space.format(found.trials[best].arch) if best >= 0 else None,
        "log": str(experiment.path(given.benchmark, strategy, given.seed)),
    }
    if given.json:
        print(words.to_json(row))
    else:
        words.columns([(name, words.cell(value)) for name, value in row.items()])


def compare_strategies(given: argparse.Namespace) -> None:
    """Compare strategies, and write the report."""
    strategies = words.names(given.strategies)
    with executor_of(
        given, (given.device or "auto") if given.source == "live" else "cpu"
    ) as executor:
        experiment = compare(
            given.benchmarks,
            strategies,
            seeds=given.seeds,
            settings=words.settings(given.set, strategies),
            executor=executor,
            patience=given.patience,
            progress=words.Progress(),
            **_rules(given),
        )
    _scores(*report(experiment.folder), given.json)


def write_report(given: argparse.Namespace) -> None:
    """Write the report of a comparison that was made before."""
    _scores(*report(given.folder), given.json)


def portray_strategies(given: argparse.Namespace) -> None:
    """Write the page of strategies."""
    check_drawing(WHAT)
    named = given.strategies
    portraits = portray(
        claim(given.out),
        words.names(named) if named is not None else registry.names("strategies"),
        evaluations=given.evaluations,
        seeds=given.seeds,
        progress=words.Progress(),
    )
    page = write_strategies(portraits, given.out)
    print(words.to_json({"page": str(page)}) if given.json else f"page: {page}")


def reproduce_published(given: argparse.Namespace) -> None:
    """Repeat published searches, and write the page that sets them beside ours."""
    rows = reproduce(claim(given.out), runs=given.seeds, progress=words.Progress())
    page = reproduction_page(rows)
    write_whole(given.out / "reproduction.md", page)
    if given.json:
        found = [
            {**asdict(row.score), "published": list(row.published), "within": row.within}
            for row in rows
        ]
        print(words.to_json(found))
    else:
        print(page)


def _rules(given: argparse.Namespace) -> dict[str, Any]:
    """Return what a run and a comparison are asked alike."""
    return {
        "budget": Budget(
            evaluations=given.evaluations,
            seconds=given.seconds,
            real_seconds=given.real_seconds,
            epochs=given.epochs,
        ),
        "protocol": given.protocol,
        "workers": given.workers,
        "out": given.out,
        "source": given.source,
        "live": live_of(given),
    }


def _scores(summary: Any, page: Path | None, as_json: bool) -> None:
    rows = [asdict(score) for score in summary.scores]
    if not as_json:
        # What a line of a terminal holds; the rest is in the report.
        shown = (*_SHOWN[:3], "epochs", *_SHOWN[3:]) if summary.axis == "epochs" else _SHOWN
        rows = [{name: row[name] for name in shown} for row in rows]
    words.table(rows, as_json)
    if page is None:
        words.tell("no report: install the extra `report` (README), then call nasbench report DIR")
    elif not as_json:
        print(f"\nreport: {page}")
