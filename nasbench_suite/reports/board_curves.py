"""What the script of a track's page draws and tabulates: numbers of the standings, as plain data.

Student's interval lies evenly about its mean, so of a curve's half of its length is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nasbench_suite.files import plain
from nasbench_suite.leaderboards.standing_files import DIGITS
from nasbench_suite.leaderboards.standings import Result, Standings
from nasbench_suite.reports import board, words

NUMBERS: Final = 100_000
"""How many numbers all curves of a page may have together: it is to stay small."""
_BEST: Final = 4
"""How many entries are drawn at first, besides random search."""
_DIGITS: Final = 8
"""With how many digits, at most, the numbers of tables are told."""
_RANDOM: Final = "random_search"


def curves(found: Standings, order: Sequence[int]) -> dict[str, Any]:
    """Return the curves and the results at checkpoints of all entries on all benchmarks.

    Args:
        found: the standings of a track that has entries.
        order: the places of the entries, the best first.
    """
    entries, tasks = len(found.entries), len(found.tasks)
    most = max(2, NUMBERS // (2 * entries * tasks))
    digits = min(_DIGITS, DIGITS[found.track.source])
    kept = [_kept(len(found.entries[0].results[place].curve.grid), most) for place in range(tasks)]
    return {
        "tasks": [_task(found, place, kept[place]) for place in range(tasks)],
        "shares": [board.share(value) for value in found.track.checkpoints],
        "entries": [
            {
                "name": entry.about.name,
                "folder": board.folder_of(entry),
                "results": [
                    _result(result, part, digits)
                    for result, part in zip(entry.results, kept, strict=True)
                ],
            }
            for entry in found.entries
        ],
        "order": list(order),
        "chosen": chosen(found, order),
    }


def chosen(found: Standings, order: Sequence[int]) -> list[int]:
    """Return the places of the entries that are drawn at first: the best, and random search."""
    best = list(order[:_BEST])
    random = [at for at in order if found.entries[at].about.strategy == _RANDOM]
    return best + [at for at in random[:1] if at not in best]


def _kept(points: int, most: int) -> list[int]:
    """Return which points of a curve are drawn: all, or as many as fit, and always the last."""
    if points <= most:
        return list(range(points))
    places: list[int] = np.unique(np.linspace(0, points - 1, most).round().astype(int)).tolist()
    return places


def _task(found: Standings, place: int, kept: Sequence[int]) -> dict[str, Any]:
    task = found.tasks[place]
    return {
        "name": task.benchmark,
        "axis": "simulated seconds" if task.axis == "seconds" else "evaluations",
        "unit": "s" if task.axis == "seconds" else "evaluations",
        "metric": words.spoken(task.metric.name),
        "metricUnit": task.metric.unit,
        "decimals": board.decimals(found, place),
        "sign": -1 if task.metric.direction == "min" else 1,
        "optimum": _plain(task.optimum),
        "timed": task.timed,
        "budgets": [_plain(value) for value in task.budgets],
        "grid": [_plain(v) for v in found.entries[0].results[place].curve.grid[kept].tolist()],
    }


def _result(result: Result, kept: Sequence[int], digits: int) -> dict[str, Any]:
    curve, score = result.curve, result.score
    half = (curve.high - curve.low) / 2
    return {
        "mean": [_plain(value) for value in curve.mean[kept].tolist()],
        "half": [_plain(value, 4) for value in half[kept].tolist()],
        "points": [
            [*(_plain(v, digits) for v in (point.mean, point.low, point.high)), point.place]
            for point in result.points
        ],
        "evaluations": _plain(score.evaluations),
        "seconds": _plain(score.simulated_seconds),
    }


def _plain(value: float, digits: int = 6) -> float | None:
    """Return what JSON can hold, in few letters: no digits that nobody sees."""
    short: float | None = plain(float(value), digits)
    if short is None or not short.is_integer() or abs(short) >= 1e15:
        return short
    return int(short)
