"""Standings as files: JSON for programs, CSV for a spreadsheet, Markdown for a reader."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nasbench_suite.files import plain, write_whole
from nasbench_suite.leaderboards.standings import Entry, LeftOut, Standings
from nasbench_suite.leaderboards.together import Together

FORMAT: Final = "nasbench-standings-1"
DIGITS: Final = {"table": 10, "surrogate": 6}
"""With how many digits numbers are written: the others differ between processors."""
_COLUMNS: Final = (
    "entry",
    "benchmark",
    "share",
    "budget",
    "axis",
    "metric",
    "mean",
    "low",
    "high",
    "regret",
    "place",
    "rank",
    "rank_low",
    "rank_high",
    "rank_place",
)


def to_json(found: Standings) -> str:
    """Return the standings as JSON: the same bytes for the same submissions.

    What is not known is null; keys are sorted; numbers have `DIGITS` digits.
    """
    track = found.track
    content = {
        "format": FORMAT,
        "track": track.name,
        "track_version": track.version,
        "title": track.title,
        "source": track.source,
        "provisional": track.provisional,
        "workers": track.workers,
        "seeds": track.seeds,
        "checkpoints": track.checkpoints,
        "benchmarks": [{**asdict(task), "metric": task.metric._asdict()} for task in found.tasks],
        "entries": [_entry(entry) for entry in found.entries],
        "together": [_together(one) for one in found.together],
        "left_out": [asdict(one) for one in found.left_out],
    }
    rounded = plain(content, DIGITS[track.source])
    for told, entry in zip(rounded["entries"], found.entries, strict=True):
        told["settings"] = dict(entry.about.settings)
    return json.dumps(rounded, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(found: Standings) -> str:
    """Return one row an entry, benchmark and checkpoint; what is not known is empty."""
    digits = DIGITS[found.track.source]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for at, entry in enumerate(found.entries):
        for task, result in zip(found.tasks, entry.results, strict=True):
            for point, one in zip(result.points, found.together, strict=True):
                ranked = one.ranked[at]
                row: list[Any] = [entry.about.name, task.benchmark, one.share]
                row += [point.budget, task.axis, task.metric.name]
                row += [point.mean, point.low, point.high, point.regret, point.place]
                row += [ranked.rank, ranked.low, ranked.high, ranked.place]
                told = plain(row, digits)
                table.writerow("" if value is None else value for value in told)
    return text.getvalue()


def to_markdown(found: Standings) -> str:
    """Return a short page: ranks at the checkpoints, results at the end, and who is left out."""
    track = found.track
    head = [f"# {_cell(track.title)}: standings", ""]
    if track.provisional:
        head += ["Provisional: results are predictions, until the winners were trained.", ""]
    head += [f"Track `{track.name}`, version {_cell(track.version)}, {track.seeds} seeds.", ""]
    if not found.entries:
        head += ["No entries yet: docs/leaderboards.md says how to submit one.", ""]
    else:
        head += [*_ranks(found), *_finals(found)]
    return "\n".join([*head, *_missing(found.left_out)]).rstrip("\n") + "\n"


FILES: Final[Mapping[str, Callable[[Standings], str]]] = {
    "standings.json": to_json,
    "standings.csv": to_csv,
    "standings.md": to_markdown,
}
COMMITTED: Final = ("standings.json", "standings.md")
"""Which of them lie in the folder of a track, beside its submissions."""


def write(found: Standings, folder: Path, files: Iterable[str] = FILES) -> list[Path]:
    """Write the standings of a track to a folder, and return what was written.

    Raises:
        OutputError: it cannot be written.
    """
    written = []
    for name in files:
        write_whole(folder / name, FILES[name](found))
        written.append(folder / name)
    return written


def stale(found: Standings, folder: Path) -> list[Path]:
    """Return which of the files in the folder of a track are missing, or not these standings."""
    wrong = []
    for name in COMMITTED:
        path = folder / name
        if not path.is_file() or path.read_bytes() != FILES[name](found).encode("utf-8"):
            wrong.append(path)
    return wrong


def _entry(entry: Entry) -> dict[str, Any]:
    about = entry.about
    return {
        "name": about.name,
        "folder": entry.folder,
        "strategy": about.strategy,
        "protocol": about.protocol,
        "author": about.author,
        "code": about.code,
        "code_sha256": about.code_sha256,
        "description": about.description,
        "suite_version": about.suite_version,
        "results": [asdict(result) for result in entry.results],
    }


def _together(one: Together) -> dict[str, Any]:
    return {
        "share": one.share,
        "ranked": [asdict(ranked) for ranked in one.ranked],
        "critical_difference": one.difference,
        "alike": one.alike,
        "friedman": one.test._asdict(),
        "wins": one.wins,
    }


def _ranks(found: Standings) -> list[str]:
    """Return the table of average ranks, the best at the end of the budget first."""
    last = found.together[-1]
    order = sorted(range(len(found.entries)), key=lambda at: last.ranked[at].rank)
    shares = [f"{one.share:.0%} of the budget" for one in found.together]
    rows = []
    for at in order:
        about = found.entries[at].about
        cells = [f"`{about.name}`", _cell(about.author)]
        for one in found.together:
            ranked = one.ranked[at]
            cells.append(f"{ranked.rank:.2f}{_interval(ranked.low, ranked.high, 2)}{_mark(ranked)}")
        rows.append(cells)
    lines = ["## Average rank", "", *_table(["entry", "author", *shares], rows), ""]
    lines += [
        "1 is the best. In brackets the 95 % interval, seeds drawn anew; \\* is the best, and ~ is "
        "not told apart from it, the intervals overlapping.",
        "",
    ]
    if not math.isnan(last.difference):
        lines += [
            f"Over {len(found.tasks)} benchmarks Nemenyi's test tells average ranks apart from a "
            f"difference of {last.difference:.2f} on.",
            "",
        ]
    return lines


def _finals(found: Standings) -> list[str]:
    """Return the table of what entries reach on each benchmark when the budget is spent."""
    last = found.together[-1]
    order = sorted(range(len(found.entries)), key=lambda at: last.ranked[at].rank)
    heads = [f"{task.benchmark} ({task.metric.name})" for task in found.tasks]
    rows = []
    for at in order:
        entry = found.entries[at]
        cells = [f"`{entry.about.name}`"]
        for result in entry.results:
            point = result.points[-1]
            cells.append(f"{_number(point.mean)}{_interval(point.low, point.high)}{_mark(point)}")
        rows.append(cells)
    return ["## Mean when the budget is spent", "", *_table(["entry", *heads], rows), ""]


def _missing(left_out: tuple[LeftOut, ...]) -> list[str]:
    """Return the list of submissions that are not ranked."""
    if not left_out:
        return []
    lines = ["## Left out", ""]
    for one in left_out:
        fault = one.failure
        what = "superseded" if one.kind == "superseded" else "not accepted"
        line = "" if fault.line is None else f", line {fault.line}"
        same = f"; its name is also that of {', '.join(one.same_name)}" if one.same_name else ""
        text = f"{one.folder}: {what}: {fault.file}{line}: {fault.message} [{fault.code}]{same}"
        lines.append(f"- {_cell(text)}")
    return lines


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]


def _mark(one: Any) -> str:
    return {"best": " *", "tied": " ~", "": ""}[one.place].replace("*", "\\*")


def _interval(low: float, high: float, places: int | None = None) -> str:
    if math.isnan(low):
        return ""
    ends = [_number(end) if places is None else f"{end:.{places}f}" for end in (low, high)]
    return f" [{ends[0]}, {ends[1]}]"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.5g}"


def _cell(text: str) -> str:
    """Return a text of anybody's as Markdown shows it and does not read it."""
    kept = "".join(f"\\{letter}" if letter in "\\`*_[]|~#!" else letter for letter in text)
    for letters, told in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;")):
        kept = kept.replace(letters, told)
    return kept.replace("://", "&#58;//")
