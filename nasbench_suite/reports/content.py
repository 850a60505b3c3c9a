"""All words and formatted numbers of a report's page; the template only places them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Metric
from nasbench_suite.reports import words
from nasbench_suite.reports.figures import BOXED, DOTS, series, timed, y_range
from nasbench_suite.scoring.standings import Standing, standings
from nasbench_suite.scoring.summary import Summary
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.store import Table

SHORT: Final = 12
"""How many digits of a sha256 are shown."""


def content(summary: Summary) -> dict[str, Any]:
    """Return what the page says.

    Raises:
        DataNotFound, DamagedTable: the card of a benchmark cannot be read.
    """
    experiment = summary.experiment
    strategies, names = list(experiment.strategies), list(experiment.benchmarks)
    subject = strategies[0] if len(strategies) == 1 else f"{len(strategies)} search strategies"
    place = names[0] if len(names) == 1 else f"{len(names)} benchmarks"
    notes = _notes(summary)
    return {
        "title": f"{subject} on {place}",
        "lead": _lead(summary),
        "protocol": experiment.protocol,
        "budget": words.budget(experiment.budget),
        "seeds": words.seeds(experiment.seeds),
        "version": experiment.version,
        "asked": _asked(summary),
        "strategies": [
            {"look": look, "settings": _settings(experiment.strategies[look.name])}
            for look in series(summary)
        ],
        "overview": _overview(summary) if len(names) > 1 else None,
        "results": [_result(summary, name, n) for n, name in enumerate(names)],
        "notes": notes,
        "note": {name: number for number, name in enumerate(notes, start=1)},
        "alone": len(strategies) == 1,
        "single": len(experiment.seeds) == 1,
        "numbered": count(1),
        "figured": count(1),
    }


# What was run.


def _lead(summary: Summary) -> str:
    experiment = summary.experiment
    budget = words.budget(experiment.budget)
    runs = "One run" if len(experiment.seeds) == 1 else f"{len(experiment.seeds):,} runs"
    things = (
        ("of each strategy", experiment.strategies),
        ("on each benchmark", experiment.benchmarks),
    )
    each = [phrase for phrase, named in things if len(named) > 1]
    if len(experiment.seeds) == 1 and not each:
        return f"One run of {budget}."
    return f"{' '.join([runs, *each])}, {budget} a run."


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value, ensure_ascii=False)) for name, value in settings.items()]


def _asked(summary: Summary) -> list[dict[str, Any]]:
    """Return what was asked of which data; benchmarks asked the same of the same come together."""
    experiment = summary.experiment
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for number, (name, benchmark) in enumerate(experiment.loaded.items()):
        protocol = benchmark.protocol(experiment.protocol)
        report = protocol.report
        said = {
            "data": _data(benchmark),
            "sha256": experiment.data[name][:SHORT],
            "description": protocol.description,
            "sees": _measured(protocol.objective, protocol.epochs, protocol.seed),
            "pays": f"its {words.spoken(protocol.cost)}, as simulated time"
            if protocol.cost
            else "1",
            "reported": _measured(report.metric, [report.epochs], report.seed),
        }
        group = groups.setdefault(tuple(said.values()), {**said, "benchmarks": []})
        group["benchmarks"].append({"key": f"b{number}", "name": name})
    return list(groups.values())


def _measured(metric: str, epochs: Sequence[int | None], seed: int | str) -> str:
    which = "mean of the trainings measured" if seed == "mean" else f"training {seed}"
    return f"{words.spoken(metric)}{words.after(epochs)}, {which}"


def _data(benchmark: Benchmark) -> str:
    """Return which data answered."""
    if not isinstance(benchmark, Table):
        return benchmark.source
    card = read_card(benchmark.folder)
    return f"{card['title']}, version\N{NO-BREAK SPACE}{card['version']}"


def _task(benchmark: Benchmark) -> str:
    """Return what the card of a benchmark says of its task, as the beginning of a sentence."""
    if not isinstance(benchmark, Table):
        return ""
    text: str = read_card(benchmark.folder)["tasks"][benchmark.task]["description"]
    return text[:1].upper() + text[1:]


# What came of it.


def _result(summary: Summary, name: str, number: int) -> dict[str, Any]:
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
        "difference": "points" if metric.unit == "%" else metric.unit,
        "optimum": None if optimum is None else _valued(optimum, places, metric),
        "rows": [_row(summary, standing, places) for standing in standings(summary, name)],
        "uneven": experiment.budget.seconds is not None,
        "timed": timed(summary, name),
        "empty": y_range(summary, name) is None,
        **_caption(summary, name, measured),
    }


def _caption(summary: Summary, name: str, measured: str) -> dict[str, Any]:
    """Return what the figure shows, and whether it can show more."""
    metric = summary.reported[name]
    found = y_range(summary, name)
    cut = found is not None and found.cut
    single = len(summary.experiment.seeds) == 1
    panels = "a and b" if timed(summary, name) else "a"
    text = [
        f"{measured[:1].upper()}{measured[1:]} of the architecture that a search would name.",
        f"Panel{'s' if len(panels) > 1 else ''} {panels}: "
        + (
            "one run, so there is no interval."
            if single
            else "mean over runs and 95 % interval of the mean."
        ),
        f"Panel {'c' if timed(summary, name) else 'b'}: " + _finals(len(summary.experiment.seeds)),
    ]
    if found is not None and cut:
        places = _places(summary, name)
        low, high = words.number(found.focus[0], places), _valued(found.focus[1], places, metric)
        text.append(
            f"The vertical axis is cut to {low} to {high}, where the curves lie after the first "
            "tenth of the budget."
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


def _valued(value: float, places: int, metric: Metric) -> str:
    return words.with_unit(words.number(value, places), metric.unit)


def _row(summary: Summary, standing: Standing, places: int) -> dict[str, Any]:
    score = standing.score
    look = next(look for look in series(summary) if look.name == score.strategy)
    low, high = (words.number(value, places) for value in (score.ci_low, score.ci_high))
    return {
        "look": look,
        "place": standing.place,
        "mean": words.number(score.mean, places),
        "std": words.number(score.std, places),
        "interval": low if low == words.DASH else f"{low} to {high}",
        "regret": words.number(score.regret, places),
        "runs": f"{score.runs:,}",
        "evaluations": words.count(score.evaluations),
    }


def _overview(summary: Summary) -> dict[str, Any]:
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


def _notes(summary: Summary) -> dict[str, str]:
    """Return how the numbers were computed, by what the template calls each note."""
    experiment = summary.experiment
    several = len(experiment.seeds) > 1
    notes = {
        "chosen": "After every trial, a search would name the architecture with the best objective "
        "among its trials of the longest training so far, the earlier of equals. The reported "
        "metric of that architecture is looked up after the search, which never saw it.",
    }
    if several:
        notes["interval"] = (
            "The 95 % interval of the mean over runs is Student's; the standard deviation divides "
            "by the number of runs less one."
        )
    else:
        notes["interval"] = "An interval and a standard deviation need two runs."
    if several and len(experiment.strategies) > 1:
        notes["tied"] = (
            "Overlapping intervals are a cautious sign of a tie, not a test: a test may still "
            "separate two means whose intervals overlap a little."
        )
    if summary.optimum:
        notes["regret"] = (
            "Regret is how far the mean falls short of the best value of the reported metric "
            "among all architectures of the space, which the table covers."
        )
    if any(timed(summary, name) for name in experiment.benchmarks):
        notes["time"] = (
            "Simulated time is the sum of the seconds that the trials cost according to the "
            "table. A point of a curve counts only if every run has a result by then, so a curve "
            "begins when the slowest first trial ended"
        ) + (
            "; curves against evaluations end where the shortest run ended."
            if experiment.budget.seconds is not None
            else ", and all curves end when the quickest run had spent its evaluations."
        )
    return notes
