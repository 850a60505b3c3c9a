"""The page of a track: who stands where at every checkpoint, and all it follows from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from nasbench_suite.leaderboards.standings import Standings
from nasbench_suite.reports import board, words
from nasbench_suite.reports.board_curves import curves
from nasbench_suite.reports.board_ranks import diagram

_WIDE: Final = 8
"""A table of more benchmarks than this has them in its rows, and entries in its columns."""
_WINS: Final = 25
"""Of how many entries, the best, it is shown who beats whom."""


def render_track(found: Standings, left_out: int) -> str:
    """Return the page of a track.

    Args:
        found: its standings.
        left_out: how many submissions to all tracks are left out.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    order = board.ordered(found)
    abouts = [entry.about for entry in found.entries]
    return board.render(
        "board_track.html.j2",
        root="../",
        left_out=left_out,
        scripts=("board.js", "board_axes.js", "board_curves.js") if order else (),
        found=found,
        track=found.track,
        status=board.status(found.track),
        facts=_facts(found),
        shares=[board.share(value) for value in found.track.checkpoints],
        rows=[_row(found, at) for at in order],
        protocols=sorted({about.protocol for about in abouts}),
        whose=len({about.code is None for about in abouts}) > 1,
        gap=any(not math.isnan(one.gap) for one in found.together[-1].ranked) if order else False,
        data=curves(found, order) if order else None,
        spaces=_spaces(found),
        matrix=_matrix(found, order) if order else None,
        diagram=diagram(found, order) if len(order) > 1 else None,
        test=_test(found),
        wins=_wins(found, order[:_WINS]) if len(order) > 1 else [],
        beyond=max(0, len(order) - _WINS),
        parts=[_part(found, place) for place in range(len(found.track.parts))],
    )


def _facts(found: Standings) -> str:
    """Return what every submission has in common, in a line."""
    track = found.track
    said = [
        f"Version {track.version}",
        words.plural(len(track.parts), "benchmark"),
        words.plural(track.seeds, "seed"),
        words.plural(track.workers, "simulated worker"),
        words.plural(len(found.entries), "entry", "entries"),
    ]
    return ", ".join(said)


def _row(found: Standings, at: int) -> dict[str, Any]:
    """Return an entry's row of the table of ranks."""
    entry = found.entries[at]
    evaluations = [result.score.evaluations for result in entry.results]
    return {
        "at": at,
        "about": entry.about,
        "folder": board.folder_of(entry),
        "ranks": [board.rank(one.ranked[at]) for one in found.together],
        "gap": board.gap(found.together[-1].ranked[at]),
        "evaluations": board.counted(round(sum(evaluations) / len(evaluations), 1)),
    }


def _spaces(found: Standings) -> list[tuple[str, list[tuple[int, str]]]]:
    """Return the benchmarks by space: of each its place and its task."""
    split = [part.benchmark.partition("/") for part in found.track.parts]
    return [
        (space, [(place, split[place][2]) for place in places])
        for space, places in groupby(range(len(split)), key=lambda place: split[place][0])
    ]


def _matrix(found: Standings, order: Sequence[int]) -> dict[str, Any]:
    """Return what each entry reaches on each benchmark when the budget is spent."""
    tasks = []
    for place, task in enumerate(found.tasks):
        digits = board.decimals(found, place)
        points = [found.entries[at].results[place].points[-1] for at in order]
        tasks.append(
            {
                "benchmark": task.benchmark,
                "task": task.benchmark.split("/", 1)[1],
                "metric": words.axis(task.metric, None),
                "budget": board.budget(task.budgets[-1], task),
                "best": words.number(task.optimum, digits),
                "cells": [board.cell(p.mean, p.low, p.high, digits, p.place) for p in points],
            }
        )
    entries = [found.entries[at] for at in order]
    return {
        "turned": len(tasks) > _WIDE,
        "tasks": tasks,
        "entries": [
            {"name": entry.about.name, "folder": board.folder_of(entry)} for entry in entries
        ],
    }


def _test(found: Standings) -> str:
    """Return what Friedman's test says of the entries, or nothing where it says nothing."""
    if not found.together or math.isnan(found.together[-1].test.p):
        return ""
    test = found.together[-1].test
    verdict = "differ" if test.f_p < 0.05 else "are not told apart"
    f = "∞" if math.isinf(test.f) else words.number(test.f, 2)
    return (
        f"Over {len(found.tasks)} benchmarks entries {verdict} when the budget is spent: "
        f"Friedman’s χ²\xa0=\xa0{words.number(test.statistic, 2)} ({_kept(words.chance(test.p))}), "
        f"Iman and Davenport’s F\xa0=\xa0{f} ({_kept(words.chance(test.f_p))})."
    )


def _kept(text: str) -> str:
    """Return a text that no break of line parts."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _wins(found: Standings, order: Sequence[int]) -> list[dict[str, Any]]:
    """Return how likely a run of each entry beats one of each other, at the end of the budget."""
    rows = []
    for at in order:
        cells: list[dict[str, Any] | None] = []
        for other in order:
            rate = float(found.together[-1].wins[at, other])
            side = "win" if rate > 0.5 else "loss" if rate < 0.5 else ""
            told = {"text": f"{rate:.2f}", "share": f"{rate:.3f}", "side": side}
            cells.append(None if other == at else told)
        entry = found.entries[at]
        rows.append({"name": entry.about.name, "folder": board.folder_of(entry), "cells": cells})
    return rows


def _part(found: Standings, place: int) -> dict[str, Any]:
    """Return on which data, and how long, a benchmark of the track is run."""
    part = found.track.parts[place]
    task = found.tasks[place] if found.tasks else None
    return {
        "benchmark": part.benchmark,
        "budget": words.budget(part.budget),
        "metric": "" if task is None else words.axis(task.metric, None),
        "best": words.DASH
        if task is None
        else words.number(task.optimum, board.decimals(found, place)),
        "data": part.data or "not named yet",
    }
