"""The drawing of average ranks: a row an entry, its interval, and which are not told apart.

It is Demšar's critical-difference diagram with a row for each entry: names fit beside it on any
screen, and the bootstrapped interval of each rank has room. Lengths are percent of the axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from nasbench_suite.leaderboards.standings import Standings
from nasbench_suite.reports import board, words

_TICKS: Final = 8
"""At how many ranks, at most, the axis has a tick."""


def diagram(found: Standings, order: Sequence[int]) -> dict[str, Any]:
    """Return the drawing of the ranks at the end of the budget, of two entries or more.

    Args:
        found: the standings.
        order: the places of the entries, the best first.
    """
    last = found.together[-1]
    worst = len(order)

    def along(rank: float) -> float:
        return round(100 * (rank - 1) / (worst - 1), 2)

    rows = []
    for number, at in enumerate(order):
        one = last.ranked[at]
        low, high = (one.rank, one.rank) if math.isnan(one.low) else (one.low, one.high)
        rows.append(
            {
                "row": number + 2,
                "name": one.entry,
                "folder": board.folder_of(found.entries[at]),
                "rank": words.number(one.rank, 2),
                "at": along(one.rank),
                "low": along(low),
                "high": along(high),
                "place": one.place,
            }
        )
    step = math.ceil((worst - 1) / _TICKS)
    ticks = range(1, worst + 1, step)
    difference = last.difference
    return {
        "rows": rows,
        "ticks": [{"rank": rank, "at": along(rank)} for rank in ticks],
        "bars": _bars(found, order),
        "difference": words.number(difference, 2),
        "length": min(100.0, round(100 * difference / (worst - 1), 2)),
        "beyond": difference > worst - 1,
    }


def _bars(found: Standings, order: Sequence[int]) -> list[dict[str, int]]:
    """Return the bars that join rows not told apart, each in the first column where it is alone."""
    rows = {found.entries[at].about.name: number for number, at in enumerate(order)}
    ends: list[int] = []
    bars = []
    for group in found.together[-1].alike:
        places = [rows[name] for name in group]
        first, last = min(places), max(places)
        column = next((n for n, end in enumerate(ends) if end < first), len(ends))
        ends[column : column + 1] = [last]
        # Grid lines count from 1, and the first row is the axis.
        bars.append({"first": first + 2, "end": last + 3, "column": column + 4})
    return bars
