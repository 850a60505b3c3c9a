"""The pages of the leaderboards: one for each track and one in front, which load nothing.

The templates lie beside this file. Every text of a submission stays text. A page works from a file
path, and shows its table without a script; the script sorts it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from nasbench_suite.leaderboards.standings import Standings
from nasbench_suite.reports.page import own, templates

FRONT: Final = "index.html"


class Cell(NamedTuple):
    """A number in a table."""

    text: str
    note: str
    """Its interval, or nothing."""
    key: str
    """What a column is sorted by: the number itself, or nothing where it is not known."""
    place: str
    """`best`, `tied` or nothing."""


def render_track(found: Standings) -> str:
    """Return the page of a track; the same standings give the same text.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    last = found.together[-1].ranked if found.together else ()
    order = sorted(range(len(found.entries)), key=lambda at: last[at].rank)
    return _page(
        "board.html.j2",
        found=found,
        shares=[f"{share:.0%}" for share in found.track.checkpoints],
        rows=[_row(found, at) for at in order],
        tasks=[_task(found, place, order) for place in range(len(found.tasks))],
        wins=_wins(found, order),
    )


def render_front(boards: Sequence[Standings]) -> str:
    """Return the front page: the tracks, and who leads each.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    tracks = []
    for found in boards:
        ranked = found.together[-1].ranked if found.together else ()
        leaders = sorted((one for one in ranked if one.place), key=lambda one: one.rank)
        tracks.append({"track": found.track, "found": found, "leaders": leaders})
    return _page("board_front.html.j2", tracks=tracks)


def _page(template: str, **given: Any) -> str:
    import markupsafe

    # Style and script are the suite's own, and hold no data.
    page: str = (
        templates()
        .from_string(own(template))
        .render(
            style=markupsafe.Markup(own("page.css") + own("board.css")),
            script=markupsafe.Markup(own("board.js")),
            **given,
        )
    )
    return page


def _row(found: Standings, at: int) -> dict[str, Any]:
    """Return an entry's row of the table of ranks."""
    entry = found.entries[at]
    scores = [result.score for result in entry.results]
    return {
        "about": entry.about,
        "ranks": [
            _cell(one.ranked[at].rank, one.ranked[at].low, one.ranked[at].high, ".2f", place)
            for one in found.together
            for place in [one.ranked[at].place]
        ],
        "evaluations": _cell(sum(score.evaluations for score in scores) / len(scores), spec=",.0f"),
    }


def _task(found: Standings, place: int, order: Sequence[int]) -> dict[str, Any]:
    """Return the table of a benchmark, a row for each entry."""
    task = found.tasks[place]
    rows = []
    for at in order:
        entry = found.entries[at]
        result = entry.results[place]
        points = [_cell(p.mean, p.low, p.high, ".3f", p.place) for p in result.points]
        regret = _cell(result.points[-1].regret, spec=".3f")
        seconds = _cell(result.score.simulated_seconds, spec=",.0f")
        evaluations = _cell(result.score.evaluations, spec=",.0f")
        cells = [*points, regret, evaluations, seconds]
        rows.append({"name": entry.about.name, "cells": cells})
    unit = "s" if task.axis == "seconds" else "evaluations"
    return {
        "task": task,
        "budgets": [f"{budget:,.0f} {unit}" for budget in task.budgets],
        "best": "" if math.isnan(task.optimum) else f"{task.optimum:.3f}",
        "rows": rows,
    }


def _wins(found: Standings, order: Sequence[int]) -> list[dict[str, Any]]:
    """Return how likely a run of each entry beats one of each other, at the end of the budget."""
    rows = []
    for at in order:
        rates = [float(found.together[-1].wins[at, other]) for other in order]
        texts = [
            "" if other == at else f"{rate:.0%}" for other, rate in zip(order, rates, strict=True)
        ]
        rows.append({"name": found.entries[at].about.name, "texts": texts})
    return rows


def _cell(
    value: float,
    low: float = math.nan,
    high: float = math.nan,
    spec: str = ".3f",
    place: str = "",
) -> Cell:
    if math.isnan(value):
        return Cell("–", "", "", "")
    note = "" if math.isnan(low) else f"{low:{spec}} to {high:{spec}}"
    return Cell(f"{value:{spec}}", note, repr(value), place)
