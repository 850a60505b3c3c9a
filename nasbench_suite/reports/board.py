"""What the pages of the leaderboards share: how they are rendered, and their words for numbers.

Each kind of page has a module of its own: board_front, board_track and board_entry. The templates
lie beside them and extend board_base.html.j2. Every text of a submission stays text, and a page
loads nothing: it works from a file path, and shows its tables without a script.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from nasbench_suite.leaderboards.results import Task
from nasbench_suite.leaderboards.standings import Entry, Standings
from nasbench_suite.leaderboards.together import Ranked
from nasbench_suite.leaderboards.track import Track
from nasbench_suite.reports import words
from nasbench_suite.reports.figures import COLOURS, DASHES
from nasbench_suite.reports.page import own, templates

FRONT: Final = "index.html"
SCORING: Final = "scoring.html"
LEFT_OUT: Final = "left_out.html"
_TAKEN: Final = (FRONT, "standings.json", "standings.csv", "standings.md")
"""What the folder of a track holds besides those of its entries."""


class Cell(NamedTuple):
    """A number in a table."""

    text: str
    note: str
    """Its interval, or nothing."""
    key: str
    """What a column is sorted by: the number itself, or nothing where it is not known."""
    place: str
    """`best`, `tied` or nothing."""


class Status(NamedTuple):
    """How far the results of a track can be trusted."""

    word: str
    text: str


_VERIFIED: Final = Status(
    "verified", "every number is recomputed from the measurements that a table holds"
)
_PREDICTED: Final = Status(
    "predicted", "every number is recomputed, from what a fitted surrogate predicts"
)
_PROVISIONAL: Final = Status(
    "provisional",
    "every number is recomputed, from what a fitted surrogate predicts; the winners were not "
    "trained yet",
)


def render(
    template: str, *, root: str, left_out: int, scripts: Sequence[str] = (), **given: Any
) -> str:
    """Return a page; the same values give the same text.

    Args:
        template: the name of its file.
        root: how the page gets to the front page's folder, such as `../`.
        left_out: how many submissions the page of those names.
        scripts: the names of the files of its script.
        given: what the template shows.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    import markupsafe

    # Style and script are the suite's own, and hold no data.
    page: str = (
        templates()
        .from_string(own(template))
        .render(
            style=markupsafe.Markup(own("page.css") + own("board.css")),
            script=markupsafe.Markup("".join(map(own, scripts))),
            root=root,
            left_out=left_out,
            **given,
        )
    )
    return page


def folder_of(entry: Entry) -> str:
    """Return the folder of an entry's page within that of its track.

    No name of an entry begins with an underscore, so none is another's.
    """
    return f"_{entry.folder}" if entry.folder.lower() in _TAKEN else entry.folder


def status(track: Track) -> Status:
    """Return how far the results of a track can be trusted."""
    if track.provisional:
        return _PROVISIONAL
    return _VERIFIED if track.source == "table" else _PREDICTED


def ordered(found: Standings) -> list[int]:
    """Return the places of entries, the best average rank at the end of the budget first."""
    if not found.together:
        return []
    last = found.together[-1].ranked
    return sorted(range(len(last)), key=lambda at: last[at].rank)


def look(number: int) -> dict[str, Any]:
    """Return the colour and the dashes of a series; 42 of them differ."""
    return {"colour": number % COLOURS, "dash": DASHES[number % len(DASHES)]}


def decimals(found: Standings, place: int) -> int:
    """Return how many decimals the results on a benchmark deserve."""
    spreads = [entry.results[place].score.std for entry in found.entries]
    return words.decimals(found.tasks[place].metric.unit, spreads)


def share(value: float) -> str:
    """Return a share of the budget."""
    return words.with_unit(f"{100 * value:g}", "%")


def budget(value: float, task: Task) -> str:
    """Return a budget on the axis of a benchmark."""
    unit = "s" if task.axis == "seconds" else "evaluations"
    return words.with_unit(words.count(value), unit)


def rank(ranked: Ranked) -> Cell:
    """Return an average rank with its interval."""
    return cell(ranked.rank, ranked.low, ranked.high, 2, ranked.place)


def gap(ranked: Ranked) -> Cell:
    """Return the share of the gap that was closed, in percent, with its interval."""
    return cell(100 * ranked.gap, 100 * ranked.gap_low, 100 * ranked.gap_high, 1)


def cell(
    value: float,
    low: float = math.nan,
    high: float = math.nan,
    places: int = 2,
    place: str = "",
) -> Cell:
    """Return a number with its interval; a dash where it is not known."""
    if not math.isfinite(value):
        return Cell(words.DASH, "", "", "")
    note = "" if math.isnan(low) else words.interval(low, high, places)
    return Cell(words.number(value, places), note, f"{value:.10g}", place)


def counted(value: float) -> Cell:
    """Return the mean of a number of things."""
    if not math.isfinite(value):
        return cell(math.nan)
    return Cell(words.count(value), "", f"{value:.10g}", "")
