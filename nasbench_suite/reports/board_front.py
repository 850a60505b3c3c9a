"""The pages of the leaderboards that are of no track: in front, how scores come about, left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nasbench_suite.leaderboards.standings import Standings
from nasbench_suite.reports import board, words
from nasbench_suite.scoring.bootstrap import RESAMPLES

_LEADERS: Final = 5
"""How many leaders of a track the front page names."""


def out_of(boards: Sequence[Standings]) -> int:
    """Return how many submissions are left out."""
    return sum(len(found.left_out) for found in boards)


def render_front(boards: Sequence[Standings]) -> str:
    """Return the front page: the tracks, and who leads each.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    return board.render(
        "board_front.html.j2",
        root="",
        left_out=out_of(boards),
        tracks=[_track(found) for found in boards],
        entries=sum(len(found.entries) for found in boards),
    )


def render_scoring(boards: Sequence[Standings]) -> str:
    """Return the page that says how scores come about.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    return board.render(
        "board_scoring.html.j2", root="", left_out=out_of(boards), resamples=f"{RESAMPLES:,}"
    )


def render_left_out(boards: Sequence[Standings]) -> str:
    """Return the page of the submissions that are not ranked, and why.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    return board.render(
        "board_left_out.html.j2",
        root="",
        left_out=out_of(boards),
        boards=[found for found in boards if found.left_out],
    )


def _track(found: Standings) -> dict[str, Any]:
    track = found.track
    last = found.together[-1].ranked if found.together else ()
    leaders = [last[at] for at in board.ordered(found) if last[at].place]
    folders = {entry.about.name: board.folder_of(entry) for entry in found.entries}
    asked = [
        words.plural(len(track.parts), "benchmark"),
        words.plural(track.seeds, "seed"),
        words.plural(track.workers, "simulated worker"),
    ]
    return {
        "track": track,
        "status": board.status(track),
        "asked": ", ".join(asked),
        "entries": len(found.entries),
        "leaders": [
            {"name": one.entry, "folder": folders[one.entry], "rank": board.rank(one)}
            for one in leaders[:_LEADERS]
        ],
        "more": max(0, len(leaders) - _LEADERS),
    }
