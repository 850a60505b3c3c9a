"""What the page says of one benchmark: its tables, and the words around them."""

from __future__ import annotations

import math
from typing import Any

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.core import Metric
from nasbench_suite.reports import words
from nasbench_suite.reports.figures import BOXED, DOTS, against, looks, series, y_range
from nasbench_suite.scoring.standings import Standing, ahead, standings
from nasbench_suite.scoring.summary import CHANCE, Summary
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.store import Table


def result(summary: Summary, name: str, number: int) -> dict[str, Any]:
    """Return what the page says of a benchmark, which is the `number`-th of the page.

    Raises:
        DataNotFound, DamagedTable: its card cannot be read.
    """
    experiment = summary.experiment
    metric = summary.reported[name]
    places = _places(summary, name)
    report = experiment.loaded[name].protocol(experiment.protocol).report
    optimum = summary.optimum.get(name)
    measured = f"{words.spoken(report.metric)}{words.after([report.epochs])}"
    return {
        "key": f"b{number}",
        "name": name,
        "task": _task(experiment.loaded[name]),
        "metric": measured,
        "unit": metric.unit,
        "difference": _difference(metric),
        "optimum": None if optimum is None else _valued(optimum, places, metric),
        "average": name in summary.average,
        "odds": (name, CHANCE) in summary.odds and len(experiment.strategies) > 1,
        "rows": [_row(summary, standing, places) for standing in standings(summary, name)],
        "checkpoints": _checkpoints(summary, name, places),
        "detectable": _detectable(summary, name, places),
        "failed": _failed(summary, name),
        "panels": _panels(summary, name, f"b{number}", measured),
        **_caption(summary, name, measured),
    }


def overview(summary: Summary) -> dict[str, Any]:
    """Return one row a strategy and one column a benchmark."""
    experiment = summary.experiment
    columns, cells = [], {}
    for number, name in enumerate(experiment.benchmarks):
        report = experiment.loaded[name].protocol(experiment.protocol).report
        axis = words.axis(summary.reported[name], report.epochs)
        columns.append({"key": f"b{number}", "name": name, "axis": axis})
        places = _places(summary, name)
        for standing in standings(summary, name):
            cells[standing.score.strategy, name] = _row(summary, standing, places)
    axes = {column["axis"] for column in columns}
    return {
        # What all columns share is said once, below the table.
        "axis": axes.pop() if len(axes) == 1 else None,
        "columns": columns,
        "rows": [
            {"look": look, "cells": [cells[look.name, name] for name in experiment.benchmarks]}
            for look in series(summary)
        ],
    }


def _task(benchmark: Benchmark) -> str:
    """Return what the card of a benchmark says of its task, as the beginning of a sentence."""
    if isinstance(benchmark, SurrogateBenchmark):
        text: str = benchmark.card["task_description"]
        return f"{text[:1].upper()}{text[1:]}, predicted by a surrogate and not measured"
    if not isinstance(benchmark, Table):
        return ""
    text = read_card(benchmark.folder)["tasks"][benchmark.task]["description"]
    return text[:1].upper() + text[1:]


def _row(summary: Summary, standing: Standing, places: int) -> dict[str, Any]:
    score = standing.score
    odds = summary.odds.get((score.benchmark, score.strategy))
    # That random search beats itself every other time is no result.
    found = None if odds is None or score.strategy == CHANCE else odds
    return {
        "look": looks(summary)[score.strategy],
        "place": standing.place,
        "mean": words.number(score.mean, places),
        "std": words.number(score.std, places),
        "interval": words.interval(score.ci_low, score.ci_high, places),
        "iqm": words.number(score.iqm, places),
        "iqm_interval": words.interval(score.iqm_low, score.iqm_high, places),
        "odds": words.number(found.probability, 2) if found else words.DASH,
        "odds_interval": words.interval(found.ci_low, found.ci_high, 2) if found else "",
        "improvement": words.number(score.relative_improvement, 2),
        "regret": words.number(score.regret, places),
    }


def _checkpoints(summary: Summary, name: str, places: int) -> dict[str, Any] | None:
    """Return what was reached when parts of the budget were spent, if all reached any together."""
    ordered = [standing.score for standing in standings(summary, name)]
    budgets = [point.budget for point in summary.checkpoints[name, ordered[0].strategy]]
    if not budgets:
        return None
    unit, length = words.clock(budgets[-1]) if summary.axis == "seconds" else (summary.axis, 1.0)
    best = ahead(summary, name)
    return {
        "budgets": [
            words.count(budget) if length == 1 else words.significant(budget / length)
            for budget in budgets
        ],
        "unit": unit,
        "areas": any(not math.isnan(score.area) for score in ordered),
        "rows": [
            {
                "look": looks(summary)[score.strategy],
                "cells": [
                    {
                        "mean": words.number(point.mean, places),
                        "interval": words.interval(point.ci_low, point.ci_high, places),
                        "best": score.strategy in first,
                    }
                    for point, first in zip(
                        summary.checkpoints[name, score.strategy], best, strict=True
                    )
                ],
                "area": words.number(score.area, places),
            }
            for score in ordered
        ],
    }


def _detectable(summary: Summary, name: str, places: int) -> str:
    """Return how small a difference these runs can show, as a sentence; nothing for one run."""
    least = summary.detectable[name]
    experiment = summary.experiment
    if math.isnan(least) or len(experiment.strategies) < 2:
        return ""
    size = words.with_unit(words.number(least, places), _difference(summary.reported[name]))
    runs = words.plural(len(experiment.seeds), "run")
    return (
        f"With {runs} of each, a difference of two means is likely to show only if it is "
        f"{size} or more."
    )


def _failed(summary: Summary, name: str) -> str:
    """Return in how many runs the reported training failed, as a sentence; nothing for none."""
    counts = [(score.strategy, score.failed) for score in summary.of(name) if score.failed]
    if not counts:
        return ""
    runs = words.plural(len(summary.experiment.seeds), "run")
    told = words.listed([f"{number:,} of {runs} of {strategy}" for strategy, number in counts])
    return f"The training that is reported failed in {told}."


def _panels(summary: Summary, name: str, key: str, measured: str) -> list[dict[str, Any]]:
    """Return the panels of the figure, two of curves in a row; none if there are no curves."""
    if y_range(summary, name) is None:
        return []
    curves = against(summary, name)
    found = [
        {
            "id": f"{key}-{panel.name}",
            "words": f"against {panel.words}",
            "label": f"{measured} against {panel.words}, on {name}",
            # The last of an odd number has its row alone.
            "full": place % 2 == 1 and place == len(curves),
        }
        for place, panel in enumerate(curves, start=1)
    ]
    finals = {
        "id": f"{key}-finals",
        "words": "when the budget is spent",
        "label": f"final {measured} of every run, on {name}",
        "full": True,
    }
    return [
        {"letter": letter, **panel} for letter, panel in zip("abcd", [*found, finals], strict=False)
    ]


def _caption(summary: Summary, name: str, measured: str) -> dict[str, Any]:
    """Return what the figure shows, and whether it can show more."""
    metric = summary.reported[name]
    found = y_range(summary, name)
    cut = found is not None and found.cut
    single = len(summary.experiment.seeds) == 1
    *curves, finals = list("abcd")[: len(against(summary, name)) + 1]
    text = [
        f"{measured[:1].upper()}{measured[1:]} of the architecture that a search would name.",
        f"Panel{'s' if len(curves) > 1 else ''} {words.listed(curves)}: "
        + (
            "one run, so there is no interval."
            if single
            else "mean over runs and 95 % interval of the mean."
        ),
        f"Panel {finals}: " + _finals(len(summary.experiment.seeds)),
    ]
    if found is not None and cut:
        places = _places(summary, name)
        low, high = words.number(found.focus[0], places), _valued(found.focus[1], places, metric)
        text.append(
            f"The vertical axis is cut to {low} to {high}, where the curves lie after the first "
            "fifth of the budget."
        )
    return {"caption": " ".join(text), "cut": cut}


def _finals(seeds: int) -> str:
    if seeds == 1:
        return "a dot is the run."
    dots = "a dot is a run, " if seeds <= DOTS else ""
    box = "the box has the middle half of the runs and their median, " if seeds >= BOXED else ""
    box += "" if seeds <= DOTS else "the whiskers reach to the extremes, "
    return f"{dots}{box}the diamond is the mean with its 95 % interval."


def _places(summary: Summary, name: str) -> int:
    deviations = [score.std for score in summary.scores if score.benchmark == name]
    return words.decimals(summary.reported[name].unit, deviations)


def _difference(metric: Metric) -> str:
    """Return the unit of a difference: percent differ by points."""
    return "points" if metric.unit == "%" else metric.unit


def _valued(value: float, places: int, metric: Metric) -> str:
    return words.with_unit(words.number(value, places), metric.unit)
