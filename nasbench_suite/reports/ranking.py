"""What the figures of all benchmarks together show: ranks along the budget, and at its end.

Numbers come from the summary; here they are given places, which the page's script and the figures
for papers share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from nasbench_suite.reports.figures import plain, series, thinned
from nasbench_suite.reports.together import no_difference
from nasbench_suite.scoring.standings import ranked
from nasbench_suite.scoring.summary import Summary

LABEL: Final = 0.075
"""How much of the height of a figure of ranks the name of a line takes."""
BAR: Final = 0.42
"""How far apart bars of a critical-difference diagram are, if its rows are 1 apart."""


class Stem(NamedTuple):
    """The line from a strategy's average rank down to its row, and to its name at the side."""

    series: int
    rank: float
    row: float
    left: bool


class Bar(NamedTuple):
    """A group of strategies that are not told apart."""

    low: float
    high: float
    row: float


class Difference(NamedTuple):
    """A critical-difference diagram: ranks along its axis, and rows below it, one unit each."""

    most: int
    """The worst rank there can be; the axis goes from 1 to there."""
    stems: tuple[Stem, ...]
    bars: tuple[Bar, ...]
    length: float
    """The critical difference."""
    ruler: float
    """The row in which its length is shown."""


def difference(summary: Summary, one_sided: bool = False) -> Difference | None:
    """Return the critical-difference diagram as Demšar draws it; None if there is none.

    The better half has its names on the left and the others on the right, the outermost first, so
    that no two lines cross.

    Args:
        summary: what to draw.
        one_sided: all names are on the left, where there is little room.
    """
    if no_difference(summary) is not None:
        return None
    overall = summary.overall
    order = ranked(overall)
    ranks = [aggregate.rank for aggregate in overall.aggregates]
    bars, levels = _bars([[ranks[place] for place in group] for group in overall.alike])
    first = 1 + BAR * levels
    left = len(order) if one_sided else math.ceil(len(order) / 2)
    stems = [
        *(Stem(place, ranks[place], first + row, True) for row, place in enumerate(order[:left])),
        *(
            Stem(place, ranks[place], first + row, False)
            for row, place in enumerate(reversed(order[left:]))
        ),
    ]
    return Difference(len(order), tuple(stems), bars, overall.difference, first + left)


def spread_labels(values: Sequence[float], gap: float) -> list[float]:
    """Return places for labels beside values, in their order, at least `gap` apart.

    Labels move no further than they must: those that would lie on each other are set around the
    mean of what they belong to.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    # Neighbours that are too near become one block, again and again.
    blocks: list[tuple[float, int]] = []
    for place in order:
        centre, size = values[place], 1
        while blocks and centre - blocks[-1][0] < gap * (size + blocks[-1][1]) / 2:
            before, count = blocks.pop()
            centre = (centre * size + before * count) / (size + count)
            size += count
        blocks.append((centre, size))
    places = [
        centre + gap * (number - (size - 1) / 2)
        for centre, size in blocks
        for number in range(size)
    ]
    found = [0.0] * len(values)
    for place, where in zip(order, places, strict=True):
        found[place] = where
    return found


def label_places(summary: Summary) -> list[float]:
    """Return at which rank the name of each strategy stands beside the end of its line."""
    last = [float(expected[-1]) for expected in summary.ranks.expected.values()]
    return spread_labels(last, min(1.0, LABEL * len(last)))


def together_panels(summary: Summary) -> dict[str, Any]:
    """Return all that the page's script draws of all benchmarks together."""
    wide, narrow = difference(summary), difference(summary, one_sided=True)
    return {
        "key": "together",
        "ranks": _ranks(summary) if len(summary.experiment.strategies) > 1 else None,
        "difference": None
        if wide is None or narrow is None
        else {"id": "difference", "wide": _plainly(wide), "narrow": _plainly(narrow)},
    }


def all_series(summary: Summary) -> list[dict[str, Any]]:
    """Return how every strategy looks, its name as plotly is given it."""
    return [{**one._asdict(), "name": plain(one.name)} for one in series(summary)]


def _ranks(summary: Summary) -> dict[str, Any]:
    ranks = summary.ranks
    kept = thinned(len(ranks.share))
    return {
        "id": "ranks",
        "x": [round(100 * share, 2) for share in ranks.share[kept].tolist()],
        "lines": [
            [round(rank, 3) for rank in expected[kept].tolist()]
            for expected in ranks.expected.values()
        ],
        "labels": [round(place, 3) for place in label_places(summary)],
    }


def _bars(groups: Sequence[Sequence[float]]) -> tuple[tuple[Bar, ...], int]:
    """Return the bars of groups of ranks, each in the first row where it is alone, and the rows."""
    ends: list[float] = []
    bars = []
    for group in groups:
        low, high = min(group), max(group)
        row = next((n for n, end in enumerate(ends) if end < low), len(ends))
        ends[row : row + 1] = [high]
        bars.append(Bar(low, high, 0.6 + BAR * row))
    return tuple(bars), len(ends)


def _plainly(found: Difference) -> dict[str, Any]:
    return {
        **found._asdict(),
        "stems": [stem._asdict() for stem in found.stems],
        "bars": [bar._asdict() for bar in found.bars],
    }
