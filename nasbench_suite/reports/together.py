"""What the page says of all benchmarks together, and of what the searches cost."""

from __future__ import annotations

import math
from typing import Any

from nasbench_suite.reports import words
from nasbench_suite.reports.figures import looks, series
from nasbench_suite.scoring.standings import costs, ranked
from nasbench_suite.scoring.summary import Summary


def together(summary: Summary) -> dict[str, Any] | None:
    """Return what the page says of all benchmarks together; None for one strategy on one."""
    experiment, overall = summary.experiment, summary.overall
    strategies, benchmarks = len(experiment.strategies), len(experiment.benchmarks)
    if strategies == benchmarks == 1:
        return None
    order = ranked(overall)
    look = series(summary)
    diagram = no_difference(summary) is None
    return {
        "rows": [
            {
                "look": look[place],
                "rank": words.number(one.rank, 0 if benchmarks == 1 and one.rank % 1 == 0 else 2),
                "gap": words.number(100 * one.gap, 1),
                "gap_interval": words.interval(100 * one.gap_low, 100 * one.gap_high, 1),
            }
            for place, one in ((place, overall.aggregates[place]) for place in order)
        ],
        "gap": any(not math.isnan(one.gap) for one in overall.aggregates),
        "ranked": strategies > 1,
        "several": benchmarks > 1,
        "test": _test(summary) if strategies > 2 and benchmarks > 1 else "",
        "diagram": diagram,
        "reason": no_difference(summary),
        "difference": words.number(overall.difference, 2) if diagram else "",
        "wins": _wins(summary, order) if strategies > 1 else None,
    }


def no_difference(summary: Summary) -> str | None:
    """Return why there is no critical-difference diagram, or None if there is one."""
    strategies = len(summary.experiment.strategies)
    if strategies < 3:
        return (
            "There is no critical-difference diagram, which compares three strategies or more: "
            f"here {'is one' if strategies == 1 else 'are two'}."
        )
    if len(summary.experiment.benchmarks) < 2:
        return (
            "There is no critical-difference diagram, which compares average ranks over two "
            "benchmarks or more: here is one."
        )
    return None


def _test(summary: Summary) -> str:
    """Return Friedman's test in words."""
    strategies, benchmarks = len(summary.experiment.strategies), len(summary.experiment.benchmarks)
    found = summary.overall.test
    if math.isnan(found.p):
        return "All strategies are equal on every benchmark, so there is nothing to test."
    verdict = "finds a" if found.p < 0.05 else "finds no"
    text = (
        f"Friedman's test {verdict} difference between the strategies "
        f"(χ² = {found.statistic:.2f} with {strategies - 1} degrees of freedom, "
        f"{words.chance(found.p)}"
    )
    if math.isfinite(found.f):
        text += f"; Iman and Davenport's F = {found.f:.2f}, {words.chance(found.f_p)}"
    text += ")."
    if benchmarks <= 10 or strategies <= 5:
        text += (
            f" With {words.plural(benchmarks, 'benchmark')} and {strategies} strategies this is a "
            "rough guide: the test asks for more than ten and more than five."
        )
    return text


def _wins(summary: Summary, order: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return who beats whom, one row and one column a strategy, the best rank first."""
    look, wins = series(summary), summary.overall.wins
    return [
        {
            "number": number,
            "look": look[row],
            "cells": [
                # A strategy against itself is no comparison.
                None
                if row == column
                else {
                    "text": words.number(float(wins[row, column]), 2),
                    "share": f"{wins[row, column]:.2f}",
                    "side": "win" if wins[row, column] >= 0.5 else "loss",
                }
                for column in order
            ],
        }
        for number, row in enumerate(order, start=1)
    ]


def spent(summary: Summary) -> dict[str, Any]:
    """Return what the searches cost, by benchmark and strategy."""
    found = {name: costs(summary, name) for name in summary.experiment.benchmarks}
    every = [cost for group in found.values() for cost in group]
    # Means of counts: whole, or all of them with a decimal.
    whole = all(cost.evaluations % 1 == cost.unique % 1 == 0 for cost in every)
    places = 0 if whole else 1
    return {
        "epochs": summary.experiment.budget.epochs is not None,
        "timed": any(not math.isnan(cost.simulated_seconds) for cost in every),
        "groups": [
            {
                "name": name,
                "rows": [
                    {
                        "look": looks(summary)[cost.strategy],
                        "evaluations": words.number(cost.evaluations, places),
                        "unique": words.number(cost.unique, places),
                        "repeated": words.number(cost.repeated, places),
                        "epochs": words.count(cost.epochs),
                        "seconds": words.significant(cost.simulated_seconds),
                        "overhead": words.significant(cost.overhead),
                        "each": words.significant(1000 * cost.overhead_per_evaluation),
                        "spent": words.significant(cost.spent),
                    }
                    for cost in group
                ],
            }
            for name, group in found.items()
        ],
    }
